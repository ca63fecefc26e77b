/**
 * Batches from running text: windows drawn by the counter-based generator, so that a draw depends on (seed, step, micro,
 * row) and on nothing that happened before. Chat is `chat-batches.ts`, several sources at once `mixture.ts`.
 */
import { NestlingError } from "../core/errors.ts";
import { Draws } from "../core/random.ts";
import { emptyBatch, type Batch, type BatchSource, type RowAddress } from "./batch-types.ts";
import type { Numbers, TokenDataset, TokenStream } from "./dataset.ts";

export interface TextBatchOptions {
  readonly seed: number;
  /**
   * "document" (default): a window that would begin less than T tokens into a document begins at its start, so that short
   * documents are read from their first word. "anywhere": every window is equally likely, as in nanoGPT.
   */
  readonly rowsBegin?: "document" | "anywhere";
}

export class TextBatches implements BatchSource {
  readonly trainTokens: number;
  readonly validationTokens: number;
  readonly hash: string;
  readonly #dataset: TokenDataset;
  readonly #seed: number;
  readonly #snap: boolean;

  constructor(dataset: TokenDataset, options: TextBatchOptions) {
    this.#dataset = dataset;
    this.#seed = options.seed;
    this.#snap = options.rowsBegin !== "anywhere";
    this.trainTokens = dataset.train.tokens.length;
    this.validationTokens = dataset.validation.tokens.length;
    this.hash = dataset.hash;
  }

  train(step: number, micro: number, B: number, T: number): Batch {
    return fillBatch(this, "train", step, micro, B, T);
  }

  evaluate(index: number, B: number, T: number): Batch {
    return fillBatch(this, "validation", index, 0, B, T);
  }

  /** Where a validation text is shorter than a row, the row holds all of it and is padded: mask 0, a start of its own. */
  fillRow(batch: Batch, into: number, at: RowAddress): void {
    const { T } = batch;
    const stream = this.#dataset[at.split];
    const { length } = stream.tokens;
    if (length < 2 || (at.split === "train" && length < T + 1)) {
      throw new NestlingError("DATA_TOO_SHORT", `The ${at.split === "train" ? "training" : "validation"} text has ${length} tokens; a row of ${T} needs at ` +
        `least ${at.split === "train" ? T + 1 : 2}. Use more text, or a smaller block_size.`, { tokens: length, needed: at.split === "train" ? T + 1 : 2 });
    }
    const draws = new Draws(this.#seed, at.split === "train" ? "batch" : "eval", { step: at.step, micro: at.micro, site: "text" });
    const offset = Math.floor(draws.u32(at.row) * 2 ** -32 * Math.max(1, length - T));
    const document = this.#snap ? documentAt(stream, offset) : -1;
    const opening = document >= 0 ? stream.documentStarts.subarray(document, document + 1)[0] : 0;
    const begin = document >= 0 && offset - opening < T ? opening : offset;
    fillWindow(batch, into, stream, begin);
  }
}

/** All rows of one batch from a source's `fillRow`. */
export function fillBatch(source: Pick<BatchSource, "fillRow">, split: RowAddress["split"], step: number, micro: number, B: number, T: number): Batch {
  const batch = emptyBatch(B, T);
  for (let row = 0; row < B; row++) source.fillRow(batch, row, { split, step, micro, row, rows: B });
  return batch;
}

/** Index of the document that holds token `offset`; -1 where there are none. */
const documentAt = ({ documentStarts }: TokenStream, offset: number): number => upperBound(documentStarts, offset) - 1;

/** How many of the ascending numbers are at most `value`. */
export function upperBound(numbers: Numbers, value: number): number {
  if (numbers.upperBound) return numbers.upperBound(value);
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers.subarray(middle, middle + 1)[0] <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Tokens begin..begin+T-1 as a row. The last token of a document is asked for the next one's `<|endoftext|>`: that is its end. */
function fillWindow(batch: Batch, into: number, stream: TokenStream, begin: number): void {
  const { T } = batch;
  const row = into * T;
  const columns = Math.min(T, stream.tokens.length - 1 - begin);
  const tokens = stream.tokens.subarray(begin, begin + columns + 1);
  const first = documentAt(stream, begin) + 1;
  const starts = stream.documentStarts.subarray(first, Math.min(first + columns, stream.documentStarts.length));
  let next = 0;
  let start = 0;
  for (let column = 0; column < columns; column++) {
    if (starts[next] === begin + column) {
      start = column;
      next++;
    }
    batch.ids[row + column] = tokens[column];
    batch.targets[row + column] = tokens[column + 1];
    batch.start[row + column] = start;
    batch.pos[row + column] = column - start;
    batch.mask[row + column] = 1;
  }
  batch.tokens += columns;
  padRow(batch, into, columns);
}

/** Columns from `from` on as padding: token 0, mask 0, one document of its own that nothing else sees. */
export function padRow(batch: Batch, into: number, from: number): void {
  for (let column = from; column < batch.T; column++) {
    const n = into * batch.T + column;
    batch.ids[n] = 0;
    batch.targets[n] = 0;
    batch.mask[n] = 0;
    batch.start[n] = from;
    batch.pos[n] = column - from;
  }
}
