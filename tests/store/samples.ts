/** Small whole checkpoints whose every value follows from their step. Runs in Node and in a browser's worker. */
import { Draws } from "../../src/core/random.ts";
import type { Recipe } from "../../src/protocol/recipe.ts";
import { gpt2TensorShapes } from "../../src/store/index.ts";
import type { CheckpointFacts, CheckpointInput, SizedModelConfig, Tensor, TokenizerFiles } from "../../src/store/index.ts";

export const tinyModel: SizedModelConfig = { family: "gpt2", n_layer: 1, n_head: 2, n_embd: 4, block_size: 8, dropout: 0, tie_word_embeddings: true, vocab_size: 6 };

export const tinyTokenizer: TokenizerFiles = {
  tokenizerJson: {
    version: "1.0",
    added_tokens: [{ id: 0, content: "<|endoftext|>", special: true }, { id: 1, content: "<|end|>", special: true }],
    model: { type: "BPE", vocab: { "<|endoftext|>": 0, "<|end|>": 1, a: 2, b: 3, c: 4, __proto__x: 5 }, merges: [] },
  },
  tokenizerConfig: { tokenizer_class: "PreTrainedTokenizerFast", eos_token: "<|endoftext|>", bos_token: { content: "<|endoftext|>" }, chat_template: "{{ messages }}" },
};

/** Normal values from the counter-based generator: the same for the same seed and name. */
export function randomTensor(shape: readonly number[], seed: number, site: string): Tensor {
  const draws = new Draws(seed, "init", { site });
  return { shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => draws.normal(i)) };
}

export function randomTensors(shapes: ReadonlyMap<string, readonly number[]>, seed: number): Map<string, Tensor> {
  return new Map([...shapes].map(([name, shape]) => [name, randomTensor(shape, seed, name)]));
}

export const tinyRecipe: Recipe = {
  version: 1,
  name: "test",
  seed: 7,
  model: { family: "gpt2", n_layer: 1, n_head: 2, n_embd: 4, block_size: 8, dropout: 0, tie_word_embeddings: true },
  tokenizer: { kind: "char", vocab_size: 6 },
  stages: [
    {
      kind: "pretrain", name: "Pre-training", data: [{ corpus: "plays", weight: 1 }], max_iters: 100, batch_size: 2, gradient_accumulation_steps: 1, eval_interval: 10, eval_iters: 2,
      optimizer: { learning_rate: 1e-3, schedule: "cosine", warmup_iters: 10, min_lr: 1e-4, beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1, grad_clip: 1 },
    },
  ],
};

export function tinyFacts(step: number, more: Partial<CheckpointFacts> = {}): CheckpointFacts {
  const shapes = gpt2TensorShapes(tinyModel);
  return {
    runId: "run-a", parentId: null, parentKey: null, name: `step ${step}`,
    stage: { index: 0, kind: "pretrain", name: "Pre-training", finished: false },
    step, globalStep: step, tokens: step * 16, trainMs: step * 10,
    recipe: tinyRecipe, model: tinyModel, tokenizer: tinyTokenizer, dataHash: "d0", seed: 7, engineVersion: "0.1.0",
    device: { kind: "cpu", name: "CPU" }, variants: { matmul: "plain" }, metrics: { valLoss: 5 - step / 100 }, metricsOffset: 0, lora: null,
    resume: { trainable: [...shapes.keys()], optimizerSteps: step, schedule: { iteration: step }, lossScale: 1, goodSteps: step, skippedSteps: 0, seed: 7, cursor: { epoch: 0, at: step } },
    ...more,
  };
}

/** A resumable checkpoint whose every value follows from the step. */
export function tinyCheckpoint(step: number, more: Partial<CheckpointFacts> = {}, rest: Partial<CheckpointInput> = {}): CheckpointInput {
  const shapes = gpt2TensorShapes(tinyModel);
  const facts = tinyFacts(step, more);
  return {
    facts,
    weights: randomTensors(shapes, step),
    moments: facts.resume ? { m: randomTensors(shapes, step + 1000), v: randomTensors(shapes, step + 2000) } : null,
    ...rest,
  };
}

/** Raw bits of an f32 array, so that equality means equality of bits. */
export const bits = (data: Float32Array): number[] => [...new Uint32Array(data.buffer, data.byteOffset, data.length)];
