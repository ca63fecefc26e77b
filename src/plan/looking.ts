/** What looking inside a model launches beside its forward pass. No op: nothing here has a gradient. */
import { accumulate } from "../kernels/accumulate.ts";
import { attentionWeights } from "../kernels/attention-weights.ts";
import type { Recorder } from "./recorder.ts";
import { elements, type Tensor } from "./tensor.ts";

/** How much each query looks at each key, from the packed qkv (T, (NH + 2 NKV) HS) and start (T) that attention reads: `out` (NH, T, T). */
export function lookAtAttention(r: Recorder, qkv: Tensor, start: Tensor, out: Tensor, dims: { T: number; NH: number; NKV: number; HS: number }): void {
  r.launch(attentionWeights, { qkv, start, out }, dims);
}

/** Adds an activation to what outlives its program: with `into` cleared before, a copy. */
export function keep(r: Recorder, x: Tensor, into: Tensor): void {
  r.launch(accumulate, { inp: x, out: into }, { size: elements(x.shape) });
}
