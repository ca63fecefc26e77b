/**
 * What a stage's kind means for its programs: which weights move, what is minimised, what holds the old skill. The one place that asks which
 * kind a stage is for training's sake; how its data are read is `engine/stage-data.ts`.
 */
import type { Recorder } from "../../plan/recorder.ts";
import type { TransformerConfig } from "../../model/transformer.ts";
import { trainedNames } from "../../model/transformer.ts";
import type { LoraMethod, Method, Stage } from "../../protocol/recipe.ts";
import { recordNextToken } from "./next-token.ts";
import { recordPreference } from "./preference.ts";
import type { ObjectiveInputs } from "./inputs.ts";

export { pairOnHost } from "./preference.ts";

/** What a micro-step minimises. */
export type Objective =
  /** Cross-entropy at every target, and beside it klWeight KL(parent || model) at the same. */
  | { readonly kind: "next-token"; readonly klWeight: number }
  | { readonly kind: "preference"; readonly beta: number; readonly alpha: number };

/** The part of a training shape that a stage decides. */
export interface StageShape {
  readonly lora: LoraMethod | null;
  /** Names of the base's parameters that move; null = all of them, and none beside LoRA. */
  readonly trains: ReadonlySet<string> | null;
  readonly objective: Objective;
  /** Of half the squared distance to the parent's weights. */
  readonly l2Weight: number;
}

const NEXT_TOKEN: Objective = { kind: "next-token", klWeight: 0 };

export const methodOf = (stage: Stage): Method => (stage.kind === "pretrain" ? { type: "full" } : stage.method);

/** Rows of a batch that belong together: preferences compare two. */
export const rowsTogether = (stage: Stage): number => (stage.kind === "dpo" ? 2 : 1);

/** Whether a stage goes on from weights that were trained before. */
export const hasParent = (stage: Stage): boolean => stage.kind !== "pretrain";

export function shapeOf(stage: Stage, config: TransformerConfig): StageShape {
  const method = methodOf(stage);
  const lora = method.type === "lora" ? method : null;
  const trains = method.type === "last_layers" || method.type === "embeddings" ? trainedNames(config, method.type === "embeddings" ? "embeddings" : method.layers) : null;
  if (stage.kind === "pretrain") return { lora, trains, objective: NEXT_TOKEN, l2Weight: 0 };
  const objective: Objective = stage.kind === "dpo" ? { kind: "preference", beta: stage.beta, alpha: stage.rpo_alpha } : { kind: "next-token", klWeight: stage.kl_weight ?? 0 };
  return { lora, trains, objective, l2Weight: stage.l2_weight ?? 0 };
}

/** Whether training needs the weights that it began with beside those that move. */
export const needsParent = ({ objective, l2Weight }: Pick<StageShape, "objective" | "l2Weight">): boolean => l2Weight > 0 || (objective.kind === "next-token" && objective.klWeight > 0);

/** Records the loss and its gradient, down to the hidden states. */
export function recordObjective(r: Recorder, objective: Objective, inputs: ObjectiveInputs): void {
  if (objective.kind === "preference") recordPreference(r, objective, inputs);
  else recordNextToken(r, objective, inputs);
}
