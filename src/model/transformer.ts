/** A model of any family: the one place that asks which. What the families are is `gpt2.ts` and `llama.ts`. */
import { NestlingError } from "../core/errors.ts";
import type { LoraTarget } from "../protocol/recipe.ts";
import type { Parameters, ParameterSpec } from "../plan/parameters.ts";
import { attend } from "../plan/ops.ts";
import type { Recorder } from "../plan/recorder.ts";
import type { Tensor } from "../plan/tensor.ts";
import type { Attend, Family, ForwardInputs, LoraMap } from "./family.ts";
import { gpt2, type Gpt2Config } from "./gpt2.ts";
import { llama, type LlamaConfig } from "./llama.ts";

export type { Attend, ForwardInputs, LoraMap } from "./family.ts";

/** A recipe's model with the vocabulary its tokenizer has. */
export type TransformerConfig = Gpt2Config | LlamaConfig;

/** The family of a config; each is only ever given its own configs, which the types of a union cannot say. */
export function familyOf(config: TransformerConfig): Family<TransformerConfig> {
  return (config.family === "llama" ? llama : gpt2) as Family<TransformerConfig>;
}

/** Names, shapes, decay and initial values of every parameter, in Hugging Face's order. */
export const parameterTable = (config: TransformerConfig): ParameterSpec[] => familyOf(config).parameterTable(config);

/** The head's weight (V, C): the embedding again, or its own. */
export const headWeight = (config: TransformerConfig, parameters: Parameters): Tensor =>
  parameters.get(config.tie_word_embeddings ? familyOf(config).embedding : "lm_head.weight");

/** Names of the parameters that move where only a part does: the embeddings, or the last so many blocks with the last norm and a head of its own. */
export function trainedNames(config: TransformerConfig, part: "embeddings" | number): ReadonlySet<string> {
  const { embeddings, block, lastNorm } = familyOf(config);
  if (part === "embeddings") return new Set(embeddings);
  const beginnings = [...Array.from({ length: part }, (_, i) => `${block(config.n_layer - 1 - i)}.`), lastNorm, "lm_head."];
  return new Set(parameterTable(config).map(({ name }) => name).filter((name) => beginnings.some((beginning) => name.startsWith(beginning))));
}

/** Wide attention over rows of T within documents; start (N) u32 is the first column of each token's document. */
export const attendRows = (r: Recorder, config: TransformerConfig, start: Tensor, B: number, T: number): Attend => (qkv) =>
  attend(r, qkv, start, { B, T, ...familyOf(config).heads(config) });

/** Token ids (N) to final hidden states (N, C), after the last norm. */
export function forward(r: Recorder, config: TransformerConfig, parameters: Parameters, inputs: ForwardInputs, attention: Attend, lora: LoraMap = new Map()): Tensor {
  return familyOf(config).forward(r, config, parameters, inputs, attention, lora);
}

/**
 * Parameters of one LoRA: A normal, B zero, so that the first step starts from the parent's bits. Shapes (in, r) and (r, out)
 * beside weights (in, out), else (r, in) and (out, r). @throws NestlingError CONFIG_RANGE for a target the family lacks
 */
export function loraTable(config: TransformerConfig, targets: readonly LoraTarget[], rank: number): { specs: ParameterSpec[]; targets: Map<string, { a: string; b: string }> } {
  const family = familyOf(config);
  const modules = family.loraModules(config);
  const specs: ParameterSpec[] = [];
  const named = new Map<string, { a: string; b: string }>();
  for (let layer = 0; layer < config.n_layer; layer++) {
    for (const target of targets) {
      const module = modules[target];
      if (!module) throw new NestlingError("CONFIG_RANGE", `target_modules has ${target}; a ${config.family} model has ${Object.keys(modules).join(", ")}.`, { field: "target_modules" });
      const at = `${family.block(layer)}.${module.path}`;
      const [a, b] = [`${at}.lora_A`, `${at}.lora_B`];
      const shape = (rows: number, columns: number): number[] => (family.layout === "in-out" ? [rows, columns] : [columns, rows]);
      const hidden = { outputs: family.layout === "in-out" ? "columns" : "rows", sideBySide: 1 } as const;
      // PEFT's initial A is Kaiming-uniform with a = sqrt(5): variance 1 / (3 fan_in).
      specs.push({ name: a, shape: shape(module.inputs, rank), decay: true, trainable: true, init: { kind: "normal", std: 1 / Math.sqrt(3 * module.inputs) }, hidden });
      specs.push({ name: b, shape: shape(rank, module.outputs), decay: true, trainable: true, init: { kind: "constant", value: 0 }, hidden });
      named.set(`${at}.weight`, { a, b });
    }
  }
  return { specs, targets: named };
}
