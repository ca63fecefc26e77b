/** What the stub shows of a model's inside: made up, but lawful. Rows sum to 1, nothing looks ahead, the lens grows surer with depth. */
import { Draws } from "../../src/core/random.ts";
import type { GradientNorms, InsideView } from "../../src/protocol/index.ts";
import { WORDS } from "./stub-texts.ts";

const [LAYERS, HEADS] = [2, 4];

export function stubInside(prompt: string, step: number): InsideView {
  const draws = new Draws(11, "sample", { site: "tests/ui/inside" });
  const tokens = ["<|endoftext|>", ...(prompt.match(/ ?[^ ]+/g) ?? [])];
  const P = tokens.length;
  const attention = new Float32Array(LAYERS * HEADS * P * P);
  for (let map = 0; map < LAYERS * HEADS; map++) {
    for (let t = 0; t < P; t++) {
      const row = attention.subarray((map * P + t) * P, (map * P + t) * P + t + 1);
      for (let s = 0; s <= t; s++) row[s] = Math.exp((map % HEADS === 1 ? -(t - s) * 0.8 : s === 0 ? 0.5 : 0) + 2 * draws.nextFloat());
      const sum = row.reduce((a, b) => a + b, 0);
      for (let s = 0; s <= t; s++) row[s]! /= sum;
    }
  }
  const lens = Array.from({ length: LAYERS + 1 }, (_, depth) => tokens.map((token, t) => {
    const drawn = 0.1 + 0.2 * depth + 0.2 * draws.nextFloat();
    // The deepest row ends certain: the darkest tint that there is.
    const p = depth === LAYERS ? Math.min(1, drawn + 0.5 * (t / (tokens.length - 1))) : drawn;
    const first = depth === 0 ? token : (tokens[t + 1] ?? WORDS[0]!);
    return [first, ...WORDS.slice(1, 5)].map((text, i) => ({ text, p: i === 0 ? p : ((1 - p) * 0.4) / 2 ** i }));
  }));
  return { prompt, step, tokens, layers: LAYERS, heads: HEADS, attention, lens };
}

export function stubNorms(stageIndex: number, step: number): GradientNorms {
  const part = (name: string, layer: number | null, norm: number, parameters: number): GradientNorms["parts"][number] => ({ name, layer, norm, parameters });
  const parts = [
    part("transformer.wte.weight", null, 0.41, 65_536), part("transformer.wpe.weight", null, 0.12, 4096),
    ...Array.from({ length: LAYERS }, (_, layer) => [
      part(`transformer.h.${layer}.ln_1.weight`, layer, 0.02, 64), part(`transformer.h.${layer}.attn.c_attn.weight`, layer, 0.22 - 0.06 * layer, 12_288),
      part(`transformer.h.${layer}.attn.c_proj.weight`, layer, 0.17, 4096), part(`transformer.h.${layer}.mlp.c_fc.weight`, layer, 0.25, 16_384),
      part(`transformer.h.${layer}.mlp.c_proj.weight`, layer, 0.19, 16_384),
    ]).flat(),
    part("transformer.ln_f.weight", null, 0.03, 64),
  ];
  return { stageIndex, step, total: Math.hypot(...parts.map(({ norm }) => norm)), parts };
}
