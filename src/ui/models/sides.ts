/** Which checkpoints stand for "base" and "tuned" in Ask, and which recipe fine-tunes a given base. Pure choices. */
import type { CheckpointSummary, ModelConfig, Recipe, RunState } from "../../protocol/index.ts";
import { isLive, type Side } from "../page-state.ts";

/** "live" is the model being trained; "" means that there is none yet. */
export type Choice = string;

export interface SideChoice {
  readonly id: Choice;
  readonly label: string;
}

const newestFirst = (a: CheckpointSummary, b: CheckpointSummary): number => b.createdMs - a.createdMs;

/** What answers on each side unless the person chose otherwise: the run's own models first, then shipped ones, then the newest. */
export function defaultSides(run: RunState | null, checkpoints: readonly CheckpointSummary[]): Record<Side, Choice> {
  const stage = run?.stages[run.stageIndex];
  const canAsk = run !== null && run.canSample && run.phase !== "failed";
  const pick = (pretrain: boolean): Choice => {
    if (canAsk && stage !== undefined && (stage.kind === "pretrain") === pretrain) return "live";
    const fitting = checkpoints.filter((checkpoint) => (checkpoint.stageKind === "pretrain") === pretrain).sort(newestFirst);
    const own = fitting.find((checkpoint) => checkpoint.runId === run?.runId);
    return (own ?? fitting.find((checkpoint) => checkpoint.shipped) ?? fitting[0])?.id ?? "";
  };
  // A base in training stands alone: any tuned model there is came from another, and would bring that one along.
  if (canAsk && stage?.kind === "pretrain") return { base: "live", tuned: "" };
  const tuned = pick(false);
  const parent = checkpoints.find((checkpoint) => checkpoint.id === tuned)?.parentId;
  const hasParent = parent != null && checkpoints.some((checkpoint) => checkpoint.id === parent);
  // A tuned model is compared with the base it came from, not with any base.
  return { base: hasParent ? parent : pick(true), tuned };
}

/** Everything that can answer, for a select: the live model first. */
export function allChoices(run: RunState | null, checkpoints: readonly CheckpointSummary[]): SideChoice[] {
  const live = run !== null && run.canSample ? [{ id: "live", label: isLive(run) ? "the model in training" : "the run's last model" }] : [];
  return [...live, ...[...checkpoints].sort(newestFirst).map((checkpoint) => ({ id: checkpoint.id, label: checkpointLabel(checkpoint) }))];
}

export function checkpointLabel(checkpoint: CheckpointSummary): string {
  const step = checkpoint.step > 0 ? `, step ${checkpoint.step.toLocaleString("en-US")}` : "";
  return `${checkpoint.name}${checkpoint.shipped && !/shipped/i.test(checkpoint.name) ? " (shipped)" : ""}${step}`;
}

const sameModel = (a: ModelConfig, b: ModelConfig): boolean =>
  a.n_layer === b.n_layer && a.n_head === b.n_head && a.n_embd === b.n_embd && a.block_size === b.block_size;

export const canTune = (recipe: Recipe): boolean => recipe.stages.some((stage) => stage.kind === "sft");

/**
 * The recipe that fine-tunes a base: the chosen one if it has a fine-tuning stage and the base's shape, else the first preset
 * that does, else the first that fine-tunes at all. The base's shape goes into it: that comes with the weights.
 */
export function tuningRecipe(base: CheckpointSummary | undefined, chosen: Recipe, presets: readonly Recipe[]): Recipe | undefined {
  if (base === undefined) return undefined;
  const able = [chosen, ...presets].filter(canTune);
  const recipe = able.find((candidate) => sameModel(candidate.model, base.model)) ?? able[0];
  return recipe === undefined ? undefined : { ...recipe, model: base.model };
}

/** The base that *Fine-tune it* starts from: the shipped one, else the newest pre-trained. */
export function tuningBase(checkpoints: readonly CheckpointSummary[]): CheckpointSummary | undefined {
  const bases = checkpoints.filter((checkpoint) => checkpoint.stageKind === "pretrain").sort(newestFirst);
  return bases.find((checkpoint) => checkpoint.shipped) ?? bases[0];
}

/** The recipe with its pre-training text exchanged for a person's own. */
export function withOwnText(recipe: Recipe, corpusId: string): Recipe {
  return {
    ...recipe,
    stages: recipe.stages.map((stage) => {
      if (stage.kind !== "pretrain") return stage;
      const others = stage.data.filter((source) => !source.corpus.startsWith("own"));
      // A recipe that names a place for own text keeps its mixture; any other is trained on the own text alone.
      const kept = others.length < stage.data.length ? others : [];
      const weight = stage.data.find((source) => source.corpus.startsWith("own"))?.weight ?? 1;
      return { ...stage, data: [{ corpus: corpusId, weight }, ...kept] };
    }),
  };
}

/** True where a recipe waits for a text that was not given yet. */
export function wantsText(recipe: Recipe): boolean {
  return recipe.stages.some((stage) => stage.data.some((source) => source.corpus === "own" || source.corpus === "own:"));
}

/** The run's own checkpoints, and where it is a fork, before them those of the run it came from, up to where it left. */
export function marksOf(run: RunState, checkpoints: readonly CheckpointSummary[]): CheckpointSummary[] {
  const branch = checkpoints.find(({ id }) => id === run.branchId);
  return checkpoints.filter(({ runId, globalStep }) => runId === run.runId || (runId === branch?.runId && globalStep <= branch.globalStep));
}
