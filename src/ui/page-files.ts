/** Files in and out of the page: what a dropped file is, whether a drag carries one, and saving a blob under a name. */

export type DroppedKind = "text" | "model" | "model part" | "recipe" | "other";

/** By its ending: the engine checks what is really in it. */
export function kindOfFile(name: string): DroppedKind {
  if (/\.(txt|md|markdown|text|csv|tsv|jsonl|ndjson)(\.gz)?$|\.gz$/i.test(name)) return "text";
  if (/\.json$/i.test(name)) return "recipe";
  return /\.zip$/i.test(name) ? "model" : "other";
}

const isModelPart = (name: string): boolean => /\.(safetensors|json)$/i.test(name);

/** Files that came together, as what each is: beside weights, JSON belongs to the model. */
export function kindsOf(files: readonly Given[]): readonly DroppedKind[] {
  const weights = files.some(({ name }) => /\.safetensors$/i.test(name));
  return files.map(({ name }) => (weights && isModelPart(name) ? "model part" : kindOfFile(name)));
}

/** What a model that was opened from these is called: as its zip, or as its weights. */
export const modelName = (files: readonly Given[]): string => (files.find(({ name }) => /\.(zip|safetensors)$/i.test(name)) ?? files[0])?.name ?? "";

export interface Given {
  readonly name: string;
  readonly data: Blob;
}

/** Files dropped or pasted from elsewhere, or text dragged from another window; folders are named, and not opened. */
export function givenFrom(transfer: DataTransfer): { readonly files: readonly Given[]; readonly folders: readonly string[] } {
  const files: Given[] = [];
  const folders: string[] = [];
  for (const item of transfer.items) {
    if (item.kind !== "file") continue;
    const file = item.getAsFile();
    if (file === null) continue;
    // A folder passes for a file until it is read.
    if (item.webkitGetAsEntry?.()?.isDirectory === true) folders.push(file.name);
    else files.push({ name: file.name, data: file });
  }
  if (files.length + folders.length > 0) return { files, folders };
  const text = transfer.getData("text/plain");
  return { files: text === "" ? [] : [{ name: "Dropped text.txt", data: new Blob([text], { type: "text/plain" }) }], folders };
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
