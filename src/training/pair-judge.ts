/**
 * Preferences as the host sees them: what the reference gave each answer, computed once and kept as data, and how often the model prefers what it
 * should. The loss that trains is `kernels/preference-loss.ts`.
 */
import { NestlingError } from "../core/errors.ts";
import type { Batch, BatchSource, PairSource } from "../data/batch-types.ts";
import { pairOnHost, type Objective } from "./objectives/index.ts";

/** What a held-out look finds. */
export interface Validation {
  /** Mean over the targets, or over the pairs. */
  readonly loss: number;
  /** Share of held-out pairs in which the model prefers the chosen answer by more than its reference does. */
  readonly preferred?: number;
}

/** What it needs of a trainer. */
export interface PairRows {
  readonly B: number;
  readonly T: number;
  readonly data: BatchSource;
  /** (B T) log-probabilities of a batch's targets under the weights as they are. */
  logprobs(batch: Batch): Promise<Float32Array>;
}

type Breathe = (() => Promise<void>) | undefined;

export class PairJudge {
  /** (2 pairs) the reference's log-probability of each answer, chosen and rejected by turns; empty until it was scored or restored. */
  #reference: Float32Array = new Float32Array();

  constructor(
    readonly rows: PairRows,
    readonly objective: Extract<Objective, { kind: "preference" }>,
  ) {}

  /** @throws NestlingError CONFIG_RANGE where the data hold no pairs */
  get pairs(): PairSource {
    const { pairs } = this.rows.data;
    if (!pairs) throw new NestlingError("CONFIG_RANGE", "A stage that learns from preferences was given data without pairs of answers. Use a corpus of pairs, such as world-preferences.", { field: "data.corpus" });
    return pairs;
  }

  get reference(): Float32Array {
    return this.#reference.slice();
  }

  /** Takes what a checkpoint kept. */
  restore(reference: Float32Array): void {
    this.#reference = reference.slice();
  }

  /** Makes the weights as they are the reference. */
  async score(breathe: Breathe, onProgress?: (share: number) => void): Promise<void> {
    const { B, T } = this.rows;
    const { pairs } = this;
    const sums = new Float32Array(2 * pairs.count);
    for (let from = 0; from < pairs.count; from += B / 2) {
      sums.set((await this.#rowSums(pairs.at(from, B, T))).slice(0, 2 * (pairs.count - from)), 2 * from);
      onProgress?.(from / pairs.count);
      await breathe?.();
    }
    this.#reference = sums;
  }

  /** (B) what the reference gave the rows of a batch. */
  expectedOf(batch: Batch): Float32Array {
    const expected = new Float32Array(batch.B);
    batch.pairs?.forEach((pair, p) => expected.set(this.#reference.subarray(2 * pair, 2 * pair + 2), 2 * p));
    return expected;
  }

  /** Mean loss and share of preferred answers over `count` held-out batches. */
  async validate(count: number, breathe: Breathe): Promise<Validation> {
    const { B, T, data } = this.rows;
    let [loss, preferred] = [0, 0];
    for (let index = 0; index < count; index++) {
      const batch = data.evaluate(index, B, T);
      const [sums, expected] = [await this.#rowSums(batch), this.expectedOf(batch)];
      for (let row = 0; row < B; row += 2) {
        const targets = batch.mask.subarray(row * T, (row + 1) * T).reduce((sum, counts) => sum + counts, 0);
        const one = pairOnHost(this.objective, [sums[row]!, sums[row + 1]!], [expected[row]!, expected[row + 1]!], targets);
        loss += one.loss;
        if (one.margin > 0) preferred++;
      }
      await breathe?.();
    }
    return { loss: loss / ((count * B) / 2), preferred: preferred / ((count * B) / 2) };
  }

  /** The sum of log-probabilities of each row's targets, added in f64 and kept in f32, so that a model is no better than itself. */
  async #rowSums(batch: Batch): Promise<number[]> {
    const logprobs = await this.rows.logprobs(batch);
    return Array.from({ length: batch.B }, (_, row) => {
      let sum = 0;
      for (let n = row * batch.T; n < (row + 1) * batch.T; n++) if (batch.mask[n]! > 0) sum += logprobs[n]!;
      return Math.fround(sum);
    });
  }
}
