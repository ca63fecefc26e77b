/**
 * Draws one token a row from its logits: temperature, top-k, top-p (nucleus sampling: Holtzman et al., arXiv 1904.09751).
 * A draw is a function of (key, index, row), never of what was drawn before.
 */
import { threefry2x32, unit } from "../core/random.ts";
import { defineKernel } from "../device/types.ts";
import type { FloatArray } from "../device/types.ts";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";
import random from "../../shaders/lib/random.wgsl?raw";
import reduce from "../../shaders/lib/reduce.wgsl?raw";
import sampleWgsl from "../../shaders/sample.wgsl?raw";

/** `options` (f32). temperature 0 = the most likely token; top_p 1 = off. */
export const SAMPLE_OPTIONS = { temperature: 0, topP: 1 } as const;
/** `control` (u32). top_k 0 = off; `index` counts the tokens of a generation. */
export const SAMPLE_CONTROL = { key0: 0, key1: 1, index: 2, topK: 3 } as const;

/**
 * Kept are the top_k largest logits, and of these the smallest set of the most likely whose probability reaches top_p; ties at
 * either edge are kept. token[r] = the first in index order whose cumulative kept probability passes
 * unit(threefry2x32(key0, key1, index, r)[0]), prob[r] = its probability among the kept. logits (R, V), options (2),
 * control (4), token, prob (R).
 */
export const sample = defineKernel({
  name: "sample",
  bindings: { logits: "read", options: "read", control: "read:u32", token: "write:u32", prob: "write" },
  dims: { R: "u32", V: "u32" },
  cost: ({ R, V }) => ({ flops: 200 * R * V, bytes: 4 * R * V + 8 * R }),
  variants: [{ name: "workgroup-per-row", wgsl: linearId + reduce + random + sampleWgsl, workgroups: ({ R }) => R }],
  meaning({ logits, options, control, token, prob }, { R, V }) {
    const temperature = options[SAMPLE_OPTIONS.temperature];
    const topP = options[SAMPLE_OPTIONS.topP];
    const topK = control[SAMPLE_CONTROL.topK];
    for (let r = 0; r < R; r++) {
      const row = logits.subarray(r * V, (r + 1) * V);
      const best = argmax(row);
      if (temperature === 0) {
        token[r] = best;
        prob[r] = 1;
        continue;
      }
      const least = smallestKept(row, row[best], temperature, topK, topP);
      let total = 0;
      for (let i = 0; i < V; i++) if (row[i] >= least) total += Math.exp((row[i] - row[best]) / temperature);
      const draw = unit(threefry2x32(control[SAMPLE_CONTROL.key0], control[SAMPLE_CONTROL.key1], control[SAMPLE_CONTROL.index], r)[0]);
      let cumulative = 0;
      let chosen = best;
      for (let i = 0; i < V; i++) {
        if (!(row[i] >= least)) continue;
        cumulative += Math.exp((row[i] - row[best]) / temperature);
        if (cumulative > draw * total) {
          chosen = i;
          break;
        }
      }
      token[r] = chosen;
      prob[r] = Math.exp((row[chosen] - row[best]) / temperature) / total;
    }
  },
});

/** The lowest index of the largest value. */
function argmax(row: FloatArray): number {
  let best = 0;
  for (let i = 1; i < row.length; i++) if (row[i] > row[best]) best = i;
  return best;
}

/** The smallest logit that top-k and top-p keep. */
function smallestKept(row: FloatArray, max: number, temperature: number, topK: number, topP: number): number {
  const V = row.length;
  if ((topK === 0 || topK >= V) && topP >= 1) return -Infinity;
  const sorted = row.slice().sort();
  const byCount = topK === 0 || topK >= V ? -Infinity : sorted[V - topK];
  if (topP >= 1) return byCount;
  let total = 0;
  for (let i = 0; i < V; i++) if (sorted[i] >= byCount) total += Math.exp((sorted[i] - max) / temperature);
  let mass = 0;
  for (let i = V - 1; i >= 0; i--) {
    mass += Math.exp((sorted[i] - max) / temperature);
    if (mass >= topP * total) return Math.max(byCount, sorted[i]);
  }
  return byCount;
}
