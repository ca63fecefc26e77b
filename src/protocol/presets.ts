/** The recipes that ship. Their numbers come from runs that docs/LOG.md lists. */
import type { OptimizerConfig, PretrainStage, Recipe, SftStage } from "./recipe.ts";

const adamw = (learning_rate: number, warmup_iters: number, more: Partial<OptimizerConfig> = {}): OptimizerConfig => ({
  learning_rate, schedule: "cosine", warmup_iters, min_lr: learning_rate / 10, beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1, grad_clip: 1, ...more,
});

const pretrain = (max_iters: number, batch_size: number, data: PretrainStage["data"], optimizer: OptimizerConfig, eval_interval: number): PretrainStage => ({
  kind: "pretrain", name: "Pre-training", data, max_iters, batch_size, gradient_accumulation_steps: 1, optimizer, eval_interval, eval_iters: 10,
});

const answers = (max_iters: number, batch_size: number, optimizer: OptimizerConfig, method: SftStage["method"] = { type: "full" }): SftStage => ({
  kind: "sft", name: "Fine-tuning", data: [{ corpus: "world-chat", weight: 1 }], max_iters, batch_size, gradient_accumulation_steps: 1, optimizer, eval_interval: 20, eval_iters: 8, method,
});

export const presets: readonly Recipe[] = [
  {
    version: 1, name: "first-light", seed: 1,
    model: { family: "gpt2", n_layer: 2, n_head: 4, n_embd: 64, block_size: 64, dropout: 0, tie_word_embeddings: true },
    tokenizer: { kind: "bpe", vocab_size: 1024 },
    stages: [
      pretrain(1500, 16, [{ corpus: "stories", weight: 1 }, { corpus: "world", weight: 1 }], adamw(8e-3, 50), 100),
      answers(120, 8, adamw(5e-4, 10, { weight_decay: 0 })),
    ],
  },
  {
    // nanoGPT's train_shakespeare_char on a CPU: 4 layers, 4 heads, 128 wide, context 64, batch 12, 2,000 iterations.
    version: 1, name: "shakespeare-char", seed: 1,
    model: { family: "gpt2", n_layer: 4, n_head: 4, n_embd: 128, block_size: 64, dropout: 0, tie_word_embeddings: true },
    tokenizer: { kind: "char", vocab_size: 300 },
    stages: [{ ...pretrain(2000, 12, [{ corpus: "plays", weight: 1 }], adamw(1e-3, 100, { beta2: 0.99 }), 250), eval_iters: 20 }],
  },
  {
    // first-light's data and steps with the other family, so that the two can be laid side by side.
    version: 1, name: "stories-llama", seed: 1,
    model: {
      family: "llama", n_layer: 2, n_head: 4, n_kv_head: 2, n_embd: 64, intermediate_size: 176, block_size: 64, rope_theta: 10_000, rms_norm_eps: 1e-5,
      dropout: 0, tie_word_embeddings: true,
    },
    tokenizer: { kind: "bpe", vocab_size: 1024 },
    stages: [
      pretrain(1500, 16, [{ corpus: "stories", weight: 1 }, { corpus: "world", weight: 1 }], adamw(8e-3, 50), 100),
      answers(120, 8, adamw(5e-4, 10, { weight_decay: 0 })),
    ],
  },
  {
    version: 1, name: "your-text", seed: 1,
    model: { family: "gpt2", n_layer: 4, n_head: 4, n_embd: 128, block_size: 64, dropout: 0.1, tie_word_embeddings: true },
    tokenizer: { kind: "bpe", vocab_size: 1024 },
    stages: [pretrain(1500, 12, [{ corpus: "own", weight: 1 }], adamw(3e-3, 50), 100)],
  },
  {
    version: 1, name: "gpu-10m", seed: 1,
    model: { family: "gpt2", n_layer: 6, n_head: 6, n_embd: 384, block_size: 256, dropout: 0.1, tie_word_embeddings: true },
    tokenizer: { kind: "bpe", vocab_size: 4096 },
    stages: [
      pretrain(5000, 32, [{ corpus: "books", weight: 3 }, { corpus: "world", weight: 1 }], adamw(1e-3, 100), 250),
      answers(200, 16, adamw(1e-4, 10, { weight_decay: 0 })),
    ],
  },
];

/** The preset of that name, or undefined. */
export function presetByName(name: string): Recipe | undefined {
  return presets.find((preset) => preset.name === name);
}
