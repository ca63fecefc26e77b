/** The model of a recipe at the border: each family has its own fields and LoRA targets, and is refused those of the other. */
import { describe, expect, it } from "vitest";
import { presetByName, presets } from "../../src/protocol/presets.ts";
import { LORA_TARGETS, validateRecipe } from "../../src/protocol/recipe-fields.ts";
import type { SftStage } from "../../src/protocol/recipe.ts";

const gpt2 = presetByName("first-light")!;
const llama = presetByName("stories-llama")!;
const withModel = (changes: object, preset = llama): unknown => ({ ...preset, model: { ...preset.model, ...changes } });
const without = (field: string): unknown => ({ ...llama, model: Object.fromEntries(Object.entries(llama.model).filter(([name]) => name !== field)) });
const withTargets = (preset: typeof llama, target_modules: readonly string[]): unknown =>
  ({ ...preset, stages: [preset.stages[0], { ...(preset.stages[1] as SftStage), method: { type: "lora", r: 4, lora_alpha: 8, target_modules } }] });

describe("validateRecipe", () => {
  it("takes every preset, of both families, as it is", () => {
    for (const preset of presets) expect(validateRecipe(preset)).toEqual(preset);
    expect(new Set(presets.map(({ model }) => model.family))).toEqual(new Set(["gpt2", "llama"]));
  });

  it.each(["n_kv_head", "intermediate_size", "rope_theta", "rms_norm_eps"])("asks a llama for its %s, and refuses a gpt2 that has one", (field) => {
    expect(() => validateRecipe(without(field))).toThrow(new RegExp(`model\\.${field} is missing; it must be a`));
    expect(() => validateRecipe(withModel({ [field]: 1 }, gpt2))).toThrow(new RegExp(`CONFIG_UNKNOWN.*"${field}"`));
  });

  it.each([
    [{ n_kv_head: 3 }, /n_kv_head is 3; it must be a divisor of n_head \(4\)/],
    [{ n_kv_head: 0 }, /n_kv_head is 0; it must be a whole number from 1 to 64/],
    [{ n_kv_head: 8 }, /n_kv_head is 8; it must be a divisor of n_head \(4\)/],
    [{ intermediate_size: 1e9 }, /intermediate_size is 1000000000/],
    [{ rope_theta: 0 }, /rope_theta is 0; it must be a number from 1 to/],
    [{ rms_norm_eps: "1e-5" }, /rms_norm_eps is "1e-5"/],
    [{ family: "mamba" }, /CONFIG_UNKNOWN|family is "mamba"; it must be one of gpt2, llama/],
    [{ n_head: 32, n_kv_head: 32 }, /n_head is 32; it must be such that n_embd \/ n_head \(2\) is a multiple of 4/],
  ])("refuses a llama with %j", (changes, message) => {
    expect(() => validateRecipe(withModel(changes))).toThrow(message);
  });

  it("takes a family's own LoRA targets and refuses the other's", () => {
    expect(validateRecipe(withTargets(llama, LORA_TARGETS.llama))).toBeTruthy();
    expect(validateRecipe(withTargets(gpt2, LORA_TARGETS.gpt2))).toBeTruthy();
    expect(() => validateRecipe(withTargets(llama, ["c_attn"]))).toThrow(/target_modules.*a list out of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj/);
    expect(() => validateRecipe(withTargets(gpt2, ["q_proj"]))).toThrow(/target_modules.*a list out of c_attn/);
  });
});
