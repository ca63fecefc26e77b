/**
 * Text that need not fit into memory: its documents in pieces, split into training and validation as `split.ts` splits whole texts, and cut
 * where a tokenizer cuts anyway. Encoding it is `token-writer.ts`.
 */
import { Draws } from "../core/random.ts";
import { safeCut, type DocumentPiece } from "./stored-text.ts";
import { heldDocuments, MIN_DOCUMENTS, STREAM_SEPARATOR, VAL_SHARE } from "./split.ts";

export interface TextSource {
  readonly documents: number;
  /** UTF-16 units of all documents. */
  readonly characters: number;
  /** From the beginning, at every call. */
  pieces(): Iterable<DocumentPiece>;
}

export type Part = "train" | "validation";

/** A piece of one part; `begins` where a document begins with it. */
export interface PartPiece {
  readonly part: Part;
  readonly text: string;
  readonly begins: boolean;
}

/** With more documents each is drawn on its own: a list of all lengths would grow with the text. */
const MAX_LISTED = 1 << 20;

/** Documents in memory as a source. */
export function sourceOf(documents: readonly string[]): TextSource {
  return {
    documents: documents.length, characters: documents.reduce((sum, { length }) => sum + length, 0),
    *pieces() {
      for (const text of documents) yield { text, ends: true };
    },
  };
}

/**
 * The source's pieces by part, in the order of the text, pieces of one part following each other as its documents do. The same parts as
 * `splitDocuments` (or, with `stream`, `splitStream`) gives.
 */
export function* splitSource(source: TextSource, options: { readonly stream: boolean }): Generator<PartPiece> {
  if (options.stream) return yield* splitAt(joined(source), source.characters + STREAM_SEPARATOR.length * (source.documents - 1));
  const held = source.documents < MIN_DOCUMENTS ? null : source.documents > MAX_LISTED ? drawn() : listed(source);
  if (held === null) return yield* splitAt(source.pieces(), source.characters);
  let document = 0;
  let begins = true;
  for (const { text, ends } of source.pieces()) {
    if (text !== "" || begins) yield { part: held(document) ? "validation" : "train", text, begins };
    begins = ends;
    if (ends) document++;
  }
}

const drawn = (): ((document: number) => boolean) => {
  const draws = new Draws(0, "batch", { site: "split.document" });
  return (document) => draws.float(document) < VAL_SHARE;
};

function listed(source: TextSource): ((document: number) => boolean) | null {
  const lengths = [0];
  for (const { text, ends } of source.pieces()) {
    lengths[lengths.length - 1] += text.length;
    if (ends) lengths.push(0);
  }
  lengths.pop();
  const held = heldDocuments(lengths);
  return held && ((document) => held.has(document));
}

/** All documents as one. */
function* joined(source: TextSource): Generator<DocumentPiece> {
  let between = false;
  for (const { text, ends } of source.pieces()) {
    if (between) yield { text: STREAM_SEPARATOR, ends: false };
    between = ends;
    yield { text, ends: false };
  }
}

/** The last tenth of the characters held out, through a document where the border falls. */
function* splitAt(pieces: Iterable<DocumentPiece>, characters: number): Generator<PartPiece> {
  const border = Math.floor(characters * (1 - VAL_SHARE));
  let at = 0;
  let part: Part = "train";
  let begins = true;
  for (const { text, ends } of pieces) {
    let start = 0;
    if (part === "train" && at + text.length > border) {
      start = safeCut(text, border - at);
      if (start > 0) yield { part, text: text.slice(0, start), begins };
      part = "validation";
      begins = true;
    }
    at += text.length;
    if (start < text.length) {
      yield { part, text: text.slice(start), begins };
      begins = false;
    }
    if (ends) begins = true;
  }
}

const PIECE = 1 << 18;
/** Without white space for so long the text is cut anyway; what stands on both sides of the cut is then encoded apart. */
const LONGEST = 1 << 20;

/**
 * The same pieces regrouped: each at most about a million characters, and two of one document meet before white space that follows
 * something visible, where the pre-tokenizer cuts too. So encoding them one by one gives what the whole document would.
 */
export function* encodablePieces(pieces: Iterable<PartPiece>): Generator<PartPiece> {
  let waiting: PartPiece | null = null;
  for (const piece of pieces) {
    if (waiting && (piece.begins || piece.part !== waiting.part)) {
      yield waiting;
      waiting = null;
    }
    let text: string = waiting ? waiting.text + piece.text : piece.text;
    let begins: boolean = waiting ? waiting.begins : piece.begins;
    for (let cut = cutOf(text); cut > 0; cut = cutOf(text)) {
      yield { part: piece.part, text: text.slice(0, cut), begins };
      text = text.slice(cut);
      begins = false;
    }
    waiting = { part: piece.part, text, begins };
  }
  if (waiting) yield waiting;
}

/** Where to cut a text that is long enough, or 0. */
function cutOf(text: string): number {
  if (text.length <= 2 * PIECE) return 0;
  for (const border of [/\P{White_Space}\n/gu, /\P{White_Space}\p{White_Space}/gu]) {
    border.lastIndex = PIECE;
    // From the middle of a surrogate pair the engine steps back to its start; a match still ends in white space.
    const found = border.exec(text);
    if (found && border.lastIndex - 1 <= LONGEST) return border.lastIndex - 1;
  }
  return text.length > LONGEST ? safeCut(text, LONGEST) : 0;
}
