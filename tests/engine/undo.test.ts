/** Which checkpoint undo finds, over runs that were forked from each other. */
import { expect, it } from "vitest";
import { checkpointBefore } from "../../src/engine/undo.ts";
import { presets } from "../../src/protocol/presets.ts";
import { MemoryStorage, RunStore, type CheckpointManifest } from "../../src/store/index.ts";

const recipe = presets[0]!;
const turned = { ...recipe, seed: 2 };
const saved = (id: string, runId: string, globalStep: number, of = recipe): CheckpointManifest => ({ id, runId, globalStep, recipe: of }) as CheckpointManifest;

/** Run b was forked from a's checkpoint at step 20, and c from b's at step 30; a went on to 25 and 40. */
const MANIFESTS = [saved("a10", "a", 10), saved("a20", "a", 20), saved("a25", "a", 25), saved("a40", "a", 40), saved("b30", "b", 30, turned)];

async function found(runId: string, globalStep: number, of = recipe): Promise<string | undefined> {
  const runs = new RunStore(new MemoryStorage());
  for (const [id, branchId] of [["a", null], ["b", "a20"], ["c", "b30"], ["lost", "gone"]] as const) {
    await runs.save({ runId: id, name: id, recipe, createdMs: 1, updatedMs: 1, phase: "paused", extra: { branchId } });
  }
  return checkpointBefore({ runId, globalStep, recipe: of }, MANIFESTS, runs);
}

it("is the newest before the step, or of the step where the recipe was another", async () => {
  expect(await found("a", 42)).toBe("a40");
  expect(await found("a", 40)).toBe("a25");
  expect(await found("a", 40, turned)).toBe("a40");
  expect(await found("a", 10)).toBeUndefined();
});

it("is where a fork began, then what its parent had before, and never what its parent did later", async () => {
  expect(await found("b", 28)).toBe("a20");
  expect(await found("b", 20)).toBe("a10");
  expect(await found("c", 31, turned)).toBe("b30");
  expect(await found("c", 30, turned)).toBe("a20");
  expect(await found("b", 10)).toBeUndefined();
});

it("is none where what a run was forked from is gone, or the run has no record", async () => {
  expect(await found("lost", 9)).toBeUndefined();
  expect(await found("unknown", 9)).toBeUndefined();
});
