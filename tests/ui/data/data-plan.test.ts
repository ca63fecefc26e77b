import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CorpusPreview, Recipe } from "../../../src/protocol/index.ts";
import { presets } from "../../../src/protocol/presets.ts";
import { validateRecipe } from "../../../src/protocol/recipe-fields.ts";
import { epochsOf, estimateTokens, firstUse, isRefusal, planFor, plansFor, stepsFor, TRAINING_PART, USES, withoutCorpus, type DataPlan, type DataSetting, type DataWish } from "../../../src/ui/data/data-plan.ts";
import { fineTuning } from "../../../src/ui/recipe/recipe-choice.ts";
import { recipeTitle } from "../../../src/ui/recipe/recipe-form.ts";
import { stubCheckpoints } from "../stub-engine.ts";

const OWN = "own:0123456789abcdef";
const base = stubCheckpoints()[0]!;
const setting = (chosen: Recipe = presets[0]!, from: typeof base | undefined = base): DataSetting => ({ chosen, presets, tuning: fineTuning(from, chosen, presets, null) });
const preview = (textBytes: number, more: Partial<CorpusPreview> = {}): CorpusPreview => ({
  kind: "text", files: [], bytes: textBytes, textBytes, tokens: Math.ceil(textBytes / 3), unknownShare: 0.001, sample: "", suggested: "finetune", why: "", ...more,
});
const done = (use: DataPlan["use"], look: CorpusPreview, at = setting(), wish: DataWish = {}): DataPlan => {
  const plan = planFor(use, look, at, wish, OWN);
  if (isRefusal(plan)) throw new Error(plan.blocked);
  return plan;
};
const refused = (use: DataPlan["use"], look: CorpusPreview, at = setting()): string => {
  const plan = planFor(use, look, at);
  return isRefusal(plan) ? plan.blocked : "";
};

describe("what data would be trained as", () => {
  it("is nothing, and for no other reason, where no file could be read", () => {
    const unread = { name: "cat.txt", form: "text", gzip: false, bytes: 40_000, textBytes: 40_000, problem: { code: "NOT_TEXT", message: "It is a picture.", details: {} } } as const;
    for (const use of USES) {
      expect(refused(use, preview(40_000, { files: [unread], characters: 0 }))).toMatch(/Nothing of it could be read: the message above says why/);
      expect(refused(use, preview(40, { files: [{ ...unread, problem: undefined }], characters: 40, tokens: 12 }))).not.toMatch(/could be read/);
    }
  });

  it("is, pre-trained on, the recipe for one's own text with this text in it", () => {
    const { recipe, from } = done("pretrain", preview(3e6));
    expect([recipe.name, from, recipe.stages.map(({ kind, data }) => [kind, data])]).toEqual(["your-text", undefined, [["pretrain", [{ corpus: OWN, weight: 1 }]]]]);
    expect(recipe.stages[0]!.max_iters).toBe(presets.find(({ name }) => name === "your-text")!.stages[0]!.max_iters);
  });

  it("is, fine-tuned on, the base's recipe with its last stage on this data, started from the base", () => {
    const { recipe, from, trainedTokens, steps, tokensPerStep } = done("finetune", preview(40_000, { kind: "chat" }));
    expect([from, recipe.model, recipe.stages.map(({ kind, data }) => [kind, data[0]!.corpus])]).toEqual(["base", base.model, [["pretrain", "stories"], ["sft", OWN]]]);
    expect(recipeTitle(recipe)).toBe("Your fine-tuning");
    // The stages that made the base are behind it, and cost nothing more.
    expect(trainedTokens).toBe(steps * tokensPerStep);
  });

  it("is nothing where running text is shorter than a row, with both counts, while short conversations are padded", () => {
    for (const use of USES) {
      const recipe = done(use, preview(30_000)).recipe;
      const fewest = Math.ceil((recipe.model.block_size + 1) / TRAINING_PART);
      expect(refused(use, preview((fewest - 1) * 3))).toMatch(new RegExp(`about ${fewest - 1} tokens; at least ${fewest} are needed for a context of ${recipe.model.block_size}`));
      expect(refused(use, preview(fewest * 3))).toBe("");
    }
    expect(refused("finetune", preview(30, { kind: "chat" }))).toBe("");
  });

  it("is, in the mixture, the chosen recipe with one source more, of the asked-for share", () => {
    const { recipe, share } = done("mixture", preview(1e6), setting(), { share: 0.25 });
    const { data } = recipe.stages[0]!;
    expect([recipe.name, data.map(({ corpus }) => corpus), share]).toEqual(["first-light", ["stories", "world", OWN], 0.25]);
    expect(data[2]!.weight / data.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(0.25, 6);
    expect(recipe.stages[1]).toEqual(presets[0]!.stages[1]);
  });

  it("mixes questions with answers into the fine-tuning stage", () => {
    const { recipe } = done("mixture", preview(1e5, { kind: "chat" }));
    expect(recipe.stages.map(({ data }) => data.map(({ corpus }) => corpus))).toEqual([["stories", "world"], ["world-chat", OWN]]);
  });

  it("mixes beside other text where the chosen recipe reads one's own alone, and twice the same only once", () => {
    const own = presets.find(({ name }) => name === "your-text")!;
    expect(done("mixture", preview(1e6), setting(own)).recipe.name).toBe("first-light");
    const once = done("mixture", preview(1e6)).recipe;
    expect(done("mixture", preview(1e6), setting(once)).recipe.stages[0]!.data.map(({ corpus }) => corpus)).toEqual(["stories", "world", OWN]);
  });

  it("keeps the person's seed, and an edited recipe for one's own text", () => {
    const edited = { ...presets.find(({ name }) => name === "your-text")!, seed: 77, model: { ...presets[0]!.model, n_layer: 3 } };
    const { recipe } = done("pretrain", preview(1e6), setting(edited));
    expect([recipe.seed, recipe.model.n_layer]).toEqual([77, 3]);
    expect(done("pretrain", preview(1e6), setting({ ...presets[0]!, seed: 5 })).recipe.seed).toBe(5);
  });

  it("says why where it cannot be", () => {
    expect(refused("pretrain", preview(1e5, { kind: "chat" }))).toMatch(/cannot be pre-trained on/);
    expect(refused("finetune", preview(1e5), { ...setting(), tuning: null })).toMatch(/No base is loaded/);
    const examples = { seen: 100, tooLong: 99, longest: 312, context: 64 };
    const chat = (more: Partial<typeof examples>, sampled = 1): string => refused("finetune", preview(1e5, { kind: "chat", sampled, examples: { ...examples, ...more } }));
    expect(chat({})).toMatch(/^Of 100 conversations looked at, 1 fits the base's context of 64 tokens \(the longest has 312\); at least 2 are needed\./);
    expect(chat({ seen: 1, tooLong: 0 })).toMatch(/^It has 1 conversation; at least 2 are needed/);
    expect([chat({ tooLong: 98 }), chat({}, 0.1)]).toEqual(["", ""]);
    expect(chat({ tooLong: 100 }, 0.1)).toMatch(/0 fit the base's context/);
    expect(refused("mixture", preview(1e5, { kind: "chat" }), setting(presets.find(({ name }) => name === "shakespeare-char")!))).toMatch(/no fine-tuning stage/);
    expect(firstUse(plansFor(preview(1e5), { ...setting(), tuning: null }), "finetune")).toBe("pretrain");
  });

  it("is measured as the same recipe whatever steps and share are wished", () => {
    for (const use of USES) {
      const measured = [{}, { steps: 7 }, { steps: 900, share: 0.6 }].map((wish) => JSON.stringify(done(use, preview(5e5), setting(), wish).measured));
      expect(new Set(measured).size).toBe(1);
    }
  });

  it("is a valid recipe at any size and any wish, whose steps read the data as often as it says", () => {
    fc.assert(fc.property(
      fc.constantFrom(...USES), fc.constantFrom(...presets), fc.integer({ min: 1, max: 8e9 }), fc.constantFrom("text" as const, "chat" as const),
      fc.record({ steps: fc.integer({ min: 1, max: 1_000_000 }), share: fc.double({ min: 0.01, max: 0.99, noNaN: true }) }, { requiredKeys: [] }),
      (use, chosen, bytes, kind, wish) => {
        const plan = planFor(use, preview(bytes, { kind }), setting(chosen), wish, OWN);
        if (isRefusal(plan)) {
          expect(plan.blocked.length).toBeGreaterThan(20);
          return;
        }
        validateRecipe(plan.recipe);
        validateRecipe(plan.measured);
        const stage = plan.recipe.stages.find(({ data }) => data.some(({ corpus }) => corpus === OWN))!;
        const sum = stage.data.reduce((total, { weight }) => total + weight, 0);
        expect(stage.data.find(({ corpus }) => corpus === OWN)!.weight / sum).toBeCloseTo(plan.share, 4);
        const read = stage.max_iters * stage.batch_size * stage.gradient_accumulation_steps * plan.recipe.model.block_size * plan.share;
        expect(plan.epochs * plan.tokens * TRAINING_PART / read).toBeCloseTo(1, 9);
        if (wish.steps !== undefined) expect(stage.max_iters).toBe(wish.steps);
      }), { numRuns: 300, seed: 1 });
  });

  it("counts epochs and steps as each other's inverse", () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 1, max: 1e6 }), fc.double({ min: 0.01, max: 1, noNaN: true }), fc.integer({ min: 1, max: 1e9 }), (steps, perStep, share, tokens) => {
      const back = stepsFor(epochsOf(steps, perStep, share, tokens), perStep, share, tokens);
      expect(back).toBeGreaterThanOrEqual(steps);
      expect(back).toBeLessThanOrEqual(steps + 1);
    }), { seed: 1 });
  });
});

describe("tokens", () => {
  it("are the base's for fine-tuning, characters for characters, and by size where the base's tokenizer does not know the text", () => {
    const strange = preview(90_000, { tokens: 80_000, unknownShare: 0.4 });
    expect([estimateTokens(strange, "bpe", true), estimateTokens(strange, "bpe", false), estimateTokens(strange, "char", false)]).toEqual([80_000, 30_000, 90_000]);
    expect(estimateTokens(preview(90_000, { tokens: 25_000 }), "bpe", false)).toBe(25_000);
    expect(estimateTokens(preview(90_000, { tokens: undefined }), "bpe", true)).toBe(30_000);
  });
});

describe("a text that is deleted", () => {
  it("leaves a mixture, and cannot leave a stage that reads it alone", () => {
    const mixed = done("mixture", preview(1e6)).recipe;
    expect(withoutCorpus(mixed, OWN)?.stages).toEqual(presets[0]!.stages);
    expect(withoutCorpus(done("pretrain", preview(1e6)).recipe, OWN)).toBeNull();
  });
});
