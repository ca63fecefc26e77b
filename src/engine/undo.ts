/** Which checkpoint *Undo* goes back to. It reads manifests and records; going there is the engine's business. */
import { canonicalJson } from "../core/hash.ts";
import type { Recipe } from "../protocol/recipe.ts";
import type { CheckpointManifest, RunStore } from "../store/index.ts";

/** Where a run stands. */
export interface Standing {
  readonly runId: string;
  readonly globalStep: number;
  readonly recipe: Recipe;
}

/**
 * The newest checkpoint before where a run stands, or of the same step from before a knob was turned: its own; where it has none, the
 * one that it was forked from, and what that one's run had saved until then; and so on. Undefined where there is none.
 */
export async function checkpointBefore({ runId, globalStep, recipe }: Standing, manifests: readonly CheckpointManifest[], runs: RunStore): Promise<string | undefined> {
  const now = canonicalJson(recipe);
  const before = (each: CheckpointManifest): boolean => each.globalStep < globalStep || (each.globalStep === globalStep && canonicalJson(each.recipe) !== now);
  const seen = new Set<string>();
  let line: string | undefined = runId;
  let fork: CheckpointManifest | undefined;
  while (line !== undefined && !seen.has(line)) {
    seen.add(line);
    const end: CheckpointManifest | undefined = fork;
    const own = manifests.filter((each) => each.runId === line && (end === undefined || each.id === end.id || each.globalStep < end.globalStep) && before(each));
    const back = own.toSorted((a, b) => a.globalStep - b.globalStep).at(-1);
    if (back) return back.id;
    const branchId: unknown = await runs.load(line).then((record) => record.extra?.["branchId"], () => undefined);
    fork = manifests.find(({ id }) => id === branchId);
    line = fork?.runId;
  }
  return undefined;
}
