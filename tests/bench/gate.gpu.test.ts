/** The bench's gate on real devices: every kernel that it times passes it, a planted fault gets no time, and noise stands beside the times. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { casesOf } from "../../src/bench/cases.ts";
import { expectedMs, kernelRows, type Case, type KernelBench } from "../../src/bench/kernel-rows.ts";
import { inTurn } from "../../src/bench/index.ts";
import { expectedWholeMs, generationRow } from "../../src/bench/whole-rows.ts";
import type { AnyKernel, Command, Device } from "../../src/device/types.ts";
import { chooseVariant } from "../../src/plan/variants.ts";
import { SUITES } from "../../src/protocol/bench.ts";
import { testDevice } from "../support/kernel-harness.ts";
import { wasmDevice } from "../support/wasm.ts";

const MINUTES = 3 * 60_000;

const benchOn = (device: Device): KernelBench => ({
  device, peak: { gflops: 10, gbps: 2 }, samples: 2, rotating: false, choices: {}, paces: new Map(),
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
    // Those that want a feature are not there on a device without.
    const names = one.recorded.kernel.variants.filter(({ requires = [] }) => requires.every((feature) => device.features.has(feature))).map(({ name }) => name);
    const chosen = one.recorded.kernel.variants[chooseVariant(device, one.recorded, {})]!.name;
    expect(rows.map(({ variant, status }) => [variant, status])).toEqual([...names.map((name) => [name, "ok"]), [chosen, "A/A"]]);
    expect(rows.filter((row) => row.chosen).map(({ variant }) => variant)).toEqual([chosen]);
    const other = names.find((name) => name !== chosen)!;
    const tuned = await kernelRows({ ...benchOn(device), choices: { softmax: other } }, one);
    expect(tuned.filter((row) => row.chosen).map(({ variant }) => variant)).toEqual([other]);
  }, MINUTES);

  it("finds kernels right that read and store halves, and one wrong that stores another row's", async () => {
    const device = await testDevice();
    const of = (suite: "matmul" | "norms", dtype: "bfloat16" | "float16", name: string): Case => casesOf(suite, { suites: [suite], quick: true, dtypes: [dtype] }, device.limits.maxBindingBytes).find((one) => one.name === name)!;
    const norm = of("norms", "bfloat16", "layernormBf16");
    for (const one of [of("matmul", "float16", "matmulNNBiasGeluF16"), norm]) {
      // On a busy machine the plain variant may pass the cap on one launch; it is judged by then.
      const rows = (await kernelRows(benchOn(device), one)).filter(({ status }) => !/^skipped: one launch takes \d+ ms$/.test(status));
      expect(rows.filter(({ status }) => status !== "ok" && status !== "A/A"), one.name).toEqual([]);
      for (const { error_vs_bound } of rows.filter(({ status }) => status === "ok")) expect(error_vs_bound!).toBeLessThan(1);
      expect(rows.map(({ status }) => status)).toContain("ok");
    }
    const wrong = planted(norm, { variants: norm.recorded.kernel.variants.map((variant) => ({ ...variant, wgsl: variant.wgsl.replace("write_out(row + c, (inp[row + c] - m)", "write_out(row + c, (inp[row + c] + m)") })) });
    expect((await kernelRows(benchOn(device), wrong))[0]!.status).toMatch(/^wrong: out\[/);
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
    ["a sum that leaves out the row's last value", "sums += exp(inp[i] - largest)", "sums += select(Element(), exp(inp[i] - largest), i + 1u < end)"],
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

describe("a launch that would take seconds", () => {
  it("is not tried once its variant was timed at another size, and the one that trains is timed all the same", async () => {
    const device = await testDevice();
    const bench = benchOn(device);
    const one = softmaxOf(device);
    const first = await kernelRows(bench, one);
    expect(first.every(({ status }) => status === "ok" || status === "A/A")).toBe(true);
    for (const name of bench.paces.keys()) bench.paces.set(name, 1);
    const rows = await kernelRows(bench, one);
    for (const row of rows) expect(row.status).toMatch(row.chosen ? /^ok$/ : /^(A\/A$|skipped: one launch would take about \d+ ms$)/);
    expect(rows.filter(({ status }) => status.startsWith("skipped"))).toHaveLength(first.length - 2);
  }, MINUTES);

  it("is forecast from what its variant took for each operation, or byte where there are none", () => {
    const paces = new Map([["a/b", 0.5]]);
    expect([expectedMs(paces, "a/b", { flops: 10, bytes: 3 }), expectedMs(paces, "a/b", { flops: 0, bytes: 3 }), expectedMs(paces, "a/c", { flops: 10, bytes: 3 })]).toEqual([5, 1.5, undefined]);
  });

  it("is forecast for a whole training from the smaller one, once that is known", () => {
    const rows = [{ suite: "step", name: "tiny", shape: "", variant: "", status: "ok", median_ms: 100 }] as const;
    expect(expectedWholeMs("step", "small", rows, 3)).toBe(16 * 100 * 8);
    expect([expectedWholeMs("step", "small", [], 3), expectedWholeMs("step", "tiny", rows, 3), expectedWholeMs("generation", "small", rows, 3)]).toEqual([0, 0, 0]);
  });
});

describe("generation", () => {
  const text = new Uint8Array(gunzipSync(readFileSync(new URL("../../public/bench/reference.gz", import.meta.url))));

  it("is timed where the cache leads to the same tokens as reading all anew", async () => {
    const row = await generationRow({ ...benchOn(await wasmDevice()), samples: 1 }, "tiny", text);
    expect(row.status).toBe("ok");
    expect(row.tokens_per_sec!).toBeGreaterThan(0);
  }, MINUTES);

  it("gets no time where a step of decoding is wrong", async () => {
    const device = await wasmDevice();
    // Without its first launch a decode step reads the token before once more.
    const broken: Device = Object.create(device, {
      submit: { value: (commands: readonly Command[]) => device.submit(commands.map((command) => (command.kind === "run" && command.program.label === "ask decode" ? { ...command, first: 1, count: command.program.launches.length - 1 } : command))) },
    }) as Device;
    const row = await generationRow({ ...benchOn(broken), samples: 1 }, "tiny", text);
    expect(row.status).toMatch(/^wrong: token \d is \d+ with the cache and \d+ without$/);
    expect(row).not.toHaveProperty("median_ms");
  }, MINUTES);
});

describe("a quick run's order", () => {
  it("takes one of each suite before the second of any", () => {
    expect(inTurn([[1, 2, 3], [4], [], [5, 6]])).toEqual([1, 4, 5, 2, 6, 3]);
    expect(inTurn([])).toEqual([]);
  });
});
