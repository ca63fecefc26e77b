/** The texts that ship with the page: their list, where they lie, and how a file becomes documents. Making the files is `pack.ts`. */

export interface CorpusInfo {
  readonly id: "stories" | "plays" | "books" | "own-code";
  readonly title: string;
  readonly description: string;
}

export const CORPORA: readonly CorpusInfo[] = [
  {
    id: "stories",
    title: "Stories",
    description: "Children's books: Alice's Adventures in Wonderland, Stories to Tell to Children, The Parent's Assistant.",
  },
  {
    id: "plays",
    title: "Plays",
    description: "Shakespeare's Hamlet, Macbeth and Julius Caesar in the spelling of the First Folio.",
  },
  {
    id: "books",
    title: "Books",
    description: "Seventeen books in the public domain: the stories and plays, Austen, Melville, Chesterton, Blake, Milton, Whitman and the King James Bible.",
  },
  {
    id: "own-code",
    title: "This program",
    description: "Nestling's own source: its TypeScript and its WGSL shaders, one file a document. A model of it writes what almost compiles.",
  },
];

/** Stands between two documents; no text that ships holds it. */
export const DOCUMENT_SEPARATOR = "\f";

/** Address of a corpus's file, relative to the page. */
export const corpusPath = (id: CorpusInfo["id"]): string => `corpora/${id}.txt`;

export const serializeCorpus = (documents: readonly string[]): string => documents.join(DOCUMENT_SEPARATOR);

export function parseCorpus(text: string): string[] {
  return text.split(DOCUMENT_SEPARATOR).filter((document) => document.trim() !== "");
}
