/** Divides a matrix by its Frobenius norm, so that no singular value is above 1: where Muon's Newton-Schulz iteration begins. */
import { defineKernel } from "../device/types.ts";
import { groupsOf } from "./elementwise.ts";
import muonNormaliseWgsl from "../../shaders/muon-normalise.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";
import reduce from "../../shaders/lib/reduce.wgsl?raw";

/** x /= sqrt(SUM partial) + eps, in place; x (size), partial (partials) as `sumSquares` left them of x. A matrix of zeros stays one. */
export const muonNormalise = defineKernel({
  name: "muonNormalise",
  bindings: { x: "readwrite", partial: "read" },
  dims: { size: "u32", partials: "u32", eps: "f32" },
  cost: ({ size, partials }) => ({ flops: size + partials, bytes: 8 * size + 4 * partials }),
  variants: [{ name: "thread-per-element", wgsl: linearId + reduce + muonNormaliseWgsl, workgroups: ({ size }) => groupsOf(size) }],
  meaning({ x, partial }, { size, partials, eps }) {
    let sum = 0;
    for (let i = 0; i < partials; i++) sum += partial[i]!;
    const norm = Math.sqrt(sum) + eps;
    for (let i = 0; i < size; i++) x[i] = x[i]! / norm;
  },
});
