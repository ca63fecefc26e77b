/** The gradient of a table lookup, gathered by the first token of each id: no float atomics, so the same bits each time. */
import { defineKernel } from "../device/types.ts";
import { groupsOf } from "./elementwise.ts";
import groupWgsl from "../../shaders/embedding-backward-group.wgsl?raw";
import tokenWgsl from "../../shaders/embedding-backward.wgsl?raw";
import elementF32 from "../../shaders/lib/element-f32.wgsl?raw";
import elementVec4 from "../../shaders/lib/element-vec4.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";

/** Tokens of one workgroup where each has a thread; the shader's WORKGROUP_SIZE. */
const GROUP_TOKENS = 16;

/** dtable[v] += the sum, in order of n, of dout[n] where ids[n] = v; ids (N), dout (N, C), dtable (V, C). */
export const embeddingBackward = defineKernel({
  name: "embeddingBackward",
  bindings: { ids: "read:u32", dout: "read", dtable: "readwrite" },
  dims: { N: "u32", C: "u32", V: "u32" },
  cost: ({ N, C, V }) => ({ flops: N * C, bytes: 4 * N * C + 8 * Math.min(N, V) * C + 4 * N }),
  variants: [
    { name: "thread-per-token", wgsl: elementF32 + linearId + tokenWgsl, workgroups: ({ N }) => groupsOf(N, GROUP_TOKENS) },
    {
      name: "thread-per-token-vec4",
      wgsl: elementVec4 + linearId + tokenWgsl,
      workgroups: ({ N }) => groupsOf(N, GROUP_TOKENS),
      fits: ({ C }) => C % 4 === 0,
    },
    { name: "workgroup-per-token", wgsl: linearId + groupWgsl, workgroups: ({ N }) => N },
  ],
  meaning({ ids, dout, dtable }, { N, C }) {
    for (let n = 0; n < N; n++) {
      const row = ids[n]! * C;
      for (let c = 0; c < C; c++) dtable[row + c] = dtable[row + c]! + dout[n * C + c]!;
    }
  },
});
