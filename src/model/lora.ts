/** LoRA off the device: folding an adapter into its base (Hu et al., arXiv 2106.09685: W + alpha / r A B). */
import type { LoraMethod } from "../protocol/recipe.ts";
import { loraTable, type Gpt2Config } from "./gpt2.ts";

type Weights = ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;

/** The base's names alone, each adapted weight (C, O) with its update added in f32. Sums run in f64. */
export function mergeLora(config: Gpt2Config, weights: Weights, lora: LoraMethod): Map<string, { shape: readonly number[]; data: Float32Array }> {
  const { targets } = loraTable(config, lora.target_modules, lora.r);
  const low = new Set([...targets.values()].flatMap(({ a, b }) => [a, b]));
  const merged = new Map([...weights].filter(([name]) => !low.has(name)));
  const scale = lora.lora_alpha / lora.r;
  for (const [name, { a, b }] of targets) {
    const [W, A, B] = [weights.get(name)!, weights.get(a)!, weights.get(b)!];
    const [C, O] = W.shape as [number, number];
    const data = W.data.slice();
    for (let c = 0; c < C; c++) {
      for (let o = 0; o < O; o++) {
        let sum = 0;
        for (let k = 0; k < lora.r; k++) sum += A.data[c * lora.r + k]! * B.data[k * O + o]!;
        data[c * O + o]! += scale * sum;
      }
    }
    merged.set(name, { shape: W.shape, data });
  }
  return merged;
}
