/**
 * A file that a person opened as a model: told apart by its first bytes, unpacked if it is an archive of a model folder, refused
 * with the reason if it is a pickle, which runs code when it is loaded. What the files mean is `huggingface.ts` and `peft.ts`.
 */
import { NestlingError } from "../core/errors.ts";
import { MODEL_FILES } from "./huggingface.ts";
import { ADAPTER_FILES } from "./peft.ts";
import type { ByteSource } from "./storage.ts";
import { listZip, readZip, ZIP_LIMITS } from "./zip.ts";

export interface OpenedFolder {
  readonly kind: "model" | "adapter";
  readonly files: Map<string, Uint8Array<ArrayBuffer>>;
  /** Files of the archive that were not looked into. */
  readonly ignored: readonly string[];
}

const WANTED: ReadonlySet<string> = new Set([...Object.values(MODEL_FILES), ...Object.values(ADAPTER_FILES)]);
const PICKLE_NAME = /\.(pt|pth|bin|ckpt|pkl|pickle)$/i;
const INDEX = "model.safetensors.index.json";

/** @throws CKPT_PICKLE, CKPT_MISSING, ZIP_FORMAT */
export async function openModelFile(name: string, source: ByteSource): Promise<OpenedFolder> {
  const first = await source.read(0, Math.min(8, source.size));
  if (first[0] === 0x80 && first[1]! >= 2 && first[1]! <= 5) throw pickle(name);
  const isZip = first[0] === 0x50 && first[1] === 0x4b && (first[2] === 3 || first[2] === 5);
  if (!isZip) {
    if (PICKLE_NAME.test(name)) throw pickle(name);
    if (/\.safetensors$/i.test(name)) throw new NestlingError("CKPT_MISSING", `${show(name)} holds weights alone. Open it together with config.json and tokenizer.json, or a zip of the three.`, { name });
    throw new NestlingError("ZIP_FORMAT", `${show(name)} is no zip: its first bytes are ${[...first.slice(0, 4)].join(" ")}, expected 80 75 3 4. Open a zip of a model folder (config.json, model.safetensors, tokenizer.json).`, { name });
  }
  if ((await listZip(source)).some((entry) => /(^|\/)data\.pkl$/.test(entry))) throw pickle(name);
  const { files, ignored } = await readZip(source, WANTED);
  return folderOf(name, files, ignored);
}

/**
 * The files of a model folder as they lie, given one by one.
 * @throws CKPT_PICKLE, CKPT_MISSING, ZIP_FORMAT where they hold more than a zip may
 */
export async function openModelFiles(name: string, given: readonly { readonly name: string; readonly source: ByteSource }[]): Promise<OpenedFolder> {
  const ignored = given.filter((file) => !WANTED.has(file.name)).map((file) => file.name);
  const wanted = given.filter((file) => WANTED.has(file.name));
  const bytes = wanted.reduce((sum, { source }) => sum + source.size, 0);
  if (bytes > ZIP_LIMITS.unpackedBytes) throw new NestlingError("ZIP_FORMAT", `${show(name)} and the files with it have ${bytes} bytes; allowed are ${ZIP_LIMITS.unpackedBytes}.`, { bytes, allowed: ZIP_LIMITS.unpackedBytes });
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const file of wanted) files.set(file.name, await file.source.read(0, file.source.size));
  return folderOf(name, files, ignored);
}

function folderOf(name: string, files: OpenedFolder["files"], ignored: readonly string[]): OpenedFolder {
  if (files.has(MODEL_FILES.weights) && files.has(MODEL_FILES.config)) return { kind: "model", files, ignored };
  if (files.has(ADAPTER_FILES.weights) && files.has(ADAPTER_FILES.config)) return { kind: "adapter", files, ignored };
  const pickled = ignored.find((entry) => PICKLE_NAME.test(entry));
  if (pickled !== undefined) throw pickle(pickled);
  const why = ignored.includes(INDEX) ? "its weights are spread over several files, which is not read; save them as one" : `found ${[...files.keys(), ...ignored].join(", ").slice(0, 200) || "nothing"}`;
  throw new NestlingError("CKPT_MISSING", `${show(name)} lacks config.json or model.safetensors: ${why}.`, { name, found: [...files.keys()], ignored });
}

function pickle(name: string): NestlingError {
  return new NestlingError("CKPT_PICKLE", `${show(name)} is a PyTorch pickle, which can run code when it is opened; it is never read. Export safetensors instead (model.save_pretrained does).`, { name });
}

const show = (name: string): string => JSON.stringify(name.slice(0, 80));
