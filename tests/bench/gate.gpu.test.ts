/** The bench's gate on real devices: every kernel that it times passes it, a planted fault gets no time, and noise stands beside the times. */
import { describe, expect, it } from "vitest";
import { casesOf } from "../../src/bench/cases.ts";
import { kernelRows, type Case, type KernelBench } from "../../src/bench/kernel-rows.ts";
import { inTurn } from "../../src/bench/index.ts";
import type { AnyKernel, Device } from "../../src/device/types.ts";
import { chooseVariant } from "../../src/plan/variants.ts";
import { SUITES } from "../../src/protocol/bench.ts";
import { testDevice } from "../support/kernel-harness.ts";
import { wasmDevice } from "../support/wasm.ts";

const MINUTES = 3 * 60_000;

const benchOn = (device: Device): KernelBench => ({
  device, peak: { gflops: 10, gbps: 2 }, samples: 2, rotating: false, choices: {},
  // A coarse clock that hardly moves: samples end after few repeats, since no time is claimed here.
  clock: { now: () => performance.now(), quantumMs: 0, breathe: async () => {}, check: () => {} },
});
const cases = (device: Device): Case[] => SUITES.flatMap((suite) => casesOf(suite, { suites: [suite], quick: true }, device.limits.maxBindingBytes));
const planted = (one: Case, kernel: Partial<AnyKernel>): Case => ({ ...one, recorded: { ...one.recorded, kernel: { ...one.recorded.kernel, ...kernel } as AnyKernel } });
const softmaxOf = (device: Device): Case => cases(device).find(({ suite }) => suite === "softmax")!;

describe("the bench", () => {
  it("finds every kernel of a quick run right on the CPU, with its noise, and marks the one that trains", async () => {
    const device = await wasmDevice();
    const all = cases(device);
    expect(new Set(all.map(({ suite }) => suite)).size).toBe(7);
    let worst = 0;
    for (const one of all) {
      const rows = await kernelRows(benchOn(device), one);
      expect(rows.map(({ status }) => status), `${one.name} ${one.shape}`).toEqual(["ok", "A/A"]);
      expect(rows[0]).toMatchObject({ suite: one.suite, chosen: true });
      expect(rows[0]!.median_ms!).toBeGreaterThan(0);
      expect(rows[0]!.noise!).toBe(rows[1]!.noise!);
      worst = Math.max(worst, rows[0]!.error_vs_bound!);
    }
    console.log(`${all.length} launches, worst ${worst.toFixed(3)} of its bound`);
    expect(worst).toBeLessThan(1);
  }, MINUTES);

  it("times all variants of a kernel in one turn on the GPU, and the one that trains twice", async () => {
    const device = await testDevice();
    const one = softmaxOf(device);
    const rows = await kernelRows(benchOn(device), one);
    const names = one.recorded.kernel.variants.map(({ name }) => name);
    const chosen = names[chooseVariant(device, one.recorded, {})];
    expect(rows.map(({ variant, status }) => [variant, status])).toEqual([...names.map((name) => [name, "ok"]), [chosen, "A/A"]]);
    expect(rows.filter((row) => row.chosen).map(({ variant }) => variant)).toEqual([chosen]);
    const other = names.find((name) => name !== chosen)!;
    const tuned = await kernelRows({ ...benchOn(device), choices: { softmax: other } }, one);
    expect(tuned.filter((row) => row.chosen).map(({ variant }) => variant)).toEqual([other]);
  }, MINUTES);

  it("takes a long row added up one by one for right", async () => {
    const device = await testDevice();
    const [, long] = casesOf("softmax", { suites: ["softmax"] }, device.limits.maxBindingBytes);
    expect(long!.shape).toContain("C 1024");
    const [plain] = long!.recorded.kernel.variants;
    const rows = await kernelRows({ ...benchOn(device), samples: 1 }, planted(long!, { variants: [plain!] }));
    expect(rows.map(({ status }) => status)).toEqual(["ok", "A/A"]);
    expect(rows[0]!.error_vs_bound!).toBeLessThan(1);
  }, MINUTES);

  it("times by the GPU's own clock too, where it has one, and nothing by it elsewhere", async () => {
    const device = await testDevice({ features: ["timestamp-query"] });
    const rows = await kernelRows({ ...benchOn(device), clock: { ...benchOn(device).clock, quantumMs: 0.2 } }, softmaxOf(device));
    for (const row of rows) {
      expect(row.gpu_ms!).toBeGreaterThan(0);
      // Both clocks saw the same work: the GPU's part lies within what passed on the wall, give or take their quanta.
      expect(row.gpu_ms!).toBeLessThan(1.5 * row.p80_ms!);
    }
    const without = await testDevice();
    expect(without.submitTimed).toBeUndefined();
    expect((await kernelRows(benchOn(without), softmaxOf(without)))[0]).not.toHaveProperty("gpu_ms");
  }, MINUTES);

  it.each([
    ["a sum that leaves out the row's last value", "sum += e", "sum += select(0.0, e, i + 1u < end)"],
    ["a shader that does not compile", "fn main", "fn main main"],
  ])("gives no time to %s, and times the sound variant beside it", async (_what, from, to) => {
    const device = await testDevice();
    const one = softmaxOf(device);
    const [plain, ...others] = one.recorded.kernel.variants;
    expect(plain!.wgsl).toContain(from);
    const rows = await kernelRows(benchOn(device), planted(one, { variants: [{ ...plain!, wgsl: plain!.wgsl.replaceAll(from, to) }, ...others] }));
    const bad = rows.find(({ variant }) => variant === plain!.name)!;
    expect(bad.status).toMatch(/^(wrong|failed): /);
    for (const figure of ["median_ms", "p20_ms", "gflops", "gbps", "roofline"] as const) expect(bad, figure).not.toHaveProperty(figure);
    expect(rows.some(({ status, median_ms }) => status === "ok" && median_ms! > 0)).toBe(true);
  }, MINUTES);

  it("gives no time to a result that is off by one part in a thousand, or NaN, on the CPU", async () => {
    const device = await wasmDevice();
    const one = softmaxOf(device);
    for (const spoil of [(x: number) => x * 1.001, () => NaN]) {
      const kernel: Partial<AnyKernel> = {
        // Without WebAssembly the device calls the formula itself; the judge's own runs, in float64, stay sound.
        wasm: undefined,
        meaning(buffers, dims) {
          one.recorded.kernel.meaning(buffers, dims);
          const out = buffers["out"]!;
          if (out instanceof Float32Array) out[7] = spoil(out[7]!);
        },
      };
      const rows = await kernelRows(benchOn(device), planted(one, kernel));
      expect(rows).toHaveLength(1);
      expect(rows[0]!.status).toMatch(/^wrong: out\[7\] is /);
      expect(rows[0]).not.toHaveProperty("median_ms");
    }
  }, MINUTES);
});

describe("a quick run's order", () => {
  it("takes one of each suite before the second of any", () => {
    expect(inTurn([[1, 2, 3], [4], [], [5, 6]])).toEqual([1, 4, 5, 2, 6, 3]);
    expect(inTurn([])).toEqual([]);
  });
});
