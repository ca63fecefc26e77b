/**
 * A LoRA adapter as the folder that PEFT opens, both ways. PEFT keeps the weights of two Linear layers, A [r, in] and B [out, r],
 * whatever kind the base layer is. The engine keeps them so for llama; for gpt2 it has A (in, r) and B (r, out), transposed here.
 */
import type { LoraMethod } from "../protocol/recipe.ts";
import { compareShapes, jsonBytes, mismatch, nonFiniteCounts, parseJson, refuseNonFinite } from "./huggingface.ts";
import type { Difference } from "./huggingface.ts";
import { NestlingError } from "../core/errors.ts";
import type { SizedModelConfig } from "./manifest.ts";
import { asFloat32, parseSafetensors } from "./safetensors.ts";
import type { Tensor } from "./safetensors.ts";
import { writeSafetensors } from "./safetensors-write.ts";

export const ADAPTER_FILES = { config: "adapter_config.json", weights: "adapter_model.safetensors" } as const;

const PREFIX = "base_model.model.";

interface AdaptedModule {
  readonly module: string;
  readonly inputs: number;
  readonly outputs: number;
}

/** By LoRA target, in the order of a block. */
function modulesOf(model: SizedModelConfig): ReadonlyMap<string, AdaptedModule> {
  const C = model.n_embd;
  const module = (target: string, path: string, inputs: number, outputs: number): [string, AdaptedModule] => [target, { module: path, inputs, outputs }];
  if (model.family === "gpt2") {
    return new Map([module("c_attn", "attn.c_attn", C, 3 * C), module("attn.c_proj", "attn.c_proj", C, C), module("c_fc", "mlp.c_fc", C, 4 * C), module("mlp.c_proj", "mlp.c_proj", 4 * C, C)]);
  }
  const [KV, F] = [(C / model.n_head) * model.n_kv_head, model.intermediate_size];
  const attention = ([["q_proj", C, C], ["k_proj", C, KV], ["v_proj", C, KV], ["o_proj", C, C]] as const).map(([name, i, o]) => module(name, `self_attn.${name}`, i, o));
  const mlp = ([["gate_proj", C, F], ["up_proj", C, F], ["down_proj", F, C]] as const).map(([name, i, o]) => module(name, `mlp.${name}`, i, o));
  return new Map([...attention, ...mlp]);
}

const blockOf = (model: SizedModelConfig, layer: number): string => (model.family === "gpt2" ? `transformer.h.${layer}` : `model.layers.${layer}`);

export interface Adapter {
  readonly lora: LoraMethod;
  /** `<block>.<module>.lora_A` and `.lora_B`, as the engine keeps them. */
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** Names and shapes of an adapter's tensors in the engine. */
export function loraTensorShapes(model: SizedModelConfig, lora: LoraMethod): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  const modules = modulesOf(model);
  const shape = (rows: number, columns: number): number[] => (model.family === "gpt2" ? [rows, columns] : [columns, rows]);
  for (let layer = 0; layer < model.n_layer; layer++) {
    for (const target of lora.target_modules) {
      const found = modules.get(target);
      if (!found) throw mismatch([{ what: "target_modules", found: target, expected: `out of ${[...modules.keys()].join(", ")}` }]);
      shapes.set(`${blockOf(model, layer)}.${found.module}.lora_A`, shape(found.inputs, lora.r));
      shapes.set(`${blockOf(model, layer)}.${found.module}.lora_B`, shape(lora.r, found.outputs));
    }
  }
  return shapes;
}

/** @param baseName what PEFT shows as the base model; @throws CKPT_MISMATCH, CKPT_NONFINITE */
export function writeAdapterFolder(adapter: Adapter, model: SizedModelConfig, baseName = ""): Map<string, Uint8Array<ArrayBuffer>> {
  const { lora, tensors } = adapter;
  const differences = compareShapes(loraTensorShapes(model, lora), new Map([...tensors].map(([name, t]) => [name, t.shape])));
  if (differences.length > 0) throw mismatch(differences);
  refuseNonFinite(nonFiniteCounts(tensors));
  const config = {
    peft_type: "LORA",
    task_type: "CAUSAL_LM",
    base_model_name_or_path: baseName,
    r: lora.r,
    lora_alpha: lora.lora_alpha,
    lora_dropout: lora.lora_dropout ?? 0,
    target_modules: [...lora.target_modules],
    fan_in_fan_out: model.family === "gpt2", // Conv1D
    bias: "none",
    modules_to_save: null,
    init_lora_weights: true,
    use_rslora: false,
    use_dora: false,
    rank_pattern: {},
    alpha_pattern: {},
    inference_mode: true,
  };
  const weights = writeSafetensors([...tensors].map(([name, tensor]) => [`${PREFIX}${name}.weight`, ofEngine(model, tensor)] as const));
  return new Map([[ADAPTER_FILES.config, jsonBytes(config)], [ADAPTER_FILES.weights, weights]]);
}

/**
 * Which modules are adapted is read from the tensors: PEFT's `target_modules` may be a pattern.
 * @throws CKPT_MISSING, CKPT_MISMATCH for another model's adapter or a kind of LoRA that the engine lacks, CKPT_NONFINITE, ST_*
 */
export function readAdapterFolder(files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>, model: SizedModelConfig): Adapter {
  const [configBytes, weightBytes] = [ADAPTER_FILES.config, ADAPTER_FILES.weights].map((name) => {
    const bytes = files.get(name);
    if (!bytes) throw new NestlingError("CKPT_MISSING", `The folder has no ${name}; an adapter needs adapter_config.json and adapter_model.safetensors.`, { name });
    return bytes;
  }) as [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>];
  const config = parseJson(configBytes, ADAPTER_FILES.config);
  const tensors = new Map<string, Tensor>();
  for (const [name, tensor] of parseSafetensors(weightBytes).tensors) {
    const own = ownName(name, model);
    if (tensor.shape.length !== 2) throw mismatch([{ what: name, found: `[${tensor.shape.join(", ")}]`, expected: "a matrix" }]);
    tensors.set(own, ofEngine(model, asFloat32(tensor, name)));
  }
  const lora = readConfig(config, tensors, modulesOf(model));
  const differences = compareShapes(loraTensorShapes(model, lora), new Map([...tensors].map(([name, t]) => [name, t.shape])));
  if (differences.length > 0) throw mismatch(differences);
  refuseNonFinite(nonFiniteCounts(tensors));
  return { lora, tensors };
}

function ownName(name: string, model: SizedModelConfig): string {
  const inner = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name;
  const body = model.family === "gpt2" ? "transformer." : "model.";
  const full = inner.startsWith(body) ? inner : `${body}${inner}`;
  // Some writers keep the adapter's own name ("default") in the path.
  return full.replace(/\.(lora_[AB])(\.default)?\.weight$/, ".$1");
}

function readConfig(config: Record<string, unknown>, tensors: ReadonlyMap<string, Tensor>, modules: ReadonlyMap<string, AdaptedModule>): LoraMethod {
  const differences: Difference[] = [];
  const show = (value: unknown): string => String(JSON.stringify(value)).slice(0, 60);
  const plain = (field: string, allowed: readonly unknown[]): void => {
    const found = config[field] ?? null;
    if (!allowed.some((value) => JSON.stringify(value) === JSON.stringify(found))) differences.push({ what: field, found: show(found), expected: allowed.map(show).join(" or ") });
  };
  plain("peft_type", ["LORA"]);
  plain("bias", ["none", null]);
  for (const field of ["use_rslora", "use_dora", "lora_bias"]) plain(field, [false, null]);
  for (const field of ["rank_pattern", "alpha_pattern"]) plain(field, [{}, null]);
  plain("modules_to_save", [null, []]);
  const { r, lora_alpha } = config;
  if (!Number.isSafeInteger(r) || (r as number) < 1 || (r as number) > 65536) differences.push({ what: "r", found: show(r), expected: "a whole number from 1 to 65536" });
  if (typeof lora_alpha !== "number" || !(lora_alpha > 0) || !Number.isFinite(lora_alpha)) differences.push({ what: "lora_alpha", found: show(lora_alpha), expected: "a number above 0" });
  const names = [...tensors.keys()];
  const targets = [...modules].filter(([, { module }]) => names.some((name) => name.endsWith(`.${module}.lora_A`))).map(([target]) => target) as LoraMethod["target_modules"];
  if (targets.length === 0) differences.push({ what: "adapted modules", found: "none", expected: [...modules.keys()].join(", ") });
  if (differences.length > 0) throw mismatch(differences);
  return { type: "lora", r: r as number, lora_alpha: lora_alpha as number, target_modules: targets };
}

/** PEFT's matrix as the engine keeps it, and back: transposed for gpt2. */
function ofEngine(model: SizedModelConfig, tensor: Tensor): Tensor {
  if (model.family === "llama") return tensor;
  const { shape, data } = tensor;
  const [rows, columns] = shape as [number, number];
  const out = new Float32Array(data.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = data[i * columns + j]!;
  return { shape: [columns, rows], data: out };
}
