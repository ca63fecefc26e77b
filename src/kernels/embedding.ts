/** Token embedding plus learned position embedding, added (GPT-2). The gradient is `embedding-backward.ts`. */
import { defineKernel } from "../device/types.ts";
import { groupsOf } from "./elementwise.ts";
import embeddingWgsl from "../../shaders/embedding.wgsl?raw";
import elementF32 from "../../shaders/lib/element-f32.wgsl?raw";
import elementVec4 from "../../shaders/lib/element-vec4.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";

/** out[n] = wte[ids[n]] + wpe[pos[n]]; ids, pos (N), wte (V, C), wpe (T, C), out (N, C). */
export const embedding = defineKernel({
  name: "embedding",
  bindings: { ids: "read:u32", pos: "read:u32", wte: "read", wpe: "read", out: "write" },
  dims: { N: "u32", C: "u32" },
  cost: ({ N, C }) => ({ flops: N * C, bytes: 12 * N * C + 8 * N }),
  variants: [
    { name: "scalar", wgsl: elementF32 + linearId + embeddingWgsl, constants: () => ({ WIDTH: 1 }), workgroups: ({ N, C }) => groupsOf(N * C) },
    {
      name: "vec4",
      wgsl: elementVec4 + linearId + embeddingWgsl,
      constants: () => ({ WIDTH: 4 }),
      workgroups: ({ N, C }) => groupsOf((N * C) / 4),
      fits: ({ C }) => C % 4 === 0,
    },
  ],
  meaning({ ids, pos, wte, wpe, out }, { N, C }) {
    for (let n = 0; n < N; n++) {
      const token = ids[n]! * C;
      const place = pos[n]! * C;
      for (let c = 0; c < C; c++) out[n * C + c] = wte[token + c]! + wpe[place + c]!;
    }
  },
});
