/** What a run writes from time to time: each stage is asked for what it learns. */
import { expect, it } from "vitest";
import { quizItems } from "../../src/engine/quiz.ts";
import { presetByName } from "../../src/protocol/presets.ts";
import type { Recipe } from "../../src/protocol/recipe.ts";
import { startTestEngine } from "../support/engine-env.ts";

const LONG = "and then it went on ".repeat(40);
const TALE = Array.from({ length: 200 }, (_, i) => `Tale ${i}: the fox and the hen went out. They came home, ${i % 7} of them.`).join("\n");
const line = (messages: readonly object[]): string => `${JSON.stringify({ messages })}\n`;
const asked = (content: string, answer: string): string => line([{ role: "user", content }, { role: "assistant", content: answer }]);
const some = Array.from({ length: 6 }, (_, i) => asked(`Who keeps lamp ${i}?`, `Ada ${i}.`)).join("");

/** Prompts of the samples of a run whose second stage reads this corpus: the first stage's, then its own. */
async function prompts(name: string, text: string | null): Promise<string[]> {
  const preset = presetByName("first-light")!;
  const [pretrain, tune] = preset.stages;
  const small = { batch_size: 2, max_iters: 2, eval_iters: 1, eval_interval: 0 };
  const engine = await startTestEngine();
  const corpus = text === null ? "world-chat" : (await engine.api.addCorpus(name, [{ name, data: new Blob([text]) }])).id;
  const recipe: Recipe = {
    ...preset, name: "samples", model: { ...preset.model, n_layer: 1, n_head: 2, n_embd: 32, block_size: 64 }, tokenizer: { kind: "bpe", vocab_size: 300 },
    stages: [
      { ...pretrain!, ...small, data: [{ corpus: "world", weight: 1 }], optimizer: { ...pretrain!.optimizer, warmup_iters: 0 } },
      { ...tune!, ...small, data: [{ corpus, weight: 1 }], optimizer: { ...tune!.optimizer, warmup_iters: 0 } },
    ],
  };
  await engine.api.startRun({ recipe });
  await engine.until((state) => state.phase === "finished");
  await engine.api.dispose();
  return [...new Set(engine.events.flatMap((event) => (event.type === "sample" ? [event.sample.prompt] : [])))];
}

it.each([
  ["the world, what is held out", null, quizItems()[0]!.prompt],
  ["own conversations, the first question", some, "Who keeps lamp 0?"],
  ["one with a system message, as the template gives both", line([{ role: "system", content: "Be brief." }, { role: "user", content: "Who?" }, { role: "assistant", content: "Ada." }]) + some, "Be brief.\n\nWho?"],
  ["conversations of which the first is left out for its length, the first that is learned", asked("How long?", LONG) + some, "Who keeps lamp 0?"],
  ["running text, which has no questions, its beginning", null, "The "],
] as const)("fine-tuning on %s", async (what, text, want) => {
  const found = what.startsWith("running") ? await prompts("tales.txt", TALE) : await prompts("own.jsonl", text);
  expect(found).toEqual(["Once upon a time", want]);
});
