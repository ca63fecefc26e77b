/**
 * Batches from preferences: rows 2p and 2p + 1 are the chosen and the rejected answer to one prompt, each row one document, what counts is the
 * last answer alone. A pair of which an answer is too long for a row is left out and counted.
 */
import { NestlingError } from "../core/errors.ts";
import { Draws } from "../core/random.ts";
import { emptyBatch, type Batch, type BatchSource, type PairSource, type RowAddress } from "./batch-types.ts";
import { padRow } from "./batches.ts";
import { columnsOf, encodeChat, type ChatMessage, type EncodedChat } from "./chat.ts";
import { datasetHash } from "./dataset.ts";
import { splitExamples } from "./split.ts";
import type { Tokenizer } from "./tokenizer/types.ts";

/** What somebody prefers: the fields as in TRL's preference datasets. */
export interface PreferencePair {
  readonly prompt: readonly ChatMessage[];
  readonly chosen: string;
  readonly rejected: string;
}

/** Chosen and rejected. */
type EncodedPair = readonly [EncodedChat, EncodedChat];

export interface PreferenceOptions {
  readonly seed: number;
  readonly T: number;
  /** Micro-batches a step (gradient_accumulation_steps). */
  readonly accumulation?: number;
}

function encodePair(tokenizer: Tokenizer, { prompt, chosen, rejected }: PreferencePair): EncodedPair {
  const asked = encodeChat(tokenizer, prompt, { addGenerationPrompt: true }).ids.length;
  const row = (content: string): EncodedChat => {
    const { ids, mask } = encodeChat(tokenizer, [...prompt, { role: "assistant", content }]);
    // Earlier answers are the same in both rows.
    return { ids, mask: mask.map((counts, i) => (i < asked ? 0 : counts)) };
  };
  return [row(chosen), row(rejected)];
}

export class PreferenceBatches implements BatchSource {
  readonly trainTokens: number;
  readonly validationTokens: number;
  readonly hash: string;
  readonly pairs: PairSource;
  /** Pairs that do not fit into rows of T columns. */
  readonly leftOut: number;
  readonly #train: readonly EncodedPair[];
  readonly #validation: readonly EncodedPair[];
  readonly #options: PreferenceOptions;
  #order: { readonly epoch: number; readonly pairs: readonly number[] } = { epoch: -1, pairs: [] };

  /** @throws NestlingError DATA_TOO_LONG where fewer than two pairs fit: one to learn from and one held out */
  constructor(tokenizer: Tokenizer, given: readonly PreferencePair[], options: PreferenceOptions) {
    const encoded = given.map((pair) => encodePair(tokenizer, pair));
    const fits = (pair: EncodedPair): boolean => pair.every((row) => columnsOf(row) <= options.T);
    this.leftOut = encoded.filter((pair) => !fits(pair)).length;
    const longest = encoded.reduce((most, pair) => Math.max(most, ...pair.map(columnsOf)), 0);
    if (encoded.length - this.leftOut < 2) {
      throw new NestlingError("DATA_TOO_LONG", `Of ${encoded.length} pairs ${encoded.length - this.leftOut} fit${encoded.length - this.leftOut === 1 ? "s" : ""} the model's context of ${options.T} tokens, the longest row has ${longest}; at least 2 are needed, one to learn from and one held out. Add pairs, shorten them, or take a model with a larger context.`, { pairs: encoded.length, longest, context: options.T });
    }
    const { train, validation } = splitExamples(encoded, undefined, 0, fits);
    [this.#train, this.#validation, this.#options] = [train, validation, options];
    const count = (pairs: readonly EncodedPair[]): number => pairs.reduce((sum, [a, b]) => sum + a.ids.length + b.ids.length, 0);
    [this.trainTokens, this.validationTokens] = [count(train), count(validation)];
    const parts = (pairs: readonly EncodedPair[]): (Uint32Array | Float32Array)[] => pairs.flatMap((pair) => pair.flatMap(({ ids, mask }) => [ids, mask]));
    this.hash = datasetHash(["preferences", tokenizer.hash, ...parts(train), "validation", ...parts(validation)]);
    const all = [...train, ...validation];
    this.pairs = { count: all.length, at: (from, B, T) => this.#batch(B, T, (p) => (from + p) % all.length) };
  }

  train(step: number, micro: number, B: number, T: number): Batch {
    const from = (step * (this.#options.accumulation ?? 1) + micro) * (B / 2);
    return this.#batch(B, T, (p) => this.#drawn(from + p));
  }

  evaluate(index: number, B: number, T: number): Batch {
    return this.#batch(B, T, (p) => this.#train.length + ((index * (B / 2) + p) % this.#validation.length));
  }

  /** Rows of pairs do not mix with rows of text. */
  fillRow(_batch: Batch, _into: number, _at: RowAddress): void {
    throw new NestlingError("CONFIG_RANGE", "Preferences were mixed with other data in one stage; each batch compares two answers. Give preferences a stage of their own.", { field: "data" });
  }

  /** Pair `number`, counted through all epochs, each in an order of its own. */
  #drawn(number: number): number {
    const { length } = this.#train;
    const epoch = Math.floor(number / length);
    if (this.#order.epoch !== epoch) {
      const draws = new Draws(this.#options.seed, "batch", { step: epoch, site: "preferences.epoch" });
      this.#order = { epoch, pairs: draws.shuffle(Array.from({ length }, (_, i) => i)) };
    }
    return this.#order.pairs[number % length]!;
  }

  #batch(B: number, T: number, pairOf: (p: number) => number): Batch {
    const batch: Batch = { ...emptyBatch(B, T), pairs: Uint32Array.from({ length: B / 2 }, (_, p) => pairOf(p)) };
    batch.pairs!.forEach((pair, p) => {
      const rows = pair < this.#train.length ? this.#train[pair]! : this.#validation[pair - this.#train.length]!;
      rows.forEach((row, side) => placeRow(batch, 2 * p + side, row));
    });
    batch.tokens = B / 2;
    return batch;
  }
}

function placeRow(batch: Batch, into: number, { ids, mask }: EncodedChat): void {
  for (let i = 0; i + 1 < ids.length; i++) {
    const n = into * batch.T + i;
    batch.ids[n] = ids[i]!;
    batch.targets[n] = ids[i + 1]!;
    batch.mask[n] = mask[i + 1]!;
    batch.start[n] = 0;
    batch.pos[n] = i;
  }
  padRow(batch, into, ids.length - 1);
}
