/** Files in and out of the page: what a dropped file is, whether a drag carries one, and saving a blob under a name. */

export type DroppedKind = "text" | "model" | "recipe" | "other";

/** By its ending: the engine checks what is really in it. */
export function kindOfFile(name: string): DroppedKind {
  if (/\.(txt|md|markdown|text|csv|tsv|jsonl|ndjson)(\.gz)?$|\.gz$/i.test(name)) return "text";
  if (/\.json$/i.test(name)) return "recipe";
  return /\.zip$/i.test(name) ? "model" : "other";
}

/** A file dropped from elsewhere, or text dragged from another window. */
export function droppedFrom(transfer: DataTransfer): { readonly name: string; readonly data: Blob } | undefined {
  const file = transfer.files[0];
  if (file !== undefined) return { name: file.name, data: file };
  const text = transfer.getData("text/plain");
  return text === "" ? undefined : { name: "Dropped text.txt", data: new Blob([text], { type: "text/plain" }) };
}

/** A file name that every system takes. */
export function fileName(name: string, step: number): string {
  const plain = name.normalize("NFKD").replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[-.]+|[-.]+$/g, "").slice(0, 60);
  return `${plain === "" ? "model" : plain}${step > 0 ? `-step-${step}` : ""}.zip`;
}

export function saveBlob(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The download has its own hold on the blob by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
