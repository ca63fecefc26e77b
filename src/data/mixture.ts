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
}

export class MixtureBatches implements BatchSource {
  readonly trainTokens: number;
  readonly validationTokens: number;
  readonly hash: string;
  readonly #sources: readonly WeightedSource[];
  readonly #seed: number;
  readonly #totalWeight: number;

  /** @throws NestlingError CONFIG_RANGE where no weight is positive, or one is negative or not finite */
  constructor(sources: readonly WeightedSource[], options: { readonly seed: number }) {
    this.#totalWeight = sources.reduce((sum, { weight }) => sum + weight, 0);
    const wrong = sources.find(({ weight }) => !(weight >= 0 && weight < Infinity));
    if (wrong || !(this.#totalWeight > 0)) {
      throw new NestlingError("CONFIG_RANGE", `The weights of the data sources are ${sources.map(({ weight }) => weight).join(", ") || "missing"}; ` +
        "each must be 0 or more, and their sum above 0. Set data[].weight.", { field: "data.weight" });
    }
    this.#sources = sources;
    this.#seed = options.seed;
    this.trainTokens = sources.reduce((sum, { source }) => sum + source.trainTokens, 0);
    this.validationTokens = sources.reduce((sum, { source }) => sum + source.validationTokens, 0);
    this.hash = datasetHash(["mixture", ...sources.flatMap(({ source, weight }) => [source.hash, String(weight)])]);
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

  /** Which source a row comes from. */
  sourceOf(at: RowAddress): number {
    const draws = new Draws(this.#seed, at.split === "train" ? "batch" : "eval", { step: at.step, micro: at.micro, site: "mixture" });
    let left = draws.float(at.row) * this.#totalWeight;
    let last = 0;
    for (let i = 0; i < this.#sources.length; i++) {
      const { weight } = this.#sources[i];
      if (weight === 0) continue;
      last = i;
      if (left < weight) return i;
      left -= weight;
    }
    return last;
  }
}
