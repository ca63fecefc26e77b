/** Model folders and adapters: transformers' own fixture as the judge of names and shapes, and each mismatch in its table. */
import { describe, expect, test } from "vitest";
import { ADAPTER_FILES, MODEL_FILES, bytesSource, gpt2TensorShapes, loraTensorShapes, openModelFile, openModelFiles, parseSafetensors, readAdapterFolder, readModelFolder, writeAdapterFolder, writeModelFolder, writeSafetensors, writeZip } from "../../src/store/index.ts";
import type { Difference, SizedModelConfig, Tensor, TensorToWrite } from "../../src/store/index.ts";
import { fromBf16, toBf16 } from "../../src/core/half.ts";
import { codeOf, errorOf, fixture, goldenPart, randomTensors, tinyModel, tinyTokenizer } from "./helpers.ts";

type Files = Map<string, Uint8Array<ArrayBuffer>>;

const json = (bytes: Uint8Array): Record<string, unknown> => JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
const text = (value: unknown): Uint8Array<ArrayBuffer> => new TextEncoder().encode(JSON.stringify(value));
const goldenModel: SizedModelConfig = { family: "gpt2", n_layer: 2, n_head: 4, n_embd: 32, block_size: 32, dropout: 0, tie_word_embeddings: true, vocab_size: 65 };
const folder = (model = tinyModel, dtype: "f32" | "bf16" = "f32"): Files => writeModelFolder({ model, tensors: randomTensors(gpt2TensorShapes(model), 1), tokenizer: tinyTokenizer, dtype });
const table = async (files: Files): Promise<string[]> => ((await errorOf(() => readModelFolder(files))).details["differences"] as Difference[]).map((d) => d.what);

function withTensors(files: Files, change: (tensors: Map<string, TensorToWrite>) => void): Files {
  const tensors = new Map<string, TensorToWrite>(parseSafetensors(files.get(MODEL_FILES.weights)!).tensors);
  change(tensors);
  return new Map(files).set(MODEL_FILES.weights, writeSafetensors(tensors));
}

const withConfig = (files: Files, change: object): Files => new Map(files).set(MODEL_FILES.config, text({ ...json(files.get(MODEL_FILES.config)!), ...change }));

describe("a model folder", () => {
  test("has the names and shapes that transformers gave its own GPT-2", () => {
    const golden = new Map([...goldenPart("gpt2.safetensors", "weight")].map(([name, t]) => [name, t.shape]));
    expect(new Map([...gpt2TensorShapes(goldenModel)].sort())).toEqual(new Map([...golden].sort()));
  });

  test("says in config.json what transformers' own config says, field by field", () => {
    const theirs = json(fixture("gpt2.config.json"));
    const ours = json(writeModelFolder({ model: goldenModel, tensors: goldenPart("gpt2.safetensors", "weight"), tokenizer: tinyTokenizer, dtype: "f32" }).get(MODEL_FILES.config)!);
    const shared = Object.keys(theirs).filter((key) => key in ours && !["bos_token_id", "eos_token_id"].includes(key));
    expect(shared.length).toBeGreaterThan(17);
    for (const key of shared) expect(ours[key], key).toEqual(theirs[key]);
    for (const required of ["activation_function", "n_positions", "tie_word_embeddings", "model_type", "layer_norm_epsilon"]) expect(shared).toContain(required);
  });

  test("written by transformers is read: its config, and its weights with no name left over", () => {
    const weights = goldenPart("gpt2.safetensors", "weight");
    const read = readModelFolder(new Map([[MODEL_FILES.config, fixture("gpt2.config.json")], [MODEL_FILES.weights, writeSafetensors(weights)]]));
    expect(read.model).toEqual(goldenModel);
    expect([...read.tensors.keys()].sort()).toEqual([...weights.keys()].sort());
    expect(read.tensors.get("transformer.h.1.mlp.c_fc.weight")!.data).toEqual(weights.get("transformer.h.1.mlp.c_fc.weight")!.data);
    expect(read.tokenizer).toBeNull();
  });

  test.each([true, false])("comes back equal in f32 (tied head: %s)", (tied) => {
    const model = { ...tinyModel, tie_word_embeddings: tied, dropout: 0.1 };
    const tensors = randomTensors(gpt2TensorShapes(model), 3);
    const files = writeModelFolder({ model, tensors, tokenizer: tinyTokenizer, dtype: "f32" });
    const stored = parseSafetensors(files.get(MODEL_FILES.weights)!);
    expect(stored.metadata.get("format")).toBe("pt");
    expect(stored.tensors.has("lm_head.weight")).toBe(!tied);
    const read = readModelFolder(files);
    expect(read.model).toEqual(model);
    expect(read.tokenizer).toMatchObject({ tokenizerJson: tinyTokenizer.tokenizerJson, tokenizerConfig: tinyTokenizer.tokenizerConfig });
    for (const [name, tensor] of tensors) expect(read.tensors.get(name)).toEqual(tensor);
    expect(read.nonFinite).toEqual({});
  });

  test("in bf16 says so and rounds to nearest even", () => {
    const files = folder(tinyModel, "bf16");
    expect(json(files.get(MODEL_FILES.config)!)["torch_dtype"]).toBe("bfloat16");
    const read = readModelFolder(files);
    for (const [name, { data }] of randomTensors(gpt2TensorShapes(tinyModel), 1)) expect(read.tensors.get(name)!.data).toEqual(Float32Array.from(data, (x) => fromBf16(toBf16(x))));
  });

  test("carries the chat template and the ids at which generation stops", () => {
    const files = folder();
    expect(json(files.get(MODEL_FILES.tokenizerConfig)!)).toMatchObject({ chat_template: "{{ messages }}", model_max_length: 8 });
    expect(json(files.get(MODEL_FILES.config)!)).toMatchObject({ eos_token_id: 0, bos_token_id: 0, pad_token_id: null, architectures: ["GPT2LMHeadModel"] });
    expect(json(files.get(MODEL_FILES.generation)!)).toMatchObject({ eos_token_id: [0, 1], max_new_tokens: 4 });
  });

  test("is read with names without the prefix, with stored causal masks, and with a tied head stored twice", () => {
    const files = withTensors(folder(), (tensors) => {
      for (const [name, tensor] of [...tensors]) {
        tensors.delete(name);
        tensors.set(name.replace("transformer.", ""), tensor);
      }
      tensors.set("h.0.attn.bias", { shape: [1, 1, 8, 8], data: new Uint8Array(64), dtype: "BOOL" });
      tensors.set("h.0.attn.masked_bias", { shape: [], data: new Float32Array([-1e4]) });
      tensors.set("lm_head.weight", tensors.get("wte.weight")!);
    });
    expect([...readModelFolder(files).tensors.keys()].sort()).toEqual([...gpt2TensorShapes(tinyModel).keys()].sort());
  });
});

describe("another model's weights are refused whole, with a table", () => {
  test("a vocabulary of 50,257 where 6 were meant", async () => {
    expect(await table(withConfig(folder(), { vocab_size: 50257 }))).toEqual(["transformer.wte.weight"]);
  });
  test("a missing head", async () => {
    expect(await table(withConfig(folder(), { tie_word_embeddings: false }))).toEqual(["lm_head.weight"]);
  });
  test("a head that differs from the embedding it should be tied to", async () => {
    expect(await table(withTensors(folder(), (t) => t.set("lm_head.weight", { shape: [6, 4], data: new Float32Array(24) })))).toEqual(["lm_head.weight"]);
  });
  test("extra tensors and missing ones, all listed", async () => {
    const files = withTensors(folder(), (t) => {
      t.delete("transformer.h.0.ln_1.bias");
      t.set("transformer.extra", { shape: [1], data: new Float32Array(1) });
    });
    expect(await table(files)).toEqual(["transformer.h.0.ln_1.bias", "transformer.extra"]);
  });
  test("one more layer in the config", async () => {
    expect(await table(withConfig(folder(), { n_layer: 2 }))).toHaveLength(12);
  });
  test("a transposed matrix", async () => {
    expect(await table(withTensors(folder(), (t) => t.set("transformer.h.0.attn.c_attn.weight", { shape: [12, 4], data: new Float32Array(48) })))).toEqual(["transformer.h.0.attn.c_attn.weight"]);
  });
  test("one tensor under two names", async () => {
    expect(await table(withTensors(folder(), (t) => t.set("wpe.weight", t.get("transformer.wpe.weight")!)))).toEqual(["transformer.wpe.weight"]);
  });
  test("a tokenizer with ids past the vocabulary", async () => {
    const files = new Map(folder()).set(MODEL_FILES.tokenizer, text({ ...tinyTokenizer.tokenizerJson, added_tokens: [{ id: 6, content: "x" }] }));
    expect(await table(files)).toEqual(["tokenizer.json: highest token id"]);
  });
  test.each([
    ["model_type", { model_type: "mamba" }],
    ["activation_function", { activation_function: "relu" }],
    ["n_inner", { n_inner: 20 }],
    ["layer_norm_epsilon", { layer_norm_epsilon: 1e-6 }],
    ["scale_attn_weights", { scale_attn_weights: false }],
    ["scale_attn_by_inverse_layer_idx", { scale_attn_by_inverse_layer_idx: true }],
    ["add_cross_attention", { add_cross_attention: true }],
    ["n_layer", { n_layer: 1e9 }],
    ["n_head", { n_head: 3 }],
    ["n_embd", { n_embd: "4" }],
    ["n_positions", { n_positions: 0 }],
    ["vocab_size", { vocab_size: null }],
    ["resid_pdrop", { resid_pdrop: 1, embd_pdrop: 1, attn_pdrop: 1 }],
    ["attn_pdrop", { attn_pdrop: 0.5 }],
    ["tie_word_embeddings", { tie_word_embeddings: "yes" }],
  ])("a config whose %s the engine does not have", async (field, change) => {
    expect(await table(withConfig(folder(), change))).toEqual([field]);
  });
});

describe("a folder that cannot be opened", () => {
  test("with NaN or Inf weights gives the counts, and opens for inspection only when asked", async () => {
    const files = withTensors(folder(), (t) => {
      (t.get("transformer.wpe.weight")!.data as Float32Array).set([NaN, Infinity, -Infinity]);
      (t.get("transformer.ln_f.bias")!.data as Float32Array).set([NaN]);
    });
    const error = await errorOf(() => readModelFolder(files));
    expect(error).toMatchObject({ code: "CKPT_NONFINITE", details: { counts: { "transformer.wpe.weight": 3, "transformer.ln_f.bias": 1 }, total: 4 } });
    expect(readModelFolder(files, { allowNonFinite: true }).nonFinite).toEqual({ "transformer.wpe.weight": 3, "transformer.ln_f.bias": 1 });
    const tensors = readModelFolder(files, { allowNonFinite: true }).tensors;
    expect(await codeOf(() => writeModelFolder({ model: tinyModel, tensors, tokenizer: tinyTokenizer, dtype: "f32" }))).toBe("CKPT_NONFINITE");
  });
  test.each([
    ["no config", (f: Files) => f.delete(MODEL_FILES.config), "CKPT_MISSING"],
    ["no weights", (f: Files) => f.delete(MODEL_FILES.weights), "CKPT_MISSING"],
    ["a config that is a list", (f: Files) => f.set(MODEL_FILES.config, text([])), "CKPT_CORRUPT"],
    ["a config with one key twice", (f: Files) => f.set(MODEL_FILES.config, new TextEncoder().encode('{"n_layer":1,"n_layer":2}')), "CKPT_CORRUPT"],
    ["a config nested 10,000 deep", (f: Files) => f.set(MODEL_FILES.config, new TextEncoder().encode("[".repeat(10_000))), "CKPT_CORRUPT"],
    ["a config that is not UTF-8", (f: Files) => f.set(MODEL_FILES.config, new Uint8Array([0x7b, 0xff, 0x7d])), "CKPT_CORRUPT"],
    ["a tokenizer without a vocabulary", (f: Files) => f.set(MODEL_FILES.tokenizer, text({ model: {} })), "TOKENIZER_FORMAT"],
    ["a tokenizer with a negative id", (f: Files) => f.set(MODEL_FILES.tokenizer, text({ model: { vocab: { a: -1 } } })), "TOKENIZER_FORMAT"],
    ["weights that are cut off", (f: Files) => f.set(MODEL_FILES.weights, f.get(MODEL_FILES.weights)!.slice(0, -1)), "ST_OFFSETS"],
    ["integer weights", (f: Files) => withTensors(f, (t) => t.set("transformer.ln_f.bias", { shape: [4], data: new Int32Array(4) })).forEach((v, k) => f.set(k, v)), "ST_DTYPE"],
  ])("%s", async (_, damage, code) => {
    const files = new Map(folder());
    damage(files);
    expect(await codeOf(() => readModelFolder(files))).toBe(code);
  });
});

describe("an opened file", () => {
  const open = (name: string, bytes: Uint8Array): ReturnType<typeof openModelFile> => openModelFile(name, bytesSource(bytes));
  const zip = (files: Map<string, Uint8Array>): Uint8Array => Buffer.concat(writeZip(files));

  test("that is a zip of a folder, in a folder or not, with a readme or not, is that folder", async () => {
    for (const prefix of ["", "my-model/"]) {
      const entries = new Map([...folder()].map(([name, bytes]) => [prefix + name, bytes]));
      const opened = await open("m.zip", zip(new Map([...entries, [`${prefix}README.md`, text("hi")]])));
      expect(opened).toMatchObject({ kind: "model", ignored: ["README.md"] });
      expect(readModelFolder(opened.files).model).toEqual(tinyModel);
    }
  });
  test.each([
    ["an old pickle", "m.bin", new Uint8Array([0x80, 2, 0x8a, 10]), "CKPT_PICKLE"],
    ["a pickle renamed to zip", "m.zip", new Uint8Array([0x80, 4, 0, 0]), "CKPT_PICKLE"],
    ["a .pt archive", "m.pt", zip(new Map([["archive/data.pkl", text(1)], ["archive/data/0", text(2)]])), "CKPT_PICKLE"],
    ["a .pt archive renamed to zip", "m.zip", zip(new Map([["archive/data.pkl", text(1)]])), "CKPT_PICKLE"],
    ["a folder with pytorch_model.bin", "m.zip", zip(new Map([["config.json", text({})], ["pytorch_model.bin", text(1)]])), "CKPT_PICKLE"],
    ["a .pth of unknown content", "m.pth", text("?"), "CKPT_PICKLE"],
    ["bare weights", "m.safetensors", folder().get(MODEL_FILES.weights)!, "CKPT_MISSING"],
    ["weights in several files", "m.zip", zip(new Map([["config.json", text({})], ["model.safetensors.index.json", text({})]])), "CKPT_MISSING"],
    ["a zip of something else", "m.zip", zip(new Map([["holiday.jpg", text(1)]])), "CKPT_MISSING"],
    ["a picture", "m.png", new Uint8Array([0x89, 0x50, 0x4e, 0x47]), "ZIP_FORMAT"],
    ["an empty file", "m.zip", new Uint8Array(0), "ZIP_FORMAT"],
  ])("that is %s is refused by its code", async (_, name, bytes, code) => {
    expect(await codeOf(() => open(name, bytes))).toBe(code);
  });
  test("that is a folder's files one by one is that folder, and is refused where one is missing, is a pickle or too large", async () => {
    const given = (files: ReadonlyMap<string, Uint8Array>): Parameters<typeof openModelFiles>[1] => [...files].map(([name, bytes]) => ({ name, source: bytesSource(bytes) }));
    const opened = await openModelFiles("model.safetensors", given(new Map([...folder(), ["README.md", text("hi")]])));
    expect(opened).toMatchObject({ kind: "model", ignored: ["README.md"] });
    expect(readModelFolder(opened.files).model).toEqual(tinyModel);
    const without = new Map([...folder()].filter(([name]) => name !== "config.json"));
    expect(await codeOf(() => openModelFiles("m", given(without)))).toBe("CKPT_MISSING");
    expect(await codeOf(() => openModelFiles("m", given(new Map([["config.json", text({})], ["pytorch_model.bin", text(1)]]))))).toBe("CKPT_PICKLE");
    expect(await codeOf(() => openModelFiles("m", [{ name: MODEL_FILES.weights, source: { size: 2 ** 31, read: () => expect.unreachable("read") } }]))).toBe("ZIP_FORMAT");
  });
  test("that is an adapter's zip is told apart", async () => {
    expect((await open("a.zip", zip(adapterFiles()))).kind).toBe("adapter");
  });
});

const lora = { type: "lora", r: 2, lora_alpha: 4, target_modules: ["c_attn", "attn.c_proj", "c_fc", "mlp.c_proj"] } as const;
const adapterTensors = (): Map<string, Tensor> => randomTensors(loraTensorShapes(tinyModel, lora), 5);
const adapterFiles = (): Files => writeAdapterFolder({ lora, tensors: adapterTensors() }, tinyModel, "nestling/tiny");

describe("an adapter", () => {
  test("has PEFT's names, A [r, in] and B [out, r], and says that the base is Conv1D", () => {
    const files = adapterFiles();
    expect(json(files.get(ADAPTER_FILES.config)!)).toMatchObject({ peft_type: "LORA", task_type: "CAUSAL_LM", r: 2, lora_alpha: 4, fan_in_fan_out: true, bias: "none", target_modules: lora.target_modules });
    const { tensors } = parseSafetensors(files.get(ADAPTER_FILES.weights)!);
    expect(tensors.get("base_model.model.transformer.h.0.attn.c_attn.lora_A.weight")!.shape).toEqual([2, 4]);
    expect(tensors.get("base_model.model.transformer.h.0.attn.c_attn.lora_B.weight")!.shape).toEqual([12, 2]);
    expect(tensors.get("base_model.model.transformer.h.0.mlp.c_proj.lora_A.weight")!.shape).toEqual([2, 16]);
    // Element (row 1 of A, column 3) is the engine's A at (in 3, rank 1).
    const own = adapterTensors().get("transformer.h.0.attn.c_attn.lora_A")!;
    expect(tensors.get("base_model.model.transformer.h.0.attn.c_attn.lora_A.weight")!.data[1 * 4 + 3]).toBe(own.data[3 * 2 + 1]);
  });
  test("comes back equal, also when PEFT's own name for it stands in the path", () => {
    const files = adapterFiles();
    expect(readAdapterFolder(files, tinyModel)).toEqual({ lora, tensors: new Map([...adapterTensors()].sort()) });
    const named = [...parseSafetensors(files.get(ADAPTER_FILES.weights)!).tensors].map(([name, t]) => [name.replace(".weight", ".default.weight"), t] as const);
    expect(readAdapterFolder(new Map(files).set(ADAPTER_FILES.weights, writeSafetensors(named)), tinyModel).tensors.size).toBe(8);
  });
  test.each([
    ["peft_type", { peft_type: "IA3" }],
    ["use_dora", { use_dora: true }],
    ["use_rslora", { use_rslora: true }],
    ["rank_pattern", { rank_pattern: { c_attn: 8 } }],
    ["bias", { bias: "all" }],
    ["r", { r: 0 }],
    ["lora_alpha", { lora_alpha: "4" }],
  ])("of a kind that the engine lacks is refused by %s", async (field, change) => {
    const files = adapterFiles();
    files.set(ADAPTER_FILES.config, text({ ...json(files.get(ADAPTER_FILES.config)!), ...change }));
    const error = await errorOf(() => readAdapterFolder(files, tinyModel));
    expect(error.code).toBe("CKPT_MISMATCH");
    expect((error.details["differences"] as Difference[]).map((d) => d.what)).toEqual([field]);
  });
  test("of another model, or with one half missing, is refused whole", async () => {
    expect(await codeOf(() => readAdapterFolder(adapterFiles(), { ...tinyModel, n_embd: 8 }))).toBe("CKPT_MISMATCH");
    expect(await codeOf(() => readAdapterFolder(adapterFiles(), { ...tinyModel, n_layer: 2 }))).toBe("CKPT_MISMATCH");
    const tensors = adapterTensors();
    tensors.delete("transformer.h.0.mlp.c_proj.lora_B");
    expect(await codeOf(() => writeAdapterFolder({ lora, tensors }, tinyModel))).toBe("CKPT_MISMATCH");
  });
});
