/** Conversations that a model's context cannot hold: left out, counted and said; never the reason why a run fails that has enough others. */
import { expect, it } from "vitest";
import { splitExamples } from "../../src/data/index.ts";
import { presetByName } from "../../src/protocol/presets.ts";
import type { Recipe } from "../../src/protocol/recipe.ts";
import { startTestEngine } from "../support/engine-env.ts";

const LONG = "and then it went on ".repeat(40);
const row = (i: number, long: boolean): string => `${JSON.stringify({ prompt: `What is ${i}?`, completion: long ? LONG : `It is ${i}.` })}\n`;
/** @param long which of the rows are too long */
const chat = (count: number, long: (i: number) => boolean): Blob => new Blob([Array.from({ length: count }, (_, i) => row(i, long(i))).join("")]);

function recipeOf(corpus: string): Recipe {
  const preset = presetByName("first-light")!;
  const [pretrain, tune] = preset.stages;
  const small = { batch_size: 2, max_iters: 2, eval_iters: 1, eval_interval: 0 };
  return {
    ...preset, name: "long", model: { ...preset.model, n_layer: 1, n_head: 2, n_embd: 32, block_size: 64 }, tokenizer: { kind: "bpe", vocab_size: 300 },
    stages: [
      { ...pretrain!, ...small, data: [{ corpus: "world", weight: 1 }], optimizer: { ...pretrain!.optimizer, warmup_iters: 0 } },
      { ...tune!, ...small, data: [{ corpus, weight: 1 }], optimizer: { ...tune!.optimizer, warmup_iters: 0 } },
    ],
  };
}

async function run(data: Blob): Promise<{ phase: string; leftOut: string | undefined; notices: string[]; error: unknown }> {
  const engine = await startTestEngine();
  const { id } = await engine.api.addCorpus("q.jsonl", [{ name: "q.jsonl", data }]);
  const { runId } = await engine.api.startRun({ recipe: recipeOf(id) });
  await engine.until((state) => state.phase === "finished").catch(() => undefined);
  await engine.api.dispose();
  const states = engine.events.flatMap((event) => (event.type === "state" && event.runId === runId ? [event.state] : []));
  const notices = engine.events.flatMap((event) => (event.type === "notice" && event.code === "DATA_TOO_LONG" ? [event.text] : []));
  return { phase: states.at(-1)!.phase, leftOut: states.at(-1)!.leftOut, notices, error: states.find(({ error }) => error)?.error };
}

it("are left out, with their number and the longest, in a notice and in the run's state", async () => {
  const { phase, leftOut, notices } = await run(chat(40, (i) => i >= 4));
  expect(phase).toBe("finished");
  expect(leftOut).toMatch(/^36 of 40 conversations are longer than the context of 64 tokens and were left out; the longest has \d{3}\.$/);
  expect(notices).toEqual([leftOut]);
  expect(await run(chat(20, () => false))).toMatchObject({ phase: "finished", leftOut: undefined, notices: [] });
});

it("do not fail a run by being the ones that were held out", async () => {
  const ten = Array.from({ length: 10 }, (_, i) => i);
  const [held] = splitExamples(ten).validation;
  expect(await run(chat(10, (i) => i === held))).toMatchObject({ phase: "finished", leftOut: expect.stringMatching(/^1 of 10 conversations is longer .* and was left out/) });
});

it("end a run before its first step where fewer than two others are there, with all counts", async () => {
  const { phase, error } = await run(chat(5, (i) => i > 0));
  expect([phase, error]).toEqual(["failed", expect.objectContaining({ code: "DATA_TOO_LONG", details: expect.objectContaining({ conversations: 5, fitting: 1, context: 64 }) })]);
  expect(error).toMatchObject({ message: expect.stringMatching(/^Of 5 conversations 1 fits the model's context of 64 tokens, the longest has \d+; at least 2 are needed/) });
  expect(await run(chat(1, () => false))).toMatchObject({ phase: "failed", error: { message: expect.stringMatching(/^There is 1 conversation; at least 2 are needed/) } });
});

it("are never held out themselves, and move no other split", () => {
  const items = Array.from({ length: 100 }, (_, i) => i);
  expect(splitExamples(items, 0.1, 0, () => true)).toEqual(splitExamples(items));
  const { train, validation } = splitExamples(items, 0.1, 0, (i) => i % 10 < 3);
  expect([validation.length, validation.every((i) => i % 10 < 3), train.length]).toEqual([3, true, 97]);
});
