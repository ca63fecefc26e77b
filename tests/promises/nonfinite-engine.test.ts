/**
 * Promise 10 through the engine: a kernel that gives NaN pauses the run with a named error, the last good checkpoint stays the
 * last and keeps its bits, and once the fault is gone the run goes on.
 */
import { afterEach, expect, it, vi } from "vitest";
import { presets } from "../../src/protocol/presets.ts";
import type { EngineEvent, RunState } from "../../src/protocol/messages.ts";
import type { Recipe } from "../../src/protocol/recipe.ts";
import { CheckpointStore, MemoryStorage } from "../../src/store/index.ts";
import { startTestEngine, type TestEngine } from "../support/engine-env.ts";
import { microOptimizer, weightsHash } from "../support/micro.ts";

/** While on, every launch of the export leaves NaN in the first number of its third buffer: attention's output. */
const fault = { on: false, name: "attention", argument: 2 };

/** The CPU device's module, with that fault in it. */
function breakableInstances(): void {
  const Real = WebAssembly.Instance;
  vi.stubGlobal("WebAssembly", Object.assign(Object.create(WebAssembly) as typeof WebAssembly, {
    Instance: function (module: WebAssembly.Module, imports: { env: { memory: WebAssembly.Memory } }): { exports: WebAssembly.Exports } {
      const exports = new Real(module, imports).exports;
      const real = exports[fault.name] as (...args: number[]) => void;
      const broken = (...args: number[]): void => {
        real(...args);
        if (fault.on) new Float32Array(imports.env.memory.buffer)[args[fault.argument]! / 4] = NaN;
      };
      return { exports: { ...exports, [fault.name]: broken } };
    },
  }));
}

afterEach(() => void vi.unstubAllGlobals());

const recipe = (corpus: string): Recipe => ({
  ...presets[0]!, name: "micro", seed: 1, tokenizer: { kind: "char", vocab_size: 300 },
  model: { family: "gpt2", n_layer: 1, n_head: 2, n_embd: 32, block_size: 32, dropout: 0, tie_word_embeddings: true },
  stages: [{ kind: "pretrain", name: "Pre-training", data: [{ corpus, weight: 1 }], max_iters: 100_000, batch_size: 2, gradient_accumulation_steps: 1, eval_interval: 0, eval_iters: 1, optimizer: microOptimizer }],
});

const text = Array.from({ length: 400 }, (_, i) => `In the year ${1000 + i} the river rose ${i % 7} feet and the miller wrote it down.`).join("\n");

async function savedHash(storage: MemoryStorage, id: string): Promise<string> {
  const { weights } = await new CheckpointStore(storage).load(id);
  return weightsHash({ weights: new Map([...weights].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }])) });
}

/** The first state after the events seen so far for which the test holds. */
function next(engine: TestEngine, holds: (state: RunState) => boolean): Promise<RunState> {
  const old = new Set(engine.events.flatMap((event) => (event.type === "state" ? [event.state] : [])));
  return engine.until((state) => !old.has(state) && holds(state));
}

const steps = (engine: TestEngine): number[] =>
  engine.events.flatMap((event: EngineEvent) => (event.type === "metrics" ? event.rows.filter((row) => row["train/loss"] !== undefined).map(({ step }) => step) : []));

it("pauses, names the launch and the tensor, keeps the last good checkpoint, and goes on when the fault is gone", async () => {
  breakableInstances();
  const storage = new MemoryStorage();
  const engine = await startTestEngine(storage);
  const { api } = engine;
  const { id: corpus } = await api.addCorpus("flood.txt", new Blob([text]));
  await api.startRun({ recipe: recipe(corpus) });
  await next(engine, ({ step }: RunState) => step >= 20);
  await api.pause();
  const { saved, step: savedAt } = await next(engine, ({ phase, saved: point }) => phase === "paused" && point !== undefined);
  const before = await savedHash(storage, saved!.checkpointId);

  fault.on = true;
  const seen = engine.events.length;
  await api.play();
  const stopped = await next(engine, ({ phase, error }) => phase === "paused" && error !== undefined);
  const told = engine.events.slice(seen).flatMap((event) => (event.type === "metrics" ? event.rows : []));
  const list = await api.listCheckpoints();
  console.info(`paused at step ${stopped.step}, saved at ${savedAt}: ${stopped.error!.message}`);
  expect(stopped.error!.code).toBe("NONFINITE_LOSS");
  expect(stopped.error!.message).toContain(`Step ${savedAt + 1} gave a number that is not finite, first in h.0.attn.attention, written by attention h.0.attn, element 0`);
  expect(stopped.step).toBe(savedAt);
  expect(told.filter((row) => row["train/loss"] !== undefined && !Number.isFinite(row["train/loss"]))).toEqual([]);
  expect(stopped.saved).toEqual(saved);
  expect(list.filter(({ runId }) => runId === stopped.runId).at(-1)!.id).toBe(saved!.checkpointId);
  expect(await savedHash(storage, saved!.checkpointId)).toBe(before);

  // Played again with the fault still there it stops again; without it, it trains on from where it stood.
  await api.play();
  await next(engine, ({ phase, error }) => phase === "paused" && error !== undefined);
  fault.on = false;
  const mended = engine.events.length;
  await api.play();
  await next(engine, ({ phase, step, error }) => phase === "running" && error === undefined && step >= savedAt + 10);
  await api.stop();
  const last = (await api.listCheckpoints()).filter(({ runId }) => runId === stopped.runId);
  const trained = engine.events.slice(mended).flatMap((event) => (event.type === "metrics" ? event.rows.filter((row) => row["train/loss"] !== undefined) : []));
  await api.dispose();
  expect(trained[0]!.step).toBe(savedAt + 1);
  expect(trained.every((row) => Number.isFinite(row["train/loss"]))).toBe(true);
  expect(steps(engine)).toEqual(steps(engine).toSorted((a, b) => a - b));
  expect(Math.max(...last.map(({ step }) => step))).toBeGreaterThan(savedAt);
});
