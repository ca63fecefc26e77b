/** The gradient of `tokenLogprobs` with respect to its logits, in place of the logits. */
import { defineKernel } from "../device/types.ts";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";
import tokenLogprobsBackwardWgsl from "../../shaders/token-logprobs-backward.wgsl?raw";

const THREADS = 64;

/** logits[n, v] := dlogprob[n] ([v = targets[n]] - exp(logits[n, v] - lse[n])); logits (N, V), the others (N). */
export const tokenLogprobsBackward = defineKernel({
  name: "tokenLogprobsBackward",
  bindings: { logits: "readwrite", targets: "read:u32", lse: "read", dlogprob: "read" },
  dims: { N: "u32", V: "u32" },
  cost: ({ N, V }) => ({ flops: 4 * N * V, bytes: 8 * N * V + 12 * N }),
  variants: [
    { name: "thread-per-element", wgsl: linearId + tokenLogprobsBackwardWgsl, workgroups: ({ N, V }) => Math.ceil((N * V) / THREADS) },
  ],
  meaning({ logits, targets, lse, dlogprob }, { N, V }) {
    for (let n = 0; n < N; n++) {
      const row = n * V;
      const upstream = dlogprob[n];
      const rowLse = lse[n];
      const target = row + targets[n];
      const atTarget = upstream * (1 - Math.exp(logits[target] - rowLse));
      for (let i = row; i < row + V; i++) logits[i] = -upstream * Math.exp(logits[i] - rowLse);
      logits[target] = atTarget;
    }
  },
});
