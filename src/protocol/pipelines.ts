/** Several runs that grow out of each other: one base, many children. Their numbers come from runs that docs/LOG.md lists. */
import { presets } from "./presets.ts";
import type { ContinueStage, DpoStage, OptimizerConfig, PretrainStage, Recipe, SftStage } from "./recipe.ts";

/** One run of a pipeline: what it trains, on top of what another one ended with. */
export interface PipelineNode {
  readonly id: string;
  /** The node whose end it starts from; null = from nothing. */
  readonly parent: string | null;
  readonly recipe: Recipe;
}

export interface Pipeline {
  readonly name: string;
  readonly nodes: readonly PipelineNode[];
}

const base = presets[0]!;
const [pretrained, tuned] = base.stages as [PretrainStage, SftStage];
const rate = (learning_rate: number, more: Partial<OptimizerConfig> = {}): OptimizerConfig => ({ ...tuned.optimizer, learning_rate, min_lr: learning_rate / 10, ...more });

const reading: PretrainStage = { ...pretrained, data: [{ corpus: "world", weight: 2 }, { corpus: "world-customs", weight: 1 }] };
const herbal: ContinueStage = {
  ...tuned, kind: "continue", name: "Mid-training", data: [{ corpus: "world", weight: 1, end_weight: 0 }, { corpus: "world-herbal", weight: 0, end_weight: 1 }], max_iters: 300, batch_size: 16, replay: 0.25,
  optimizer: rate(2e-3, { warmup_iters: 20, weight_decay: 0.1 }), eval_interval: 100, method: { type: "full" },
};
const answers: SftStage = { ...tuned, name: "Answers", optimizer: rate(5e-4), eval_interval: 40 };
const answersLora: SftStage = { ...answers, name: "Answers, LoRA", optimizer: rate(3e-3), method: { type: "lora", r: 8, lora_alpha: 16, target_modules: ["c_attn", "mlp.c_proj"] } };
const preferences: DpoStage = {
  ...tuned, kind: "dpo", name: "Preferences", data: [{ corpus: "world-preferences", weight: 1 }], max_iters: 60, batch_size: 16, optimizer: rate(3e-4), eval_interval: 20, eval_iters: 4, method: { type: "full" }, beta: 0.3, rpo_alpha: 0.3,
};

const node = (id: string, parent: string | null, stage: Recipe["stages"][number]): PipelineNode => ({ id, parent, recipe: { ...base, name: id, stages: [stage] } });

export const pipelines: readonly Pipeline[] = [{
  name: "full-pipeline",
  nodes: [node("pre-train", null, reading), node("mid-train", "pre-train", herbal), node("sft", "mid-train", answers), node("sft-lora", "mid-train", answersLora), node("dpo", "sft", preferences)],
}];

export const pipelineByName = (name: string): Pipeline | undefined => pipelines.find((pipeline) => pipeline.name === name);
