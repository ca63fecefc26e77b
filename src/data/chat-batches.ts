/**
 * Batches from conversations: whole examples packed into rows, each a document of its own, loss on the assistant's tokens
 * only. An example too long for a row is left out and counted: cut short, it would teach answers to questions not seen.
 */
import { NestlingError } from "../core/errors.ts";
import { Draws } from "../core/random.ts";
import type { Batch, BatchSource, RowAddress } from "./batch-types.ts";
import { fillBatch, padRow } from "./batches.ts";
import { columnsOf, type ChatDataset, type EncodedChat } from "./chat.ts";

export interface ChatBatchOptions {
  readonly seed: number;
  /** Micro-batches a step (gradient_accumulation_steps): with it, step and micro count through the epochs without a gap. */
  readonly accumulation?: number;
}

/** Rows as lists of example indices. */
type Packing = readonly (readonly number[])[];

/** What was computed for one T; all of it can be computed again from the seed. */
interface PackingCache {
  readonly T: number;
  readonly usable: readonly number[];
  /** epochEnds[e] = rows in epochs 0..e. */
  readonly epochEnds: number[];
  readonly packings: Map<number, Packing>;
  readonly validation: Packing;
}

export class ChatBatches implements BatchSource {
  readonly trainTokens: number;
  readonly validationTokens: number;
  readonly hash: string;
  readonly #dataset: ChatDataset;
  readonly #seed: number;
  readonly #accumulation: number;
  #cache: PackingCache | null = null;

  constructor(dataset: ChatDataset, options: ChatBatchOptions) {
    this.#dataset = dataset;
    this.#seed = options.seed;
    this.#accumulation = options.accumulation ?? 1;
    const count = (examples: readonly EncodedChat[]): number => examples.reduce((sum, { ids }) => sum + ids.length, 0);
    this.trainTokens = count(dataset.train);
    this.validationTokens = count(dataset.validation);
    this.hash = dataset.hash;
  }

  /** Examples that do not fit into a row of T columns. */
  skipped(T: number): { readonly train: number; readonly validation: number } {
    const count = (examples: readonly EncodedChat[]): number => examples.filter((example) => columnsOf(example) > T).length;
    return { train: count(this.#dataset.train), validation: count(this.#dataset.validation) };
  }

  train(step: number, micro: number, B: number, T: number): Batch {
    return fillBatch(this, "train", step, micro, B, T);
  }

  /** Counts through the packed validation examples and begins again after the last row. */
  evaluate(index: number, B: number, T: number): Batch {
    return fillBatch(this, "validation", index, 0, B, T);
  }

  fillRow(batch: Batch, into: number, at: RowAddress): void {
    const cache = this.#packed(batch.T);
    const examples = this.#dataset[at.split];
    if (at.split === "train") {
      this.#needs(cache.usable.length, examples.length, "training", batch.T);
      this.#place(batch, into, examples, this.#trainRow(cache, (at.step * this.#accumulation + at.micro) * at.rows + at.row));
    } else {
      this.#needs(cache.validation.length, examples.length, "validation", batch.T);
      this.#place(batch, into, examples, cache.validation[(at.step * at.rows + at.row) % cache.validation.length]);
    }
  }

  #needs(usable: number, all: number, which: string, T: number): void {
    if (usable > 0) return;
    if (all === 0) throw new NestlingError("DATA_EMPTY", `There are 0 ${which} examples; at least 1 is needed. Add conversations.`, { which });
    throw new NestlingError("CONFIG_RANGE", `All ${all} ${which} examples are longer than a row of ${T} tokens, and none is cut short. ` +
      "Use shorter conversations, or a model with a larger block_size.", { field: "block_size", value: T, examples: all });
  }

  #packed(T: number): PackingCache {
    if (this.#cache?.T === T) return this.#cache;
    const fitting = (examples: readonly EncodedChat[]): number[] => examples.flatMap((example, i) => (columnsOf(example) <= T ? [i] : []));
    const held = new Draws(this.#seed, "eval", { site: "chat" }).shuffle(fitting(this.#dataset.validation));
    return (this.#cache = {
      T,
      usable: fitting(this.#dataset.train),
      epochEnds: [],
      packings: new Map(),
      validation: packRows(held, (i) => columnsOf(this.#dataset.validation[i]), T),
    });
  }

  /** Row `number`, counted through all epochs. Epochs differ in their number of rows, so earlier ones are packed once to count them. */
  #trainRow(cache: PackingCache, number: number): readonly number[] {
    const { epochEnds } = cache;
    while ((epochEnds.at(-1) ?? 0) <= number) epochEnds.push((epochEnds.at(-1) ?? 0) + this.#epoch(cache, epochEnds.length).length);
    let low = 0;
    let high = epochEnds.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (epochEnds[middle] > number) high = middle;
      else low = middle + 1;
    }
    return this.#epoch(cache, low)[number - (epochEnds[low - 1] ?? 0)];
  }

  #epoch(cache: PackingCache, epoch: number): Packing {
    const known = cache.packings.get(epoch);
    if (known) return known;
    const order = new Draws(this.#seed, "batch", { step: epoch, site: "chat.epoch" }).shuffle([...cache.usable]);
    const packing = packRows(order, (i) => columnsOf(this.#dataset.train[i]), cache.T);
    if (cache.packings.size >= 4) cache.packings.delete(cache.packings.keys().next().value!);
    cache.packings.set(epoch, packing);
    return packing;
  }

  #place(batch: Batch, into: number, examples: readonly EncodedChat[], row: readonly number[]): void {
    let column = 0;
    for (const index of row) {
      const { ids, mask } = examples[index];
      const start = column;
      for (let i = 0; i + 1 < ids.length; i++, column++) {
        const n = into * batch.T + column;
        batch.ids[n] = ids[i];
        batch.targets[n] = ids[i + 1];
        batch.mask[n] = mask[i + 1];
        batch.start[n] = start;
        batch.pos[n] = i;
        batch.tokens += mask[i + 1];
      }
    }
    padRow(batch, into, column);
  }
}

/** Best fit: each item, in order, into the row where it leaves the least room; a new row where it fits none. */
export function packRows(order: readonly number[], columns: (item: number) => number, T: number): number[][] {
  const rows: number[][] = [];
  /** byRoom[r] = rows with r columns left. */
  const byRoom: number[][] = Array.from({ length: T + 1 }, () => []);
  for (const item of order) {
    const size = columns(item);
    let room = size;
    while (room <= T && byRoom[room].length === 0) room++;
    const row = room <= T ? byRoom[room].pop()! : rows.push([]) - 1;
    rows[row].push(item);
    byRoom[(room <= T ? room : T) - size].push(row);
  }
  return rows;
}
