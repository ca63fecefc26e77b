/** How long a stage is. */
import type { Stage } from "./recipe.ts";

/** Optimizer steps of a stage: those asked for, or fewer where early stopping ended it. */
export const stepsOf = (stage: Pick<Stage, "max_iters"> & { readonly ended_at?: number }): number => stage.ended_at ?? stage.max_iters;
