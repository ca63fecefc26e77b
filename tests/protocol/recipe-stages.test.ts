/** Stages of a recipe at the border: parents and turned knobs are taken or refused by name, with what was seen and what is allowed. */
import { describe, expect, it } from "vitest";
import { presetByName } from "../../src/protocol/presets.ts";
import { scheduleWithin, validateRecipe } from "../../src/protocol/recipe-fields.ts";
import type { Recipe, SftStage } from "../../src/protocol/recipe.ts";

const preset = presetByName("first-light")!;
const [pretrain, sft] = preset.stages as [Recipe["stages"][number], SftStage];
const withChanges = (changes: unknown): unknown => ({ ...preset, stages: [{ ...pretrain, changes }] });

describe("validateRecipe", () => {
  it("lets the first stage name a checkpoint, and refuses one on a later stage rather than ignore it", () => {
    expect(validateRecipe({ ...preset, stages: [{ ...sft, parent: "abc" }] }).stages[0]).toMatchObject({ parent: "abc" });
    expect(() => validateRecipe({ ...preset, stages: [pretrain, { ...sft, parent: "abc" }] })).toThrow(/stages\.1\.parent is "abc"; it must be left out/);
  });

  it("takes a dtype or none, for both families and LoRA, and refuses one that does not exist", () => {
    const of = (stage: object, recipe: object = preset): unknown => ({ ...recipe, stages: [stage] });
    expect(validateRecipe(of({ ...pretrain, dtype: "bfloat16" })).stages[0]).toMatchObject({ dtype: "bfloat16" });
    expect(validateRecipe(of(pretrain)).stages[0]).not.toHaveProperty("dtype");
    expect(() => validateRecipe(of({ ...pretrain, dtype: "float64" }))).toThrow(/stages\.0\.dtype is "float64"; it must be one of float32, bfloat16, float16/);
    expect(validateRecipe(of({ ...pretrain, dtype: "bfloat16" }, presetByName("stories-llama")!)).stages[0]).toMatchObject({ dtype: "bfloat16" });
    const method = { type: "lora", r: 4, lora_alpha: 8, target_modules: ["c_attn"] };
    expect(validateRecipe(of({ ...sft, method, dtype: "bfloat16" })).stages[0]).toMatchObject({ dtype: "bfloat16", method });
  });

  const withOptimizer = (change: object): unknown => ({ ...preset, stages: [{ ...pretrain, optimizer: { ...pretrain.optimizer, ...change } }] });

  it.each([
    [{ schedule: "wsd" }, /optimizer\.decay_iters is missing; it must be a whole number from 1 to 10000000/],
    [{ schedule: "wsd", decay_iters: 0 }, /optimizer\.decay_iters is 0; it must be a whole number from 1/],
    [{ schedule: "wsd", decay_iters: 1451 }, /optimizer\.decay_iters is 1451; it must be at most max_iters \(1500\) without warmup_iters \(50\)/],
    [{ decay_iters: 10 }, /optimizer\.decay_iters is 10; it must be left out: only schedule wsd has it/],
    [{ schedule: "wds" }, /optimizer\.schedule is "wds"; it must be one of cosine, linear, constant, wsd/],
    [{ type: "lion" }, /optimizer\.type is "lion"; it must be one of adamw, sgd, muon/],
    [{ momentum: 0.9 }, /optimizer\.momentum is 0\.9; it must be left out: only type sgd or muon has it/],
    [{ type: "adamw", nesterov: true }, /optimizer\.nesterov is true; it must be left out: only type sgd or muon has it/],
    [{ type: "sgd", ns_steps: 5 }, /optimizer\.ns_steps is 5; it must be left out: only type muon has it/],
    [{ type: "sgd", adam_learning_rate: 1e-3 }, /optimizer\.adam_learning_rate is 0\.001; it must be left out: only type muon has it/],
    [{ type: "sgd", momentum: 1 }, /optimizer\.momentum is 1; it must be a number from 0 to 0\.9999/],
    [{ type: "sgd", nesterov: "yes" }, /optimizer\.nesterov is "yes"; it must be true or false/],
    [{ type: "muon", ns_steps: 21 }, /optimizer\.ns_steps is 21; it must be a whole number from 1 to 20/],
    [{ type: "muon", ns_steps: 2.5 }, /optimizer\.ns_steps is 2\.5/],
    [{ type: "sgd", beta1: 2 }, /optimizer\.beta1 is 2; it must be a number from 0 to 0\.9999/],
  ])("refuses the optimizer %j", (change, message) => {
    expect(() => validateRecipe(withOptimizer(change))).toThrow(message);
  });

  it.each([{ type: "adamw" }, { type: "sgd" }, { type: "sgd", momentum: 0, nesterov: false }, { type: "muon" }, { type: "muon", momentum: 0.95, nesterov: true, ns_steps: 5, adam_learning_rate: 3e-4 }])("takes the optimizer %j as it is", (change) => {
    expect(validateRecipe(withOptimizer(change)).stages[0]!.optimizer).toEqual({ ...pretrain.optimizer, ...change });
  });

  it("fits warm-up and decay into fewer steps, a quarter each at most, and says no decay where there was none", () => {
    const wsd = { ...pretrain.optimizer, schedule: "wsd", decay_iters: 300 } as const;
    expect([1, 3, 40, 400, 4000].map((steps) => scheduleWithin(wsd, steps)).map(({ warmup_iters, decay_iters }) => [warmup_iters, decay_iters])).toEqual([[0, 1], [0, 1], [10, 10], [50, 100], [50, 300]]);
    expect(Object.keys(scheduleWithin(pretrain.optimizer, 40))).toEqual(Object.keys(pretrain.optimizer));
  });

  it("takes a decay as long as the warm-up leaves room for", () => {
    expect(validateRecipe(withOptimizer({ schedule: "wsd", decay_iters: 1450 })).stages[0]!.optimizer).toMatchObject({ decay_iters: 1450 });
  });

  it("refuses a recipe without stages", () => {
    expect(() => validateRecipe({ ...preset, stages: [] })).toThrow(/stages is a list of 0; it must be a list of 1 to 8 stages/);
  });

  it("takes knobs by rising step", () => {
    const changes = [{ step: 0, temperature: 1 }, { step: 7, learning_rate: 1e-3, grad_clip: 0 }];
    expect(validateRecipe(withChanges(changes)).stages[0]!.changes).toEqual(changes);
  });

  it.each([
    [[{ step: 7 }, { step: 7 }], /changes\.1\.step is 7; it must be a whole number above 7 and below max_iters \(1500\)/],
    [[{ step: 1500 }], /changes\.0\.step is 1500/],
    [[{ step: 1.5 }], /changes\.0\.step is 1\.5/],
    [[{ step: 1, learning_rate: 0 }], /changes\.0\.learning_rate is 0; it must be a number from 1e-9 to 1/],
    [[{ step: 1, grad_clip: Number.NaN }], /changes\.0\.grad_clip is NaN/],
    [[{ step: 1, weight_decay: 0.1 }], /has a field "weight_decay"; it may have step, learning_rate, grad_clip, temperature/],
    [{ step: 1 }, /a list of at most 1000 changes/],
    [Array.from({ length: 1001 }, (_, step) => ({ step })), /changes is a list of 1001; it must be a list of at most 1000/],
  ])("refuses %j", (changes, message) => {
    expect(() => validateRecipe(withChanges(changes))).toThrow(message);
  });

  const later = { kind: "continue", method: { type: "full" } };
  const dpo = { kind: "dpo", method: { type: "full" }, beta: 0.1, rpo_alpha: 0 };
  const lora = { type: "lora", r: 4, lora_alpha: 8, target_modules: ["c_attn"] };
  const withLater = (change: object): unknown => ({ ...preset, stages: [preset.stages[0], { ...preset.stages[1], ...change }] });
  const withPretraining = (change: object): unknown => ({ ...preset, stages: [{ ...preset.stages[0], ...change }, preset.stages[1]] });

  it.each([
    later, dpo, { ...later, replay: 0.5, kl_weight: 1, l2_weight: 0.1 }, { ...later, early_stopping_patience: 3, load_best_model_at_end: true, metric_for_best_model: "mean", ended_at: 40 },
    { ...later, method: { type: "embeddings" } }, { ...later, method: { type: "last_layers", layers: 2 } }, { ...later, method: { ...lora, lora_dropout: 0.1 } },
    { ...later, data: [{ corpus: "world", weight: 0, end_weight: 1 }, { corpus: "stories", weight: 1, end_weight: 0 }] },
  ])("takes a later stage with %j as it is", (change) => {
    expect(validateRecipe(withLater(change))).toEqual(withLater(change));
  });

  it.each([
    [withLater({ kind: "rlhf" }), /stages\.1\.kind is "rlhf"; it must be one of pretrain, continue, sft, dpo/],
    [withPretraining({ replay: 0.5 }), /stages\.0\.replay is 0\.5; it must be left out: only a stage of kind continue or sft has it, and this one is pretrain/],
    [withPretraining({ ended_at: 5 }), /stages\.0\.ended_at is 5; it must be left out/],
    [withLater({ ...dpo, kl_weight: 1 }), /stages\.1\.kl_weight is 1; it must be left out/],
    [withLater({ ...later, beta: 0.1 }), /only a stage of kind dpo has it/],
    [withLater({ ...dpo, beta: undefined }), /stages\.1\.beta is missing; it must be a number from 0\.0001 to 10/],
    [withLater({ ...dpo, batch_size: 7 }), /batch_size is 7; it must be even/],
    [withLater({ ...later, replay: 1 }), /replay is 1; it must be a number from 0 to 0\.95/],
    [withLater({ ...later, method: { type: "last_layers", layers: 3 } }), /method\.layers is 3; it must be at most n_layer \(2\)/],
    [withLater({ ...later, method: { type: "prefix" } }), /method\.type is "prefix"; it must be one of full, embeddings, last_layers, lora/],
    [withLater({ ...later, method: lora, l2_weight: 0.1 }), /l2_weight is 0\.1; it must be 0 with LoRA/],
    [withLater({ ...later, dtype: "bfloat16", method: { ...lora, lora_dropout: 0.1 } }), /lora_dropout is 0\.1; it must be 0 with dtype bfloat16/],
    [withLater({ ...later, ended_at: 121 }), /ended_at is 121; it must be a whole number from 1 to max_iters \(120\)/],
    [withLater({ ...later, ended_at: -5 }), /ended_at is -5/],
    [withLater({ ...later, eval_interval: 0, early_stopping_patience: 2 }), /eval_interval is 0; it must be above 0 where/],
    [withLater({ ...later, data: [{ corpus: "world", weight: 0 }] }), /weight is 0; it must be a number above 0/],
    [withLater({ ...later, data: [{ corpus: "world", weight: 1, end_weight: 0 }] }), /above 0 for one source at least, at the stage's beginning and at its end/],
    [withLater({ ...later, data: [{ corpus: "world", weight: 1, end_weight: -1 }] }), /end_weight is -1; it must be a number from 0 up to 1000/],
  ])("refuses a stage that cannot be: %#", (recipe, message) => {
    expect(() => validateRecipe(recipe)).toThrow(message);
  });
});
