/** Which checkpoints of a run are kept. */
import { expect, it } from "vitest";
import type { CheckpointManifest } from "../../src/store/index.ts";
import { keptByPolicy } from "../../src/store/retention.ts";

interface Saved {
  readonly runId?: string;
  readonly parentId?: string;
  readonly valLoss?: number;
  /** Where the loss was measured; absent = not said. */
  readonly valStep?: number;
  readonly finished?: boolean;
  /** Knobs turned by then. */
  readonly turns?: number;
}

const saved = (sequence: number, { runId = "a", parentId, valLoss, valStep, finished = false, turns = 0 }: Saved = {}): CheckpointManifest =>
  ({
    id: String(sequence), runId, sequence, parentId: parentId ?? null, pinned: false, shipped: false, stage: { index: 0, finished }, globalStep: 10 * sequence, metrics: { valLoss, valStep },
    recipe: { stages: [{ changes: turns === 0 ? undefined : Array.from({ length: turns }, (_, step) => ({ step, learning_rate: 0.1 })) }] },
  }) as unknown as CheckpointManifest;
const kept = (all: readonly CheckpointManifest[]): string[] => [...keptByPolicy(all, "a", 2)].sort((a, b) => Number(a) - Number(b));

it("are the newest, the best of a stage, its end, and what another names as its parent", () => {
  expect(kept([1, 2, 3, 4].map((sequence) => saved(sequence)))).toEqual(["3", "4"]);
  expect(kept([saved(1, { valLoss: 1 }), saved(2, { finished: true, valLoss: 2 }), saved(3), saved(4), saved(5, { valLoss: 3 }), saved(6), saved(7, { runId: "b", parentId: "3" })])).toEqual(["1", "2", "3", "5", "6"]);
});

it("are the last before each turn of a knob, so that every turn can be undone, up to ten of them", () => {
  expect(kept([saved(1), saved(2), saved(3, { turns: 1 }), saved(4, { turns: 2 }), saved(5, { turns: 2 }), saved(6, { turns: 2 }), saved(7, { turns: 2 })])).toEqual(["2", "3", "6", "7"]);
  const many = Array.from({ length: 30 }, (_, turns) => saved(turns, { turns }));
  expect(kept(many)).toEqual(Array.from({ length: 11 }, (_, i) => String(19 + i)));
});

it("are no best where the loss is that of other weights, evaluated at an earlier step", () => {
  const others = [saved(4, { valLoss: 3, valStep: 40 }), saved(5), saved(6)];
  expect(kept([saved(1, { valLoss: 1, valStep: 3 }), saved(2, { valLoss: 2, valStep: 20 }), ...others])).toEqual(["2", "5", "6"]);
});
