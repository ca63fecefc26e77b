/** Puts a checkpoint's zip on disk as the plain folder that transformers opens. What stands in the zip is the store's business. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { NestlingError } from "../core/errors.ts";
import { listZip, readZip } from "../store/zip.ts";

/** A model folder is flat: no entry may name another folder. */
const PLAIN_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,100}$/;

/** Unpacks the archive into `folder` (made where missing) and returns the names written. @throws NestlingError ZIP_FORMAT */
export async function unpackTo(folder: string, archive: Uint8Array<ArrayBuffer>): Promise<string[]> {
  const source = { size: archive.length, read: (begin: number, end: number) => Promise.resolve(archive.slice(begin, end)) };
  const stored = await listZip(source);
  const wanted = new Set(stored.map((name) => name.slice(name.lastIndexOf("/") + 1)).filter((name) => name !== ""));
  const { files } = await readZip(source, wanted, archive.length);
  const names = [...files.keys()];
  const odd = names.find((name) => !PLAIN_NAME.test(name));
  if (odd !== undefined || names.length === 0) {
    throw new NestlingError("ZIP_FORMAT", `the checkpoint's archive holds ${odd === undefined ? "no file" : `a file named "${odd.slice(0, 80)}"`}; nothing was written`);
  }
  await mkdir(folder, { recursive: true });
  for (const [name, bytes] of files) await writeFile(join(folder, name), bytes);
  return names;
}
