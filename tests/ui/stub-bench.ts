/** A made-up result of the bench, for the stub engine: every kind of row that a table has to show. */
import type { BenchResult, BenchRow } from "../../src/protocol/index.ts";

export function stubBench(): BenchResult {
  const row = (suite: BenchRow["suite"], name: string, shape: string, variant: string, median_ms: number, gflops: number, intensity: number, more: Partial<BenchRow> = {}): BenchRow => ({
    suite, name, shape, variant, median_ms, p20_ms: 0.97 * median_ms, p80_ms: 1.04 * median_ms, gflops, intensity, gbps: gflops / intensity, roofline: 100 * (gflops / Math.min(14, 2.4 * intensity)), noise: 0.021, samples: 9, error_vs_bound: 0.21, status: "ok", ...more,
  });
  return {
    format: "nestling-bench", version: 1, date: "2026-11-23T12:00:00.000Z", engine: "1", quick: true, buffers: "hot",
    device: {
      backend: "webgpu", adapter: "google swiftshader", software: true, features: ["subgroups"], limits: {}, browser: "Chromium 156", timer_quantum_ms: 0.1, timestamps: false, peak: { gflops: 14, gbps: 2.4 },
    },
    rows: [
      row("matmul", "matmulNN", "M 256, N 256, K 256", "plain", 60, 0.55, 42.7),
      row("matmul", "matmulNN", "M 256, N 256, K 256", "blocks-16x16-vec4", 5.2, 6.4, 42.7, { chosen: true }),
      row("matmul", "matmulNN", "M 256, N 256, K 256", "blocks-16x16-vec4", 5.3, 6.3, 42.7, { status: "A/A" }),
      { suite: "matmul", name: "matmulNN", shape: "M 256, N 256, K 256", variant: "blocks-8x8", status: "wrong: out[7] is 3, the judge says 2; 1.0e-5 off is allowed" },
      row("norms", "layernorm", "N 512, C 64", "thread-per-row-vec4", 0.3, 0.9, 0.6, { chosen: true, launches: 5 }),
      row("softmax", "softmax", "N 2048, C 256", "thread-per-row", 4, 0.5, 0.5, { chosen: true }),
      row("step", "tiny", "layers 2, width 64, context 64, rows 8", "gpt2, f32", 159, 2.9, 10.6, { chosen: true, launches: 69, submits: 2, tokens_per_sec: 3222, loss: 5.7858 }),
    ],
  };
}
