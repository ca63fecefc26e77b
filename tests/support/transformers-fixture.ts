/** The golden GPT-2 of tests/fixtures (see make.py there), and a data source that gives its one batch at every step. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Batch, BatchSource } from "../../src/data/batch-types.ts";
import { parseSafetensors } from "../../src/store/safetensors.ts";
import type { Gpt2Config } from "../../src/model/gpt2.ts";
import type { PretrainStage } from "../../src/protocol/recipe.ts";

const read = (name: string): Uint8Array => new Uint8Array(readFileSync(fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url))));
const { tensors } = parseSafetensors(read("gpt2.safetensors"));
const summary = JSON.parse(new TextDecoder().decode(read("summary.json"))) as { cases: { gpt2: Record<string, unknown> } };

export const golden = summary.cases.gpt2 as unknown as {
  readonly loss: number; readonly grad_norm: number; readonly losses_10_steps: number[]; readonly greedy_after10_from_first4: number[];
};

export const config: Gpt2Config = { family: "gpt2", n_layer: 2, n_head: 4, n_embd: 32, block_size: 32, dropout: 0, tie_word_embeddings: true, vocab_size: 65 };

/** Tensors whose names begin with `prefix.`, without it. */
export function goldenTensors(prefix: "weight" | "grad" | "after10"): Map<string, { shape: readonly number[]; data: Float32Array }> {
  const found = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const [name, tensor] of tensors) {
    if (name.startsWith(`${prefix}.`)) found.set(name.slice(prefix.length + 1), { shape: tensor.shape, data: Float32Array.from(tensor.data as Float32Array) });
  }
  return found;
}

export const goldenLogits = Float32Array.from(tensors.get("logits")!.data as Float32Array);
/** (B, T + 1) */
export const goldenIds = Uint32Array.from(tensors.get("ids")!.data as Int32Array);

const [B, T] = [2, 16];
const BLOCK = config.block_size;

/** The golden batch in rows of `block_size`: the second half of each row is padding that is masked and seen by nobody. */
export function goldenBatch(): Batch {
  const n = B * BLOCK;
  const batch: Batch = { B, T: BLOCK, ids: new Uint32Array(n), targets: new Uint32Array(n), pos: new Uint32Array(n), start: new Uint32Array(n), mask: new Float32Array(n), tokens: B * T };
  for (let b = 0; b < B; b++) {
    for (let t = 0; t < BLOCK; t++) {
      const at = b * BLOCK + t;
      batch.pos[at] = t;
      if (t >= T) continue;
      batch.ids[at] = goldenIds[b * (T + 1) + t]!;
      batch.targets[at] = goldenIds[b * (T + 1) + t + 1]!;
      batch.mask[at] = 1;
    }
  }
  return batch;
}

export const goldenSource: BatchSource = {
  train: goldenBatch, evaluate: goldenBatch, trainTokens: B * T, validationTokens: B * T, hash: "golden",
  fillRow: () => { throw new Error("the golden batch is never mixed"); },
};

/** make.py: lr 1e-3 * step / 10, which is `warmup_iters` counted the nanoGPT way with one step's shift. */
export const goldenStage: PretrainStage = {
  kind: "pretrain", name: "golden", data: [], max_iters: 10, batch_size: B, gradient_accumulation_steps: 1, eval_interval: 0, eval_iters: 1,
  optimizer: { learning_rate: 1e-3, schedule: "constant", warmup_iters: 9, min_lr: 0, beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1, grad_clip: 1 },
};
