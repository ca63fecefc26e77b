/**
 * The split into training and validation, done before anything else: the tokenizer too is trained on the training part.
 * It depends on the text and a seed of its own, not on the run's, so that no later run trains on what was held out here.
 */
import { Draws } from "../core/random.ts";

export interface Split<T> {
  readonly train: readonly T[];
  readonly validation: readonly T[];
}

/** From this many documents on, whole ones are held out; with fewer, one of them would be too large a share. */
export const MIN_DOCUMENTS = 10;
/** Share of the characters that is held out. */
export const VAL_SHARE = 0.1;

const lengthOf = (documents: readonly string[]): number => documents.reduce((sum, text) => sum + text.length, 0);

/**
 * About `valShare` of the characters held out. With at least 10 documents, whole ones drawn by the seed: corpora are ordered
 * by book, and the last tenth would be one author's. With fewer, the end of the text (`splitTail`). Order is kept in both parts.
 */
export function splitDocuments(documents: readonly string[], valShare = VAL_SHARE, seed = 0): Split<string> {
  const held = heldDocuments(documents.map(({ length }) => length), valShare, seed);
  if (!held) return splitTail(documents, valShare);
  return { train: documents.filter((_, i) => !held.has(i)), validation: documents.filter((_, i) => held.has(i)) };
}

/** Which documents are held out, by their lengths; null where the end of the text is, instead. */
export function heldDocuments(lengths: readonly number[], valShare = VAL_SHARE, seed = 0): ReadonlySet<number> | null {
  if (lengths.length < MIN_DOCUMENTS) return null;
  const wanted = valShare * lengths.reduce((sum, length) => sum + length, 0);
  const order = new Draws(seed, "batch", { site: "split" }).shuffle(lengths.map((_, i) => i));
  const held = new Set<number>();
  let size = 0;
  for (const i of order) {
    // Taken where it brings the share nearer to the one wanted.
    if (size + lengths[i] / 2 > wanted || held.size === lengths.length - 1) continue;
    held.add(i);
    size += lengths[i];
  }
  return held.size === 0 ? null : held;
}

/** The last `valShare` of the characters held out, cutting through a document where the border falls (never through a surrogate pair). */
export function splitTail(documents: readonly string[], valShare = VAL_SHARE): Split<string> {
  const border = Math.floor(lengthOf(documents) * (1 - valShare));
  const train: string[] = [];
  const validation: string[] = [];
  let at = 0;
  for (const text of documents) {
    let cut = Math.min(text.length, Math.max(0, border - at));
    if (cut > 0 && cut < text.length && isLowSurrogate(text.charCodeAt(cut))) cut--;
    if (cut > 0) train.push(text.slice(0, cut));
    if (cut < text.length) validation.push(text.slice(cut));
    at += text.length;
  }
  return { train, validation };
}

const isLowSurrogate = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff;

/** Between two documents that are read as one stream. */
export const STREAM_SEPARATOR = "\n\n";

/** All documents as one text, cut at 1 - valShare of its characters: nanoGPT's split, for comparisons with it. */
export function splitStream(documents: readonly string[], valShare = VAL_SHARE): Split<string> {
  return splitTail([documents.join(STREAM_SEPARATOR)], valShare);
}

/**
 * About `valShare` of the items held out, drawn by the seed; at least one where there are two. Order is kept.
 * @param usable items that a batch can hold: only these are held out and counted, the others stay where they do no harm
 */
export function splitExamples<T>(examples: readonly T[], valShare = VAL_SHARE, seed = 0, usable: (example: T) => boolean = () => true): Split<T> {
  const order = new Draws(seed, "batch", { site: "split" }).shuffle(examples.map((_, i) => i)).filter((i) => usable(examples[i]));
  const count = order.length < 2 || valShare <= 0 ? 0 : Math.min(order.length - 1, Math.max(1, Math.round(valShare * order.length)));
  const held = new Set(order.slice(0, count));
  return { train: examples.filter((_, i) => !held.has(i)), validation: examples.filter((_, i) => held.has(i)) };
}
