/** A made-up profile of a step, for the stub engine: two layers with everything that a chart has to draw. */
import type { ProfiledLaunch, RunState, StepProfile } from "../../src/protocol/index.ts";

export function stubProfile(run: RunState): StepProfile {
  const launch = (program: string, kernel: string, site: string, ms: number): ProfiledLaunch => ({
    program, label: `${kernel} ${site}`.trim(), kernel, variant: kernel.startsWith("matmul") ? "blocks-16x16-vec4" : "thread-per-row", dims: { M: 512, N: 256, K: 64 }, ms, flops: 5e6 * ms, bytes: 1e6 * ms,
  });
  const layers = [0, 1].flatMap((layer) => [
    launch("micro", "layernorm", `h.${layer}.ln_1`, 0.3), launch("micro", "matmulNNBias", `h.${layer}.attn.c_attn`, 1.8), launch("micro", "attention", `h.${layer}.attn`, 1.2),
    launch("micro", "matmulNNBiasResidual", `h.${layer}.attn.c_proj`, 0.6), launch("micro", "layernorm", `h.${layer}.ln_2`, 0.3), launch("micro", "matmulNNBiasGelu", `h.${layer}.mlp.c_fc`, 2.6), launch("micro", "matmulNNBiasResidual", `h.${layer}.mlp.c_proj`, 2.4),
  ]);
  const back = layers.toReversed().map((one) => ({ ...one, kernel: one.kernel === "attention" ? "attentionBackwardQ" : one.kernel === "layernorm" ? "layernormBackward" : "matmulNT", label: `${one.kernel === "attention" ? "attentionBackwardQ" : one.kernel === "layernorm" ? "layernormBackward" : "matmulNT"} ${one.label.split(" ")[1]}`, ms: 2 * one.ms }));
  const launches = [launch("micro", "embedding", "wte", 0.4), ...layers, launch("micro", "matmulNT", "head", 3), launch("micro", "crossEntropy", "head", 0.9), ...back, launch("micro", "embeddingBackward", "wte", 0.6), launch("update", "sumSquares", "", 0.3), launch("update", "prepareUpdate", "", 0.1), launch("update", "adamw", "", 1.4), launch("update", "recordMetrics", "", 0.1)];
  const micro = launches.filter(({ program }) => program === "micro").length;
  return {
    device: "CPU, WebAssembly SIMD", recipeName: run.recipe.name, step: run.step, micros: 1, tokens: 512, launches, stepMs: 58, peak: { gflops: 20, gbps: 4 },
    memory: {
      totalBytes: 21_400_000, kept: [{ role: "parameters", sizeBytes: 1_300_000 }, { role: "gradients", sizeBytes: 1_300_000 }, { role: "optimizer", sizeBytes: 2_600_000 }],
      slots: Array.from({ length: 12 }, (_, buffer) => ({ buffer, sizeBytes: 1_400_000 - 90_000 * buffer })),
      lives: Array.from({ length: 24 }, (_, i) => ({ label: i < 12 ? `h.${i % 2}.x${i}` : `d h.${i % 2}.x${i}`, buffer: i % 12, sizeBytes: 1_300_000 - 90_000 * (i % 12), first: i < 12 ? i : micro - 1 - (i - 12), last: i < 12 ? Math.min(micro - 14, micro - 2 - i) - 1 : micro - 1 - Math.max(0, i - 14) })),
    },
  };
}
