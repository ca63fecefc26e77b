/** Partial sums of squares of an arena: the first half of the global gradient norm, whose second is `prepare-update.ts`. */
import { defineKernel } from "../device/types.ts";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";
import reduce from "../../shaders/lib/reduce.wgsl?raw";
import sumSquaresWgsl from "../../shaders/sum-squares.wgsl?raw";

/** partial[i] = SUM inp^2 over the i-th contiguous chunk of ceil(size / partials); inp (size), partial (partials). */
export const sumSquares = defineKernel({
  name: "sumSquares",
  bindings: { inp: "read", partial: "write" },
  dims: { size: "u32", partials: "u32" },
  cost: ({ size, partials }) => ({ flops: 2 * size, bytes: 4 * (size + partials) }),
  variants: [{ name: "workgroup-per-chunk", wgsl: linearId + reduce + sumSquaresWgsl, workgroups: ({ partials }) => partials }],
  wasm: "sumSquares",
  meaning({ inp, partial }, { size, partials }) {
    const chunk = Math.ceil(size / partials);
    for (let p = 0; p < partials; p++) {
      const end = Math.min(size, (p + 1) * chunk);
      let sum = 0;
      for (let i = p * chunk; i < end; i++) sum += inp[i] * inp[i];
      partial[p] = sum;
    }
  },
});
