/** Which checkpoints of a run are kept: a pure function of the manifests. It deletes nothing. */
import { canonicalJson } from "../core/hash.ts";
import type { CheckpointManifest } from "./manifest.ts";

const TURNS_KEPT = 10;

/**
 * The ids kept in a run: the newest `keepLast`, the lowest held-out loss of each stage, the end of each stage, the last before each of the
 * newest `TURNS_KEPT` turns of a knob (what *Undo* goes back to), the pinned and the shipped, and every checkpoint that another one (in
 * any run) names as its parent.
 */
export function keptByPolicy(all: readonly CheckpointManifest[], runId: string, keepLast: number): Set<string> {
  const own = all.filter((m) => m.runId === runId).sort((a, b) => b.sequence - a.sequence);
  const kept = new Set(own.slice(0, keepLast).map((m) => m.id));
  const parents = new Set(all.map((m) => m.parentId));
  const best = new Map<number, CheckpointManifest>();
  for (const m of own) {
    if (m.pinned || m.shipped || m.stage.finished || parents.has(m.id)) kept.add(m.id);
    // A loss of other weights says nothing of these.
    const loss = (m.metrics.valStep ?? m.globalStep) === m.globalStep ? m.metrics.valLoss : undefined;
    const champion = best.get(m.stage.index)?.metrics.valLoss;
    if (typeof loss === "number" && (champion === undefined || loss < champion)) best.set(m.stage.index, m);
  }
  for (const m of best.values()) kept.add(m.id);
  const turns = (m: CheckpointManifest): string => canonicalJson(m.recipe.stages.map(({ changes }) => changes ?? []));
  for (const m of own.filter((each, i) => i > 0 && turns(each) !== turns(own[i - 1])).slice(0, TURNS_KEPT)) kept.add(m.id);
  return kept;
}
