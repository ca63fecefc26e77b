/** A run in float16 as the page sees it: its scale in the log, steps left out said and counted, evaluations and the end where they belong. */
import { afterEach, expect, it, vi } from "vitest";
import type { EngineEvent, MetricRow } from "../../src/protocol/messages.ts";
import { presetByName } from "../../src/protocol/presets.ts";
import type { Recipe } from "../../src/protocol/recipe.ts";
import { stepRows } from "../../src/engine/step-rows.ts";
import type * as LossScaling from "../../src/training/loss-scaler.ts";
import { startTestEngine, type TestEngine } from "../support/engine-env.ts";

const first = vi.hoisted(() => ({ scale: 2 ** 16 }));
vi.mock("../../src/training/loss-scaler.ts", async (original) => {
  const actual = await original<typeof LossScaling>();
  return {
    ...actual,
    LossScaler: class extends actual.LossScaler {
      constructor(state: LossScaling.ScalerState = { scale: first.scale, good: 0, skipped: 0 }) {
        super(state);
      }
    },
  };
});
afterEach(() => void (first.scale = 2 ** 16));

const STEPS = 30;
const firstLight = presetByName("first-light")!;
const recipe = {
  ...firstLight, name: "tiny", model: { ...firstLight.model, n_layer: 1, n_embd: 32, n_head: 2, block_size: 32 }, tokenizer: { kind: "bpe", vocab_size: 320 },
  stages: [{ ...firstLight.stages[0]!, dtype: "float16", batch_size: 4, eval_iters: 1, eval_interval: 3, data: [{ corpus: "world", weight: 1 }], max_iters: STEPS, optimizer: { ...firstLight.stages[0]!.optimizer, warmup_iters: 2 } }],
} as Recipe;

async function trained(): Promise<{ rows: MetricRow[]; notices: number; engine: TestEngine }> {
  const engine = await startTestEngine();
  const { runId } = await engine.api.startRun({ recipe });
  await engine.until((state) => state.runId === runId && state.phase === "finished");
  const of = <T extends EngineEvent["type"]>(type: T): Extract<EngineEvent, { type: T }>[] => engine.events.filter((event): event is Extract<EngineEvent, { type: T }> => event.type === type);
  return { engine, rows: of("metrics").flatMap((event) => [...event.rows]), notices: of("notice").filter(({ code }) => code === "STEP_SKIPPED").length };
}

const stepsOf = (rows: readonly MetricRow[], field: "train/loss" | "val/loss"): number[] => rows.filter((row) => row[field] !== undefined).map(({ step }) => step);

it("logs the scale of every step", async () => {
  const { rows, notices, engine } = await trained();
  const taken = rows.filter((row) => row["train/loss"] !== undefined);
  expect(taken.map(({ step, loss_scale, skipped }) => [step, loss_scale, skipped])).toEqual(Array.from({ length: STEPS }, (_, i) => [i + 1, 65_536, 0]));
  expect(notices).toBe(0);
  await engine.api.dispose();
});

it("leaves out steps that overflow, each once and said, and evaluates and ends at the steps that the recipe names", async () => {
  first.scale = 2 ** 72;
  const { rows, notices, engine } = await trained();
  const all = rows.filter((row) => row["train/loss"] !== undefined);
  expect(stepsOf(rows, "train/loss")).toEqual(Array.from({ length: STEPS }, (_, i) => i + 1));
  const left = all.filter(({ skipped }) => skipped === 1);
  expect(left.length).toBeGreaterThan(2);
  expect(left.length).toBeLessThan(STEPS - 5);
  expect(left.map(({ step }) => step)).toEqual(left.map((_, i) => i + 1));
  expect(all.map(({ loss_scale }) => loss_scale)).toEqual(all.map((_, i) => 2 ** (72 - Math.min(i, left.length))));
  expect(notices).toBe(left.length);
  expect(stepsOf(rows, "val/loss")).toEqual(Array.from({ length: STEPS / 3 + 1 }, (_, i) => 3 * i));
  // Nothing is learned by what is left out.
  const held = rows.filter((row) => row["val/loss"] !== undefined && row.step <= left.length).map((row) => row["val/loss"]);
  expect(new Set(held).size).toBe(1);
  expect(rows.findLast((row) => row["val/loss"] !== undefined)!["val/loss"]).toBeLessThan(held[0]!);
  await engine.api.dispose();
});

it("marks a step that was left out, and gives float32's rows no scale", () => {
  const context = { stageIndex: 0, stepsBefore: 10, tokensBefore: 0, tokensPerStep: 64, trainMs: 5, rate: null, flops: 1 };
  const row = { step: 3, loss: 2, gradNorm: Infinity, lr: 1e-3, targets: 64 };
  expect(stepRows([{ ...row, lossScale: 1024, skipped: true }], context)[0]).toMatchObject({ globalStep: 13, tokens: 192, loss_scale: 1024, skipped: 1 });
  expect(stepRows([row], context)[0]).not.toHaveProperty("loss_scale");
});
