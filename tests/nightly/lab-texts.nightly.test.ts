/** Every shipped text through the kernel lab at every shape of its kernel: with its loops bounded and as it is, right both times. By day one of each kernel is. */
import { expect, it } from "vitest";
import { tryKernel } from "../../src/bench/lab.ts";
import { shippedKernels } from "../../src/bench/lab-list.ts";
import { createWebGpuDevice } from "../../src/device/webgpu/webgpu-device.ts";
import type { KernelTrial } from "../../src/protocol/kernel-lab.ts";
import { gpuDevice } from "../support/gpu.ts";

it("finds every shipped text right wherever it is tried", async () => {
  const device = createWebGpuDevice(await gpuDevice(), { softwareAdapter: true, poison: 0x7fc00000 });
  const clock = { now: () => performance.now(), quantumMs: 0, breathe: async () => {}, check: () => {} };
  const kernels = shippedKernels(device);
  const rows: KernelTrial[] = [];
  let texts = 0;
  for (const { name, variants } of kernels) {
    for (const { name: variant, source } of variants.filter(({ unusable }) => unusable === "")) {
      const verdict = await tryKernel({ device, clock, samples: 1, limitMs: 60_000 }, { kernel: name, variant, source }, false, { onNext: () => {}, onRow: () => {} });
      expect(verdict, `${name}/${variant}`).toMatchObject({ right: true, errors: [] });
      rows.push(...verdict.rows);
      texts++;
    }
  }
  const of = (status: KernelTrial["status"]): number => rows.filter((row) => row.status === status).length;
  console.log(`figure: ${texts} texts of ${kernels.length} kernels right at ${of("right")} shapes, ${of("left out")} left out as too long or too odd for the variant`);
  expect(of("right") + of("left out")).toBe(rows.length);
  expect(texts).toBeGreaterThan(80);
}, 30 * 60_000);
