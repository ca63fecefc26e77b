/**
 * The two reference trainings that other trainers in browsers were measured with: models, initial weights, optimizer and batches, number
 * for number, so that speeds are compared at equal work and equal loss. Pure; the text's bytes come from outside.
 */
import type { Batch, BatchSource } from "../data/batch-types.ts";
import { emptyBatch } from "../data/index.ts";
import type { Gpt2Config } from "../model/gpt2.ts";
import { parameterTable } from "../model/transformer.ts";
import type { OptimizerConfig, PretrainStage } from "../protocol/recipe.ts";

/** The text, gzipped, by its path relative to the page: 137,307 bytes, each a token. Whose they are stands in NOTICE. */
export const REFERENCE_TEXT = "bench/reference.gz";

export type ReferenceName = "small" | "tiny";

const VOCABULARY = 512;
export const REFERENCE_BATCH = 8;
const DATA_SEED = 1234;
const STD = 0.02;

const config = (n_layer: number, n_embd: number, block_size: number): Gpt2Config => ({
  family: "gpt2", n_layer, n_head: 4, n_embd, block_size, dropout: 0, tie_word_embeddings: false, vocab_size: VOCABULARY,
});

export const REFERENCE_CONFIGS: Readonly<Record<ReferenceName, Gpt2Config>> = { small: config(4, 128, 128), tiny: config(2, 64, 64) };

/** Training loss of step 5, counted from 1: what four other implementations agree on to 2e-4 (nats a token). */
export const REFERENCE_LOSS: Readonly<Record<ReferenceName, number>> = { small: 5.341, tiny: 5.786 };

export const REFERENCE_OPTIMIZER: OptimizerConfig = {
  learning_rate: 1e-3, schedule: "constant", warmup_iters: 0, min_lr: 1e-3, beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1, grad_clip: 0,
};

export const referenceStage = (max_iters: number): PretrainStage => ({
  kind: "pretrain", name: "reference", data: [], max_iters, batch_size: REFERENCE_BATCH, gradient_accumulation_steps: 1, optimizer: REFERENCE_OPTIMIZER, eval_interval: 0, eval_iters: 1,
});

/** Mulberry32 (Tommy Ettinger, public domain): uniform in [0, 1) from a 32-bit state. */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let word = Math.imul(state ^ (state >>> 15), state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Standard normal times `std`, two draws each (Box and Muller 1958). */
function normals(count: number, seed: number, std: number): Float32Array {
  const draw = mulberry32(seed);
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const radius = Math.sqrt(-2 * Math.log(1 - draw()));
    values[i] = std * radius * Math.cos(2 * Math.PI * draw());
  }
  return values;
}

/** (rows, columns) to (columns, rows). */
function transposed(values: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) out[c * rows + r] = values[r * columns + c]!;
  return out;
}

/** Initial weights by parameter name: each matrix has a seed of its own, counted from 1 in the order of the forward pass. */
export function referenceWeights(name: ReferenceName): Map<string, { readonly shape: readonly number[]; readonly data: Float32Array }> {
  const model = REFERENCE_CONFIGS[name];
  const { n_embd: C, vocab_size: V, n_layer: L } = model;
  let seed = 1;
  const weights = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const { name: parameter, shape, init } of parameterTable(model)) {
    const count = shape.reduce((product, size) => product * size, 1);
    if (init.kind === "constant") weights.set(parameter, { shape, data: new Float32Array(count).fill(init.value) });
    else {
      const drawn = normals(count, seed++, parameter.endsWith("c_proj.weight") ? STD / Math.sqrt(2 * L) : STD);
      // The head was drawn as (C, V); here it lies as (V, C).
      weights.set(parameter, { shape, data: parameter === "lm_head.weight" ? transposed(drawn, C, V) : drawn });
    }
  }
  return weights;
}

/** The first `count` batches: windows of the bytes at random places, each byte a token. */
export function referenceBatches(name: ReferenceName, text: Uint8Array, count: number): Batch[] {
  const { block_size: T } = REFERENCE_CONFIGS[name];
  const draw = mulberry32(DATA_SEED);
  return Array.from({ length: count }, () => {
    const batch = emptyBatch(REFERENCE_BATCH, T);
    for (let b = 0; b < REFERENCE_BATCH; b++) {
      const from = Math.floor(draw() * (text.length - T - 1));
      for (let t = 0; t < T; t++) {
        batch.ids[b * T + t] = text[from + t]!;
        batch.targets[b * T + t] = text[from + t + 1]!;
        batch.pos[b * T + t] = t;
      }
    }
    batch.mask.fill(1);
    batch.tokens = REFERENCE_BATCH * T;
    return batch;
  });
}

/** The batches as a trainer takes them; asked for more than there are it begins again. */
export function referenceSource(name: ReferenceName, text: Uint8Array, count: number): BatchSource {
  const batches = referenceBatches(name, text, count);
  return {
    train: (step) => batches[step % count]!, evaluate: (index) => batches[index % count]!, fillRow: () => {},
    trainTokens: text.length, validationTokens: 0, hash: `reference ${name}`,
  };
}
