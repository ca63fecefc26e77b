/**
 * Inverted dropout (Srivastava et al., JMLR 2014). The mask is a pure function of (key, site, index), so nothing is stored:
 * the same launch on the gradient is the backward.
 */
import { threefry2x32, unit } from "../core/random.ts";
import { defineKernel } from "../device/types.ts";
import { groupsOf } from "./elementwise.ts";
import dropoutWgsl from "../../shaders/dropout.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";
import random from "../../shaders/lib/random.wgsl?raw";

/** out[i] = inp[i] / (1 - p) where unit(threefry2x32(key, i, site)[0]) >= p, else 0; key (2 or more), inp and out (size). */
export const dropout = defineKernel({
  name: "dropout",
  bindings: { inp: "read", key: "read:u32", out: "write" },
  dims: { size: "u32", site: "u32", p: "f32" },
  cost: ({ size }) => ({ flops: 90 * size, bytes: 8 * size }),
  variants: [{ name: "scalar", wgsl: linearId + random + dropoutWgsl, workgroups: ({ size }) => groupsOf(size) }],
  meaning({ inp, key, out }, { size, site, p }) {
    // The shader's p is an f32: a draw between p and its rounding must fall the same way here.
    const threshold = Math.fround(p);
    const scale = 1 / (1 - threshold);
    for (let i = 0; i < size; i++) {
      const kept = unit(threefry2x32(key[0]!, key[1]!, i, site)[0]) >= threshold;
      out[i] = kept ? inp[i]! * scale : 0;
    }
  },
});
