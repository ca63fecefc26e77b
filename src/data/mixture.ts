/** Batches from several sources: each row comes whole from one of them, drawn by weight. */
import { NestlingError } from "../core/errors.ts";
import { Draws } from "../core/random.ts";
import type { Batch, BatchSource, RowAddress } from "./batch-types.ts";
import { fillBatch } from "./batches.ts";
import { datasetHash } from "./dataset.ts";

export interface WeightedSource {
  readonly source: BatchSource;
  /** Share of rows, and so of tokens read, relative to the other weights; padded and masked columns count as read. */
  readonly weight: number;
  /** What the weight has become at the last step, along a line; absent = `weight`. */
  readonly endWeight?: number;
  /** Not in held-out batches: what a stage is judged by stays its own. */
  readonly onlyTrains?: boolean;
}

export interface MixtureOptions {
  readonly seed: number;
  /** Steps of the stage: how long a ramp takes. Needed where a weight changes. */
  readonly steps?: number;
  /** Where draws differ from those of another mixture of the same seed; absent = "mixture". */
  readonly site?: string;
}

export class MixtureBatches implements BatchSource {
  readonly trainTokens: number;
  readonly validationTokens: number;
  readonly hash: string;
  readonly #sources: readonly WeightedSource[];
  readonly #seed: number;
  readonly #steps: number;
  readonly #site: string;

  /** @throws NestlingError CONFIG_RANGE where no weight is positive at the beginning or at the end, or one is negative or not finite */
  constructor(sources: readonly WeightedSource[], { seed, steps = 1, site = "mixture" }: MixtureOptions) {
    for (const weights of [sources.map(({ weight }) => weight), sources.map(({ weight, endWeight = weight }) => endWeight)]) {
      if (weights.every((weight) => weight >= 0 && weight < Infinity) && weights.some((weight) => weight > 0)) continue;
      throw new NestlingError("CONFIG_RANGE", `The weights of the data sources are ${weights.join(", ") || "missing"}; ` +
        "each must be 0 or more, and their sum above 0. Set data[].weight.", { field: "data.weight" });
    }
    [this.#sources, this.#seed, this.#steps, this.#site] = [sources, seed, steps, site];
    this.trainTokens = sources.reduce((sum, { source }) => sum + source.trainTokens, 0);
    this.validationTokens = sources.reduce((sum, { source }) => sum + source.validationTokens, 0);
    this.hash = datasetHash(["mixture", ...sources.flatMap(({ source, weight, endWeight }) => [source.hash, String(weight), ...(endWeight === undefined ? [] : [`to ${endWeight}`])])]);
  }

  train(step: number, micro: number, B: number, T: number): Batch {
    return fillBatch(this, "train", step, micro, B, T);
  }

  evaluate(index: number, B: number, T: number): Batch {
    return fillBatch(this, "validation", index, 0, B, T);
  }

  fillRow(batch: Batch, into: number, at: RowAddress): void {
    this.#sources[this.sourceOf(at)].source.fillRow(batch, into, at);
  }

  /** Weights at a step; held-out batches are drawn by the mean of beginning and end, the same throughout. */
  weightsAt({ split, step }: Pick<RowAddress, "split" | "step">): number[] {
    const share = split === "train" ? Math.min(1, step / Math.max(1, this.#steps - 1)) : 0.5;
    return this.#sources.map(({ weight, endWeight = weight, onlyTrains }) => (onlyTrains && split !== "train" ? 0 : weight + share * (endWeight - weight)));
  }

  /** Which source a row comes from. */
  sourceOf(at: RowAddress): number {
    const draws = new Draws(this.#seed, at.split === "train" ? "batch" : "eval", { step: at.step, micro: at.micro, site: this.#site });
    const weights = this.weightsAt(at);
    let left = draws.float(at.row) * weights.reduce((sum, weight) => sum + weight, 0);
    let last = 0;
    for (let i = 0; i < weights.length; i++) {
      const weight = weights[i];
      if (weight === 0) continue;
      last = i;
      if (left < weight) return i;
      left -= weight;
    }
    return last;
  }
}
