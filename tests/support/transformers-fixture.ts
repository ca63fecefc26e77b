/** The golden GPT-2 and Llama of tests/fixtures (see make.py there), each with a data source that gives its one batch at every step. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Batch, BatchSource } from "../../src/data/batch-types.ts";
import { parseSafetensors } from "../../src/store/safetensors.ts";
import type { TransformerConfig } from "../../src/model/transformer.ts";
import type { PretrainStage } from "../../src/protocol/recipe.ts";

const read = (name: string): Uint8Array => new Uint8Array(readFileSync(fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url))));

export type FamilyName = TransformerConfig["family"];

interface Figures {
  readonly loss: number;
  readonly grad_norm: number;
  readonly losses_10_steps: number[];
  readonly greedy_after10_from_first4: number[];
}

const shared = { n_layer: 2, n_head: 4, n_embd: 32, block_size: 32, dropout: 0, vocab_size: 65 } as const;

export const goldenConfigs: { readonly [F in FamilyName]: TransformerConfig & { readonly family: F } } = {
  gpt2: { family: "gpt2", ...shared, tie_word_embeddings: true },
  llama: { family: "llama", ...shared, tie_word_embeddings: false, n_kv_head: 2, intermediate_size: 80, rope_theta: 10_000, rms_norm_eps: 1e-5 },
};

type Weights = Map<string, { shape: readonly number[]; data: Float32Array }>;

export interface GoldenCase {
  readonly config: TransformerConfig;
  readonly figures: Figures;
  /** Tensors whose names begin with `prefix.`, without it. */
  tensors(prefix: "weight" | "grad" | "after10"): Weights;
  /** (B, T, V) */
  readonly logits: Float32Array;
  /** (B, T + 1) */
  readonly ids: Uint32Array;
  batch(): Batch;
  readonly source: BatchSource;
}

const [B, T] = [2, 16];
const BLOCK = shared.block_size;

/** The golden batch in rows of `block_size`: the second half of each row is padding that is masked and seen by nobody. */
function goldenBatch(ids: Uint32Array): Batch {
  const n = B * BLOCK;
  const batch: Batch = { B, T: BLOCK, ids: new Uint32Array(n), targets: new Uint32Array(n), pos: new Uint32Array(n), start: new Uint32Array(n), mask: new Float32Array(n), tokens: B * T };
  for (let b = 0; b < B; b++) {
    for (let t = 0; t < BLOCK; t++) {
      const at = b * BLOCK + t;
      batch.pos[at] = t;
      if (t >= T) continue;
      batch.ids[at] = ids[b * (T + 1) + t]!;
      batch.targets[at] = ids[b * (T + 1) + t + 1]!;
      batch.mask[at] = 1;
    }
  }
  return batch;
}

export function goldenCase(family: FamilyName): GoldenCase {
  const { tensors } = parseSafetensors(read(`${family}.safetensors`));
  const summary = JSON.parse(new TextDecoder().decode(read("summary.json"))) as { cases: Record<FamilyName, Figures> };
  const ids = Uint32Array.from(tensors.get("ids")!.data as Int32Array);
  const batch = (): Batch => goldenBatch(ids);
  return {
    config: goldenConfigs[family],
    figures: summary.cases[family],
    logits: Float32Array.from(tensors.get("logits")!.data as Float32Array),
    ids,
    batch,
    source: {
      train: batch, evaluate: batch, trainTokens: B * T, validationTokens: B * T, hash: "golden",
      fillRow: () => { throw new Error("the golden batch is never mixed"); },
    },
    tensors(prefix) {
      const found: Weights = new Map();
      for (const [name, tensor] of tensors) {
        if (name.startsWith(`${prefix}.`)) found.set(name.slice(prefix.length + 1), { shape: tensor.shape, data: Float32Array.from(tensor.data as Float32Array) });
      }
      return found;
    },
  };
}

/** make.py: lr 1e-3 * step / 10, which is `warmup_iters` counted the nanoGPT way with one step's shift. */
export const goldenStage: PretrainStage = {
  kind: "pretrain", name: "golden", data: [], max_iters: 10, batch_size: B, gradient_accumulation_steps: 1, eval_interval: 0, eval_iters: 1,
  optimizer: { learning_rate: 1e-3, schedule: "constant", warmup_iters: 9, min_lr: 0, beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1, grad_clip: 1 },
};
