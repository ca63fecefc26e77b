/** A llama through the engine in Node on the CPU backend: both stages with LoRA in the second, the download and back, and a fine-tune of what was opened. */
import { expect, it } from "vitest";
import { presetByName } from "../../src/protocol/presets.ts";
import { LORA_TARGETS } from "../../src/protocol/recipe-fields.ts";
import type { Recipe, SftStage } from "../../src/protocol/recipe.ts";
import { bytesSource, MODEL_FILES, openModelFile, parseSafetensors, tensorShapes } from "../../src/store/index.ts";
import { startTestEngine, type TestEngine } from "../support/engine-env.ts";

const [FIRST, SECOND] = [8, 4];

function tinyRecipe(): Recipe {
  const preset = presetByName("stories-llama")!;
  const [pretrain, sft] = preset.stages as [Recipe["stages"][number], SftStage];
  const small = { batch_size: 4, eval_iters: 1 };
  if (preset.model.family !== "llama") throw new Error("stories-llama is no llama");
  return {
    ...preset, name: "tiny-llama", model: { ...preset.model, n_layer: 1, n_embd: 32, intermediate_size: 40, block_size: 32, tie_word_embeddings: false }, tokenizer: { kind: "bpe", vocab_size: 320 },
    stages: [
      { ...pretrain, ...small, data: [{ corpus: "world", weight: 1 }], max_iters: FIRST, eval_interval: 0, optimizer: { ...pretrain.optimizer, warmup_iters: 2 } },
      {
        ...sft, ...small, max_iters: SECOND, eval_interval: 0, optimizer: { ...sft.optimizer, learning_rate: 5e-2, warmup_iters: 1 },
        method: { type: "lora", r: 2, lora_alpha: 4, target_modules: LORA_TARGETS.llama },
      },
    ],
  };
}

async function answerOf(engine: TestEngine, checkpointId: string, requestId: string): Promise<string> {
  await engine.api.ask({ requestId, sides: [{ side: "only", checkpointId }], prompt: "Who are you?", chat: true, temperature: 0, top_k: 0, top_p: 1, max_new_tokens: 12, seed: 3 });
  await new Promise((resolve) => setTimeout(resolve, 150)); // one batch of events
  return engine.events.flatMap((event) => (event.type === "token" && event.requestId === requestId ? [event.token.text] : [])).join("");
}

it("a llama trains through both stages, leaves as LlamaForCausalLM with its adapter folded in, comes back saying the same, trains on, and refuses a LoRA of the other family", async () => {
  const engine = await startTestEngine();
  const recipe = tinyRecipe();
  const { runId } = await engine.api.startRun({ recipe });
  const done = await engine.until((state) => state.phase === "finished");
  expect(done.stages.map(({ done: steps }) => steps)).toEqual([FIRST, SECOND]);
  const [base, tuned] = (await engine.api.listCheckpoints()).filter((each) => each.runId === runId);
  const said = await answerOf(engine, tuned!.id, "tuned");
  expect(said.length).toBeGreaterThan(0);
  expect(await answerOf(engine, "live", "live")).toBe(said);
  expect(await answerOf(engine, base!.id, "base")).not.toBe(said);

  const zip = await engine.api.exportCheckpoint(tuned!.id);
  const { files } = await openModelFile("mine.zip", bytesSource(new Uint8Array(await zip.arrayBuffer())));
  const config = JSON.parse(new TextDecoder().decode(files.get(MODEL_FILES.config))) as { vocab_size: number };
  expect(config).toMatchObject({ architectures: ["LlamaForCausalLM"], num_key_value_heads: 2, num_attention_heads: 4, intermediate_size: 40, tie_word_embeddings: false });
  const { tensors } = parseSafetensors(files.get(MODEL_FILES.weights)!);
  const want = tensorShapes({ ...recipe.model, vocab_size: config.vocab_size });
  expect(new Map([...tensors].map(([name, { shape }]) => [name, [...shape]] as const).sort())).toEqual(new Map([...want].sort()));

  const opened = await engine.api.importCheckpoint("mine.zip", zip);
  expect(opened.resumable).toBe(false);
  expect(await answerOf(engine, opened.id, "opened")).toBe(said);

  const loose = await engine.api.importCheckpoint("model.safetensors", [...files].map(([name, bytes]) => ({ name, data: new Blob([bytes]) })));
  expect(await answerOf(engine, loose.id, "loose")).toBe(said);

  const again = await engine.api.startRun({ recipe: { ...recipe, name: "again", stages: [recipe.stages[1]!] }, fromCheckpoint: opened.id });
  await engine.until((state) => state.runId === again.runId && state.phase === "finished");
  const [after] = (await engine.api.listCheckpoints()).filter((each) => each.runId === again.runId);
  expect(after!.step).toBe(SECOND);
  expect((await answerOf(engine, after!.id, "after")).length).toBeGreaterThan(0);

  const gpt2 = presetByName("first-light")!;
  const foreign: SftStage = { ...(recipe.stages[1] as SftStage), method: { type: "lora", r: 2, lora_alpha: 4, target_modules: ["c_attn"] } };
  await engine.api.startRun({ recipe: { ...gpt2, stages: [foreign] }, fromCheckpoint: opened.id });
  await expect(engine.until(() => false)).rejects.toThrow(/target_modules has c_attn; a llama model has q_proj, k_proj/);
  await engine.api.dispose();
});
