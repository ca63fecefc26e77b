/** The gradient of RMSNorm to its weight: a sum over rows, always added to what is there. */
import { defineKernel } from "../device/types.ts";
import { groupsOf } from "./elementwise.ts";
import plainWgsl from "../../shaders/rmsnorm-backward-weight.wgsl?raw";
import tileWgsl from "../../shaders/rmsnorm-backward-weight-tile.wgsl?raw";
import elementF32 from "../../shaders/lib/element-f32.wgsl?raw";
import elementVec4 from "../../shaders/lib/element-vec4.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";

/** Threads of one workgroup where each has its columns; the shader's WORKGROUP_SIZE. */
const GROUP_THREADS = 8;
/** Columns of one workgroup in the tile variant; the shader's TILE_COLUMNS. */
const TILE_COLUMNS = 16;

/** dweight += the sum over n of dout inp rstd; inp, dout (N, C), rstd (N), dweight (C). */
export const rmsnormBackwardWeight = defineKernel({
  name: "rmsnormBackwardWeight",
  bindings: { inp: "read", rstd: "read", dout: "read", dweight: "readwrite" },
  dims: { N: "u32", C: "u32" },
  cost: ({ N, C }) => ({ flops: 3 * N * C, bytes: 8 * N * C + 8 * C + 4 * N }),
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
  wasm: "rmsnormBackwardWeight",
  meaning({ inp, rstd, dout, dweight }, { N, C }) {
    for (let c = 0; c < C; c++) {
      let sum = 0;
      for (let n = 0; n < N; n++) sum += dout[n * C + c]! * inp[n * C + c]! * rstd[n]!;
      dweight[c] = dweight[c]! + sum;
    }
  },
});
