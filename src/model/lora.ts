/** LoRA off the device: folding an adapter into its base (Hu et al., arXiv 2106.09685: W + alpha / r times the update). */
import type { LoraMethod } from "../protocol/recipe.ts";
import { familyOf, loraTable, type TransformerConfig } from "./transformer.ts";

type Weights = ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;

/** The base's names alone, each adapted weight with its update added in f32. Sums run in f64. */
export function mergeLora(config: TransformerConfig, weights: Weights, lora: LoraMethod): Map<string, { shape: readonly number[]; data: Float32Array }> {
  const { targets } = loraTable(config, lora.target_modules, lora.r);
  const low = new Set([...targets.values()].flatMap(({ a, b }) => [a, b]));
  const merged = new Map([...weights].filter(([name]) => !low.has(name)));
  const scale = lora.lora_alpha / lora.r;
  const torch = familyOf(config).layout === "out-in";
  for (const [name, { a, b }] of targets) {
    const W = weights.get(name)!;
    // W (rows, columns) += left (rows, r) right (r, columns): A B for weights (in, out), B A for (out, in).
    const [left, right] = torch ? [weights.get(b)!, weights.get(a)!] : [weights.get(a)!, weights.get(b)!];
    const [rows, columns] = W.shape as [number, number];
    const data = W.data.slice();
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        let sum = 0;
        for (let k = 0; k < lora.r; k++) sum += left.data[i * lora.r + k]! * right.data[k * columns + j]!;
        data[i * columns + j]! += scale * sum;
      }
    }
    merged.set(name, { shape: W.shape, data });
  }
  return merged;
}
