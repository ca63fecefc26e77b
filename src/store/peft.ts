/**
 * A LoRA adapter as the folder that PEFT opens, both ways. The engine keeps A (in, r) and B (r, out) as its matmuls want them; PEFT
 * keeps the weights of two Linear layers, A [r, in] and B [out, r], whatever kind the base layer is, so both are transposed here.
 */
import type { LoraMethod, LoraTarget } from "../protocol/recipe.ts";
import { compareShapes, jsonBytes, mismatch, nonFiniteCounts, parseJson, refuseNonFinite } from "./huggingface.ts";
import type { Difference } from "./huggingface.ts";
import { NestlingError } from "../core/errors.ts";
import type { SizedModelConfig } from "./manifest.ts";
import { asFloat32, parseSafetensors } from "./safetensors.ts";
import type { Tensor } from "./safetensors.ts";
import { writeSafetensors } from "./safetensors-write.ts";

export const ADAPTER_FILES = { config: "adapter_config.json", weights: "adapter_model.safetensors" } as const;

const PREFIX = "base_model.model.";
const MODULES: Readonly<Record<LoraTarget, { readonly module: string; readonly rows: number; readonly columns: number }>> = {
  // Sizes in units of n_embd.
  c_attn: { module: "attn.c_attn", rows: 1, columns: 3 },
  "attn.c_proj": { module: "attn.c_proj", rows: 1, columns: 1 },
  c_fc: { module: "mlp.c_fc", rows: 1, columns: 4 },
  "mlp.c_proj": { module: "mlp.c_proj", rows: 4, columns: 1 },
};

export interface Adapter {
  readonly lora: LoraMethod;
  /** `transformer.h.<layer>.<module>.lora_A` (in, r) and `.lora_B` (r, out). */
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** Names and shapes of an adapter's tensors in the engine. */
export function loraTensorShapes(model: SizedModelConfig, lora: LoraMethod): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  for (let layer = 0; layer < model.n_layer; layer++) {
    for (const target of lora.target_modules) {
      const { module, rows, columns } = MODULES[target];
      shapes.set(`transformer.h.${layer}.${module}.lora_A`, [rows * model.n_embd, lora.r]);
      shapes.set(`transformer.h.${layer}.${module}.lora_B`, [lora.r, columns * model.n_embd]);
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
    lora_dropout: 0,
    target_modules: [...lora.target_modules],
    fan_in_fan_out: true,
    bias: "none",
    modules_to_save: null,
    init_lora_weights: true,
    use_rslora: false,
    use_dora: false,
    rank_pattern: {},
    alpha_pattern: {},
    inference_mode: true,
  };
  const weights = writeSafetensors([...tensors].map(([name, tensor]) => [`${PREFIX}${name}.weight`, transpose(tensor)] as const));
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
    const own = ownName(name);
    if (tensor.shape.length !== 2) throw mismatch([{ what: name, found: `[${tensor.shape.join(", ")}]`, expected: "a matrix" }]);
    tensors.set(own, transpose(asFloat32(tensor, name)));
  }
  const lora = readConfig(config, tensors);
  const differences = compareShapes(loraTensorShapes(model, lora), new Map([...tensors].map(([name, t]) => [name, t.shape])));
  if (differences.length > 0) throw mismatch(differences);
  refuseNonFinite(nonFiniteCounts(tensors));
  return { lora, tensors };
}

function ownName(name: string): string {
  const inner = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name;
  const full = inner.startsWith("transformer.") ? inner : `transformer.${inner}`;
  // Some writers keep the adapter's own name ("default") in the path.
  return full.replace(/\.(lora_[AB])(\.default)?\.weight$/, ".$1");
}

function readConfig(config: Record<string, unknown>, tensors: ReadonlyMap<string, Tensor>): LoraMethod {
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
  const targets = (Object.keys(MODULES) as LoraTarget[]).filter((target) => names.some((name) => name.endsWith(`.${MODULES[target].module}.lora_A`)));
  if (targets.length === 0) differences.push({ what: "adapted modules", found: "none", expected: Object.keys(MODULES).join(", ") });
  if (differences.length > 0) throw mismatch(differences);
  return { type: "lora", r: r as number, lora_alpha: lora_alpha as number, target_modules: targets };
}

/** (rows, columns) to (columns, rows). */
function transpose({ shape, data }: Tensor): Tensor {
  const [rows, columns] = shape as [number, number];
  const out = new Float32Array(data.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = data[i * columns + j]!;
  return { shape: [columns, rows], data: out };
}
