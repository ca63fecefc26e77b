/** What follows from the recipe that is chosen: its preset, how it fine-tunes, what *Fine-tune it* starts. Pure; draws nothing. */
import type { CheckpointSummary, Recipe } from "../../protocol/index.ts";
import { type Method, methodFor } from "./recipe-method.ts";
import { tuningRecipe } from "../models/sides.ts";

/** The recipe with every fine-tuning stage moving the weights this way; the same object where nothing changes. */
export function withMethod(recipe: Recipe, method: Method | null): Recipe {
  if (method === null || !recipe.stages.some((stage) => stage.kind === "sft")) return recipe;
  const fitting = methodFor(method, recipe.model.family);
  return { ...recipe, stages: recipe.stages.map((stage) => (stage.kind === "sft" ? { ...stage, method: fitting } : stage)) };
}

/** How a recipe fine-tunes, if it does. */
export const methodOf = (recipe: Recipe): Method | undefined => recipe.stages.find((stage) => stage.kind === "sft")?.method;

/** What *Fine-tune it* would start from a base: the shape is the base's, seed and method are the person's. */
export function fineTuning(from: CheckpointSummary | undefined, chosen: Recipe, presets: readonly Recipe[], method: Method | null): { recipe: Recipe; base: CheckpointSummary } | null {
  // An edited recipe speaks for its preset too: another width must not bring the unedited stages back.
  const offered = presets.map((preset) => (preset.name === chosen.name ? { ...preset, stages: chosen.stages } : preset));
  const recipe = tuningRecipe(from, chosen, offered);
  return from === undefined || recipe === undefined ? null : { recipe: withMethod({ ...recipe, seed: chosen.seed }, method), base: from };
}
