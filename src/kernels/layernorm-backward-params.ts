/** The gradients of LayerNorm to its weight and bias: sums over rows, always added to what is there. */
import { defineKernel } from "../device/types.ts";
import { groupsOf } from "./elementwise.ts";
import plainWgsl from "../../shaders/layernorm-backward-params.wgsl?raw";
import tileWgsl from "../../shaders/layernorm-backward-params-tile.wgsl?raw";
import elementF32 from "../../shaders/lib/element-f32.wgsl?raw";
import elementVec4 from "../../shaders/lib/element-vec4.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";

/** Threads of one workgroup where each has its columns; the shader's WORKGROUP_SIZE. */
const GROUP_THREADS = 8;
/** Columns of one workgroup in the tile variant; the shader's TILE_COLUMNS. */
const TILE_COLUMNS = 16;

/** dweight += the sum over n of dout z, dbias += the sum over n of dout; inp, dout (N, C), mean, rstd (N), dweight, dbias (C). */
export const layernormBackwardParams = defineKernel({
  name: "layernormBackwardParams",
  bindings: { inp: "read", mean: "read", rstd: "read", dout: "read", dweight: "readwrite", dbias: "readwrite" },
  dims: { N: "u32", C: "u32" },
  cost: ({ N, C }) => ({ flops: 5 * N * C, bytes: 8 * N * C + 16 * C + 8 * N }),
  variants: [
    { name: "thread-per-column", wgsl: elementF32 + linearId + plainWgsl, workgroups: ({ C }) => groupsOf(C, GROUP_THREADS) },
    {
      name: "thread-per-four-columns",
      wgsl: elementVec4 + linearId + plainWgsl,
      workgroups: ({ C }) => groupsOf(C / 4, GROUP_THREADS),
      fits: ({ C }) => C % 4 === 0,
    },
    { name: "column-tiles", wgsl: linearId + tileWgsl, workgroups: ({ C }) => groupsOf(C, TILE_COLUMNS) },
  ],
  wasm: "layernormBackwardParams",
  meaning({ inp, mean, rstd, dout, dweight, dbias }, { N, C }) {
    const weightSums = sums(C, 0);
    const biasSums = sums(C, 1);
    for (let n = 0; n < N; n++) {
      const row = n * C;
      const m = mean[n]!;
      const r = rstd[n]!;
      for (let c = 0; c < C; c++) {
        const d = dout[row + c]!;
        weightSums[c] = weightSums[c]! + d * (inp[row + c]! - m) * r;
        biasSums[c] = biasSums[c]! + d;
      }
    }
    for (let c = 0; c < C; c++) {
      dweight[c] = dweight[c]! + weightSums[c]!;
      dbias[c] = dbias[c]! + biasSums[c]!;
    }
  },
});

const scratch: Float64Array[] = [];

/** Zeroed room for `length` sums; rows are read once, in memory's order, with a sum for each column at hand. */
function sums(length: number, which: 0 | 1): Float64Array {
  if (!scratch[which] || scratch[which].length < length) scratch[which] = new Float64Array(length);
  return scratch[which].fill(0, 0, length);
}
