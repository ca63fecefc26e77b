/** The editor's rules without its page: fields, problems, edits and their undoing, and the count of parameters against the model's own table. */
import { describe, expect, it } from "vitest";
import { familyOf, loraTable, type TransformerConfig } from "../../../src/model/transformer.ts";
import type { Recipe } from "../../../src/protocol/index.ts";
import { presets } from "../../../src/protocol/presets.ts";
import { appliesTo, FIELDS, LORA_TARGETS, validateRecipe } from "../../../src/protocol/recipe-fields.ts";
import { fineTuning, withMethod } from "../../../src/ui/recipe/recipe-choice.ts";
import { edited, fieldsUnder, fieldValue, History, prefixesOf, problemsOf, readTyped, sizesFit, withoutStage, withStage } from "../../../src/ui/recipe/recipe-draft.ts";
import { defaultLora, methodFor } from "../../../src/ui/recipe/recipe-method.ts";
import { parameterCount, trainedCount } from "../../../src/ui/recipe/recipe-size.ts";

const named = (name: string): Recipe => presets.find((preset) => preset.name === name)!;
const firstLight = named("first-light");
const asLlama = edited(firstLight, "model.family", "llama");
/** With a stage of each kind after pre-training. */
const everyKind = (recipe: Recipe): Recipe => {
  const tuned = recipe.stages.find((stage) => stage.kind === "sft")!;
  return { ...recipe, stages: [...recipe.stages, { ...tuned, kind: "continue" }, { ...tuned, kind: "dpo", beta: 0.1, rpo_alpha: 0 }] };
};
const size = (shape: readonly number[]): number => shape.reduce((product, side) => product * side, 1);

describe("the fields of a recipe", () => {
  it.each([["gpt2", everyKind(firstLight)], ["llama", everyKind(asLlama)]] as const)("of %s are all of the table's, each where the recipe has a value, method and mixture apart", (family, recipe) => {
    const fields = prefixesOf(recipe).flatMap((prefix) => fieldsUnder(recipe, prefix));
    const expected = FIELDS.filter((spec) => (spec.family ?? family) === family && !spec.path.includes(".method.") && appliesTo(spec, recipe.stages[0]!.optimizer));
    expect(new Set(fields.map(({ spec }) => spec))).toEqual(new Set(expected));
    for (const field of fields) expect(fieldValue(recipe, field), field.path).toBeDefined();
  });

  it("have a stage of each kind to add, which is a recipe", () => {
    for (const kind of ["pretrain", "continue", "sft", "dpo"] as const) {
      const more = withStage(firstLight, kind, presets);
      expect(more.stages.map((stage) => stage.kind)).toEqual(["pretrain", "sft", kind]);
      expect(validateRecipe(more)).toBe(more);
    }
  });

  it("are of a stage only those of its kind", () => {
    const names = everyKind(firstLight).stages.map((_, i) => fieldsUnder(everyKind(firstLight), `stages.${i}.`).map(({ name }) => name));
    expect(names.map((all) => ["replay", "l2_weight", "beta"].filter((name) => all.includes(name)))).toEqual([[], ["replay", "l2_weight"], ["replay", "l2_weight"], ["l2_weight", "beta"]]);
  });

  it("have each a meaning in one sentence", () => {
    for (const { path, meaning } of FIELDS) expect(meaning, path).toMatch(/^[A-Z0-9][^.]*(\.\d[^.]*)*\.$/);
  });

  it("have a usual range within the allowed one, and every preset's numbers lie in it", () => {
    const usual = FIELDS.filter((spec) => spec.usual !== undefined);
    expect(usual.length).toBeGreaterThan(20);
    for (const { path, usual: [least, most] = [NaN, NaN], min, max } of usual) expect(least >= min! && least <= most && most <= max!, path).toBe(true);
    for (const preset of presets) {
      for (const { path, spec } of prefixesOf(preset).flatMap((prefix) => fieldsUnder(preset, prefix))) {
        const value = fieldValue(preset, { path, spec });
        if (spec.usual && typeof value === "number") expect(value >= spec.usual[0] && value <= spec.usual[1], `${preset.name} ${path} ${value}`).toBe(true);
      }
    }
  });

  it("read what is typed by their type, and keep what is no number", () => {
    const layers = FIELDS.find(({ path }) => path === "model.n_layer")!;
    expect([readTyped(layers, " 3 "), readTyped(layers, "1e9"), readTyped(layers, "x"), readTyped(layers, ""), readTyped(layers, "Infinity"), readTyped(layers, "0x10"), readTyped(layers, "-.5e-2")]).toEqual([3, 1e9, "x", "", "Infinity", "0x10", -0.005]);
  });
});

describe("what is wrong", () => {
  it("is said at every field at once, with name, value seen and range", () => {
    const draft = edited(edited(firstLight, "model.n_layer", 1e9), "stages.1.optimizer.learning_rate", "fast");
    expect([...problemsOf(draft)]).toEqual([
      ["model.n_layer", "n_layer is 1000000000; it must be a whole number from 1 to 48."],
      ["stages.1.optimizer.learning_rate", 'learning_rate is "fast"; it must be a number from 1e-9 to 1.'],
    ]);
  });

  it("is said of fields that do not go together, at the one to mend", () => {
    expect([...problemsOf(edited(firstLight, "model.n_head", 3))]).toEqual([["model.n_embd", "n_embd is 64; it must be a multiple of n_head (3)."]]);
    expect([...problemsOf(edited(firstLight, "stages.0.optimizer.learning_rate", 1e-9)).values()]).toEqual([expect.stringMatching(/^min_lr is [\d.e-]+; it must be at most learning_rate \(1e-9\)\.$/)]);
    expect([...problemsOf(edited(firstLight, "stages.0.optimizer.warmup_iters", 9999)).keys()]).toEqual(["stages.0.optimizer.warmup_iters"]);
  });

  it("keeps parameters from being counted where a size is out of range, and nowhere else", () => {
    const with_ = (path: string, value: unknown): boolean => sizesFit(edited(firstLight, path, value));
    expect([with_("model.n_layer", -3), with_("model.n_layer", 1e9), with_("model.n_layer", ""), with_("tokenizer.vocab_size", 2.5)]).toEqual([false, false, false, false]);
    expect([with_("model.n_layer", 3), with_("model.n_head", 3), with_("stages.0.max_iters", 0)]).toEqual([true, true, true]);
  });

  it.each(presets.map((preset) => [preset.name, preset] as const))("is nothing in %s", (_, preset) => expect([...problemsOf(preset)]).toEqual([]));
});

describe("an edit", () => {
  it("leaves the recipe before it as it was", () => {
    const before = JSON.stringify(firstLight);
    const after = edited(firstLight, "stages.0.optimizer.learning_rate", 0.5);
    expect([after.stages[0]!.optimizer.learning_rate, after.stages[1] === firstLight.stages[1], JSON.stringify(firstLight)]).toEqual([0.5, true, before]);
  });

  it("back to what a field is anyway leaves it out again: the recipe is the preset", () => {
    const half = edited(firstLight, "stages.0.dtype", "bfloat16");
    expect(half.stages[0]!.dtype).toBe("bfloat16");
    expect(JSON.stringify(edited(half, "stages.0.dtype", "float32"))).toBe(JSON.stringify(firstLight));
    expect([...problemsOf(edited(half, "model.family", "llama")).keys()]).toEqual([]);
  });

  it("to wsd brings the steps it falls over, a fifth of the stage or what the warm-up leaves, and takes them away again", () => {
    const wsd = edited(firstLight, "stages.0.optimizer.schedule", "wsd");
    expect(validateRecipe(wsd).stages.map(({ optimizer }) => optimizer.decay_iters)).toEqual([300, undefined]);
    expect(fieldsUnder(wsd, "stages.0.").map(({ name }) => name)).toContain("decay_iters");
    expect(fieldsUnder(wsd, "stages.1.").map(({ name }) => name)).not.toContain("decay_iters");
    expect(JSON.stringify(edited(wsd, "stages.0.optimizer.schedule", "cosine"))).toBe(JSON.stringify(firstLight));
    const warm = edited(firstLight, "stages.0.optimizer.warmup_iters", 1400);
    expect(validateRecipe(edited(warm, "stages.0.optimizer.schedule", "wsd")).stages[0]!.optimizer.decay_iters).toBe(100);
  });

  it("to another optimizer shows that one's fields alone, at their fallbacks, and back again is the preset", () => {
    const shown = (recipe: Recipe): Record<string, unknown> => Object.fromEntries(fieldsUnder(recipe, "stages.0.").filter(({ path }) => path.includes(".optimizer.")).map((field) => [field.name, fieldValue(recipe, field)]));
    const everywhere = ["type", "learning_rate", "schedule", "warmup_iters", "min_lr", "weight_decay", "grad_clip"];
    const of = (type: string, recipe = firstLight): Recipe => edited(recipe, "stages.0.optimizer.type", type);
    expect(Object.keys(shown(firstLight)).toSorted()).toEqual([...everywhere, "beta1", "beta2", "eps"].toSorted());
    expect(Object.keys(shown(of("sgd"))).toSorted()).toEqual([...everywhere, "momentum", "nesterov"].toSorted());
    expect(shown(of("sgd"))).toMatchObject({ type: "sgd", momentum: 0.9, nesterov: false });
    expect(Object.keys(shown(of("muon"))).toSorted()).toEqual([...everywhere, "beta1", "beta2", "eps", "momentum", "nesterov", "ns_steps", "adam_learning_rate"].toSorted());
    expect(shown(of("muon"))).toMatchObject({ type: "muon", momentum: 0.95, nesterov: true, ns_steps: 5, adam_learning_rate: 8e-3, learning_rate: 8e-3 });
    for (const type of ["sgd", "muon"]) {
      expect([...problemsOf(of(type))]).toEqual([]);
      expect(JSON.stringify(of("adamw", of(type)))).toBe(JSON.stringify(firstLight));
    }
    expect([...problemsOf(of("sgd", of("muon")))]).toEqual([]);
  });

  it("leaves a fallback out only where it is that optimizer's", () => {
    const momentum = (type: string, value: number): unknown => edited(edited(firstLight, "stages.0.optimizer.type", type), "stages.0.optimizer.momentum", value).stages[0]!.optimizer.momentum;
    expect([momentum("sgd", 0.9), momentum("sgd", 0.95), momentum("muon", 0.9), momentum("muon", 0.95)]).toEqual([undefined, 0.95, 0.9, undefined]);
  });

  it("to another family brings that family's sizes and modules, and back again", () => {
    const lora = withMethod(firstLight, defaultLora("gpt2"));
    const llama = edited(lora, "model.family", "llama");
    expect(validateRecipe(llama).stages[1]).toMatchObject({ method: { type: "lora", target_modules: ["q_proj", "v_proj"] } });
    expect(validateRecipe(edited(llama, "model.family", "gpt2")).model).toEqual(firstLight.model);
  });

  it("adds and removes stages, eight at most and one at least", () => {
    let recipe = named("shakespeare-char");
    expect(withoutStage(recipe, 0)).toBe(recipe);
    for (let i = 0; i < 9; i++) recipe = withStage(recipe, i % 2 === 0 ? "sft" : "pretrain", presets);
    expect(validateRecipe(recipe).stages.map(({ kind }) => kind)).toEqual(["pretrain", "sft", "pretrain", "sft", "pretrain", "sft", "pretrain", "sft"]);
    expect(withoutStage(recipe, 1).stages.map(({ kind }) => kind)).toEqual(["pretrain", "pretrain", "sft", "pretrain", "sft", "pretrain", "sft"]);
  });

  it("is taken back in one go for one field, and the one before it after that", () => {
    const history = new History();
    history.push(firstLight, "model.n_layer");
    history.push(edited(firstLight, "model.n_layer", 1), "model.n_layer");
    const twelve = edited(firstLight, "model.n_layer", 12);
    history.push(twelve, "seed");
    expect([history.length, history.pop(), history.pop(), history.pop()]).toEqual([2, twelve, firstLight, undefined]);
  });
});

describe("the method of fine-tuning", () => {
  const base = { id: "b", model: firstLight.model } as NonNullable<Parameters<typeof fineTuning>[0]>;
  it("goes into what Fine-tune it starts, even where the chosen recipe has no such stage", () => {
    const lora = defaultLora("gpt2");
    expect(fineTuning(base, named("shakespeare-char"), presets, lora)!.recipe.stages[1]).toMatchObject({ method: lora });
    expect(fineTuning(base, firstLight, presets, null)!.recipe.stages[1]).toMatchObject({ method: { type: "full" } });
  });

  it("keeps edits of the stages where the edited model has another shape than the base", () => {
    const chosen = edited(edited(firstLight, "model.n_layer", 3), "stages.1.max_iters", 77);
    expect(fineTuning(base, chosen, presets, null)!.recipe).toMatchObject({ model: firstLight.model, stages: [{}, { max_iters: 77 }] });
  });

  it("takes the family's own modules where none of the chosen ones exists", () => {
    expect(methodFor({ ...defaultLora("gpt2"), target_modules: ["c_fc"] }, "llama")).toMatchObject({ target_modules: ["q_proj", "v_proj"] });
  });
});

describe("the count of parameters", () => {
  const table = (config: TransformerConfig): number => familyOf(config).parameterTable(config).reduce((sum, { shape }) => sum + size(shape), 0);
  it.each([firstLight, named("gpu-10m"), asLlama].flatMap((recipe) => [true, false].map((tied) => [recipe.model.family, recipe.model.n_embd, tied, recipe] as const)))(
    "is that of the model's own table: %s, %i wide, tied %s", (_family, _width, tie_word_embeddings, recipe) => {
      const model = { ...recipe.model, tie_word_embeddings, ...(recipe.model.family === "llama" ? { n_kv_head: 2 } : {}) };
      expect(parameterCount(model, 777)).toBe(table({ ...model, vocab_size: 777 } as TransformerConfig));
    });

  it.each([firstLight, asLlama].flatMap((recipe) => LORA_TARGETS[recipe.model.family].map((target) => [target, recipe] as const)))("of LoRA on %s is that of its tables", (target, recipe) => {
    const model = { ...recipe.model, ...(recipe.model.family === "llama" ? { n_kv_head: 2 } : {}) };
    const { specs } = loraTable({ ...model, vocab_size: 777 } as TransformerConfig, [target], 4);
    expect(trainedCount(model, 777, { type: "lora", r: 4, lora_alpha: 8, target_modules: [target] })).toBe(specs.reduce((sum, { shape }) => sum + size(shape), 0));
  });
});
