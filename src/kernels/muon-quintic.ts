/** The polynomial of one Newton-Schulz iteration, of a Gram matrix and its square. What it is multiplied with: `src/plan/muon.ts`. */
import { defineKernel } from "../device/types.ts";
import { groupsOf } from "./elementwise.ts";
import muonQuinticWgsl from "../../shaders/muon-quintic.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";

/** square = a I + b gram + c square, in place; both (N, N). */
export const muonQuintic = defineKernel({
  name: "muonQuintic",
  bindings: { gram: "read", square: "readwrite" },
  dims: { N: "u32", a: "f32", b: "f32", c: "f32" },
  cost: ({ N }) => ({ flops: 3 * N * N + N, bytes: 12 * N * N }),
  variants: [{ name: "thread-per-element", wgsl: linearId + muonQuinticWgsl, workgroups: ({ N }) => groupsOf(N * N) }],
  meaning({ gram, square }, { N, a, b, c }) {
    for (let row = 0; row < N; row++) {
      for (let column = 0; column < N; column++) {
        const at = row * N + column;
        square[at] = (row === column ? a : 0) + b * gram[at]! + c * square[at]!;
      }
    }
  },
});
