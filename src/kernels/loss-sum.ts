/** Adds a micro-step's losses and target counts to the step's two sums. */
import { defineKernel } from "../device/types.ts";
import reduce from "../../shaders/lib/reduce.wgsl?raw";
import reduceSubgroup from "../../shaders/lib/reduce-subgroup.wgsl?raw";
import lossSumThreadWgsl from "../../shaders/loss-sum-thread.wgsl?raw";
import lossSumWgsl from "../../shaders/loss-sum.wgsl?raw";

/** out[0] += SUM loss mask, out[1] += SUM mask; loss, mask (size), out (2). */
export const lossSum = defineKernel({
  name: "lossSum",
  bindings: { loss: "read", mask: "read", out: "readwrite" },
  dims: { size: "u32" },
  cost: ({ size }) => ({ flops: 3 * size, bytes: 8 * size }),
  variants: [
    { name: "one-thread", wgsl: lossSumThreadWgsl, workgroups: () => 1 },
    { name: "one-workgroup", wgsl: reduce + lossSumWgsl, workgroups: () => 1 },
    { name: "one-workgroup-subgroups", wgsl: reduceSubgroup + lossSumWgsl, workgroups: () => 1, requires: ["subgroups"] },
  ],
  meaning({ loss, mask, out }, { size }) {
    let total = 0;
    let targets = 0;
    for (let i = 0; i < size; i++) {
      total += loss[i] * mask[i];
      targets += mask[i];
    }
    out[0] += total;
    out[1] += targets;
  },
});
