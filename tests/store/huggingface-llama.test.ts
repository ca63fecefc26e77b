/** Llama folders and adapters: transformers' own fixture as the judge of names, shapes and fields, and each mismatch in its table. */
import { describe, expect, test } from "vitest";
import { parameterTable } from "../../src/model/transformer.ts";
import {
  ADAPTER_FILES, MODEL_FILES, loraTensorShapes, parseSafetensors, readAdapterFolder, readModelFolder, tensorShapes, writeAdapterFolder, writeModelFolder, writeSafetensors,
} from "../../src/store/index.ts";
import type { Difference, SizedModelConfig, TensorToWrite } from "../../src/store/index.ts";
import { errorOf, fixture, goldenPart, randomTensors, tinyModel, tinyTokenizer } from "./helpers.ts";

type Files = Map<string, Uint8Array<ArrayBuffer>>;
type Llama = SizedModelConfig & { readonly family: "llama" };

const json = (bytes: Uint8Array): Record<string, unknown> => JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
const text = (value: unknown): Uint8Array<ArrayBuffer> => new TextEncoder().encode(JSON.stringify(value));
const golden: Llama = {
  family: "llama", n_layer: 2, n_head: 4, n_kv_head: 2, n_embd: 32, intermediate_size: 80, block_size: 32, rope_theta: 10_000, rms_norm_eps: 1e-5,
  dropout: 0, tie_word_embeddings: false, vocab_size: 65,
};
const tiny: Llama = { ...golden, n_layer: 1, n_head: 2, n_kv_head: 1, n_embd: 8, intermediate_size: 12, block_size: 8, vocab_size: 6, rope_theta: 500, rms_norm_eps: 1e-6 };
const folder = (model = tiny): Files => writeModelFolder({ model, tensors: randomTensors(tensorShapes(model), 1), tokenizer: tinyTokenizer, dtype: "f32" });
const withConfig = (change: object, files = folder()): Files => new Map(files).set(MODEL_FILES.config, text({ ...json(files.get(MODEL_FILES.config)!), ...change }));
const table = async (files: Files): Promise<string[]> => ((await errorOf(() => readModelFolder(files))).details["differences"] as Difference[]).map((d) => d.what);

function withTensors(change: (tensors: Map<string, TensorToWrite>) => void, files = folder()): Files {
  const tensors = new Map<string, TensorToWrite>(parseSafetensors(files.get(MODEL_FILES.weights)!).tensors);
  change(tensors);
  return new Map(files).set(MODEL_FILES.weights, writeSafetensors(tensors));
}

describe("a Llama's folder", () => {
  test.each([golden, { ...tiny, tie_word_embeddings: true }, tinyModel])("has the names and shapes that the engine trains ($family, $n_layer layers)", (model) => {
    const trained = new Map(parameterTable(model).map(({ name, shape }) => [name, shape]));
    expect(new Map([...tensorShapes(model)].sort())).toEqual(new Map([...trained].sort()));
  });

  test("has the names and shapes that transformers gave its own", () => {
    const theirs = new Map([...goldenPart("llama.safetensors", "weight")].map(([name, t]) => [name, t.shape]));
    expect(new Map([...tensorShapes(golden)].sort())).toEqual(new Map([...theirs].sort()));
  });

  test("says in config.json what transformers' own config says, field by field", () => {
    const theirs = json(fixture("llama.config.json"));
    const ours = json(writeModelFolder({ model: golden, tensors: goldenPart("llama.safetensors", "weight"), tokenizer: tinyTokenizer, dtype: "f32" }).get(MODEL_FILES.config)!);
    const shared = Object.keys(theirs).filter((key) => !["bos_token_id", "eos_token_id", "transformers_version"].includes(key));
    expect(shared.length).toBeGreaterThan(18);
    for (const key of shared) expect(ours[key], key).toEqual(theirs[key]);
    expect(ours).toMatchObject({ architectures: ["LlamaForCausalLM"], rope_theta: 10_000, rope_scaling: null, torch_dtype: "float32" });
  });

  test("written by transformers is read: its config, and its weights with no name left over", () => {
    const weights = goldenPart("llama.safetensors", "weight");
    const read = readModelFolder(new Map([[MODEL_FILES.config, fixture("llama.config.json")], [MODEL_FILES.weights, writeSafetensors(weights)]]));
    expect(read.model).toEqual(golden);
    expect([...read.tensors.keys()].sort()).toEqual([...weights.keys()].sort());
    expect(read.tensors.get("model.layers.1.self_attn.k_proj.weight")!.data).toEqual(weights.get("model.layers.1.self_attn.k_proj.weight")!.data);
  });

  test.each([true, false])("comes back equal (tied head: %s); what is dropped while training is no part of it", (tied) => {
    const model = { ...tiny, tie_word_embeddings: tied, dropout: 0.1 };
    const tensors = randomTensors(tensorShapes(model), 3);
    const files = writeModelFolder({ model, tensors, tokenizer: tinyTokenizer, dtype: "f32" });
    expect(parseSafetensors(files.get(MODEL_FILES.weights)!).tensors.has("lm_head.weight")).toBe(!tied);
    const read = readModelFolder(files);
    expect(read.model).toEqual({ ...model, dropout: 0 });
    for (const [name, tensor] of tensors) expect(read.tensors.get(name)).toEqual(tensor);
  });

  test("is read as versions 4 and 5 of transformers write it, and with what they leave to their defaults", () => {
    const asRead = (change: object): SizedModelConfig => readModelFolder(withConfig(change)).model;
    expect(asRead({ rope_parameters: undefined })).toEqual(tiny);
    expect(asRead({ rope_theta: undefined, rope_scaling: undefined })).toEqual(tiny);
    expect(asRead({ rope_theta: undefined, rope_parameters: undefined, rms_norm_eps: undefined, head_dim: undefined })).toEqual({ ...tiny, rope_theta: 10_000, rms_norm_eps: 1e-6 });
    const whole = { ...tiny, n_kv_head: 2 };
    expect(readModelFolder(withConfig({ num_key_value_heads: undefined }, folder(whole))).model).toEqual(whole);
  });

  test("is read with names without the prefix, with stored rotary frequencies, and with a tied head stored twice", () => {
    const tied = { ...tiny, tie_word_embeddings: true };
    const files = withTensors((tensors) => {
      for (const [name, tensor] of [...tensors]) {
        tensors.delete(name);
        tensors.set(name.replace("model.", ""), tensor);
      }
      tensors.set("layers.0.self_attn.rotary_emb.inv_freq", { shape: [2], data: new Float32Array(2) });
      tensors.set("lm_head.weight", tensors.get("embed_tokens.weight")!);
    }, folder(tied));
    expect([...readModelFolder(files).tensors.keys()].sort()).toEqual([...tensorShapes(tied).keys()].sort());
  });
});

describe("another Llama's weights are refused whole, with a table", () => {
  test.each([
    ["num_attention_heads", { num_attention_heads: 3, head_dim: null }],
    ["num_key_value_heads", { num_attention_heads: 2, num_key_value_heads: 4 }],
    ["num_attention_heads", { num_attention_heads: 4, head_dim: null }],
    ["head_dim", { head_dim: 16 }],
    ["hidden_act", { hidden_act: "gelu" }],
    ["attention_bias", { attention_bias: true }],
    ["mlp_bias", { mlp_bias: true }],
    ["attention_dropout", { attention_dropout: 0.1 }],
    ["pretraining_tp", { pretraining_tp: 2 }],
    ["rope_scaling", { rope_scaling: { type: "linear", factor: 2 } }],
    ["rope_parameters", { rope_parameters: { rope_type: "llama3", rope_theta: 500 } }],
    ["rope_theta", { rope_theta: 7 }],
    ["rms_norm_eps", { rms_norm_eps: -1 }],
    ["rms_norm_eps", { rms_norm_eps: "1e-6" }],
    ["num_hidden_layers", { num_hidden_layers: 1e9 }],
    ["hidden_size", { hidden_size: 8.5 }],
    ["intermediate_size", { intermediate_size: 0 }],
    ["tie_word_embeddings", { tie_word_embeddings: "no" }],
  ])("a config whose %s the engine does not have: %o", async (field, change) => {
    expect(await table(withConfig(change))).toEqual([field]);
  });

  test("one key head more than the weights have", async () => {
    expect(await table(withConfig({ num_key_value_heads: 2 }))).toEqual(["model.layers.0.self_attn.k_proj.weight", "model.layers.0.self_attn.v_proj.weight"]);
  });

  test("a bias that the config does not speak of, and a norm that is missing", async () => {
    const files = withTensors((t) => {
      t.set("model.layers.0.self_attn.q_proj.bias", { shape: [8], data: new Float32Array(8) });
      t.delete("model.norm.weight");
    });
    expect(await table(files)).toEqual(["model.norm.weight", "model.layers.0.self_attn.q_proj.bias"]);
  });
});

const lora = { type: "lora", r: 2, lora_alpha: 4, target_modules: ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"] } as const;
const adapter = (): Files => writeAdapterFolder({ lora, tensors: randomTensors(loraTensorShapes(tiny, lora), 5) }, tiny, "nestling/tiny");

describe("a Llama's adapter", () => {
  test("has PEFT's names, A [r, in] and B [out, r], and says that the base is Linear", () => {
    const files = adapter();
    expect(json(files.get(ADAPTER_FILES.config)!)).toMatchObject({ peft_type: "LORA", fan_in_fan_out: false, target_modules: lora.target_modules });
    const { tensors } = parseSafetensors(files.get(ADAPTER_FILES.weights)!);
    const at = "base_model.model.model.layers.0";
    const shapes = Object.fromEntries([...tensors].map(([name, { shape }]) => [name, shape]));
    expect(shapes).toMatchObject({
      [`${at}.self_attn.q_proj.lora_A.weight`]: [2, 8], [`${at}.self_attn.q_proj.lora_B.weight`]: [8, 2],
      [`${at}.self_attn.k_proj.lora_A.weight`]: [2, 8], [`${at}.self_attn.k_proj.lora_B.weight`]: [4, 2],
      [`${at}.mlp.down_proj.lora_A.weight`]: [2, 12], [`${at}.mlp.down_proj.lora_B.weight`]: [8, 2],
    });
    expect(tensors.size).toBe(14);
  });

  test("comes back equal, whole or for two projections only", () => {
    for (const target_modules of [lora.target_modules, ["q_proj", "v_proj"] as const]) {
      const own = { ...lora, target_modules };
      const tensors = randomTensors(loraTensorShapes(tiny, own), 5);
      expect(readAdapterFolder(writeAdapterFolder({ lora: own, tensors }, tiny), tiny)).toEqual({ lora: own, tensors: new Map([...tensors].sort()) });
    }
  });

  test("is refused on a GPT-2, as GPT-2's targets are on a Llama", async () => {
    expect((await errorOf(() => readAdapterFolder(adapter(), tinyModel))).code).toBe("CKPT_MISMATCH");
    expect((await errorOf(() => loraTensorShapes(tiny, { ...lora, target_modules: ["c_attn"] }))).code).toBe("CKPT_MISMATCH");
  });
});
