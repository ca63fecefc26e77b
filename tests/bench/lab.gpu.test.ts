/** The kernel lab on a real device: a right edit passes, a wrong one is named, an endless one ends, and training with one is compared. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { NestlingError } from "../../src/core/errors.ts";
import { tryKernel, within, type LabBench } from "../../src/bench/lab.ts";
import { shippedKernels } from "../../src/bench/lab-list.ts";
import { PARITY_ALLOWED, PARITY_STEPS, trainWith } from "../../src/bench/lab-training.ts";
import { createWebGpuDevice } from "../../src/device/webgpu/webgpu-device.ts";
import type { Device } from "../../src/device/types.ts";
import type { KernelText, KernelTrial, KernelVerdict } from "../../src/protocol/kernel-lab.ts";
import { gpuDevice } from "../support/gpu.ts";

/** On a software adapter the variants with barriers, which others take, would run for minutes. */
const testDevice = async (): Promise<Device> => createWebGpuDevice(await gpuDevice(), { softwareAdapter: true, poison: 0x7fc00000 });
const MINUTES = 5 * 60_000;
const AT_NIGHT = typeof process !== "undefined" && process.env["NESTLING_NIGHTLY"] !== undefined;
const text = gunzipSync(readFileSync(fileURLToPath(new URL("../../public/bench/reference.gz", import.meta.url))));

const benchOn = (device: Device): LabBench => ({
  device, samples: 2, limitMs: 60_000,
  // A clock without a quantum: samples end after few repeats, since no time is claimed here.
  clock: { now: () => performance.now(), quantumMs: 0, breathe: async () => {}, check: () => {} },
});

async function shipped(kernel: string, variant: string): Promise<KernelText> {
  const found = shippedKernels(await testDevice()).find(({ name }) => name === kernel)!.variants.find(({ name }) => name === variant)!;
  return { kernel, variant, source: found.source };
}

const edited = (from: KernelText, find: string, put: string): KernelText => {
  expect(from.source).toContain(find);
  return { ...from, source: from.source.replace(find, put) };
};

async function tried(given: KernelText, timed = false): Promise<KernelVerdict & { told: KernelTrial[] }> {
  const told: KernelTrial[] = [];
  const verdict = await tryKernel(benchOn(await testDevice()), given, timed, { onNext: () => {}, onRow: (row) => told.push(row) });
  expect(told).toEqual(verdict.rows);
  return { ...verdict, told };
}

describe("a text in the lab", () => {
  it("that says the same in other words is right at every shape, and is timed in turns with what a plan takes", async () => {
    const given = edited(await shipped("layernorm", "thread-per-row"), "let m = first_mean + shift;", "let m = shift + first_mean;");
    const { right, errors, rows } = await tried(given, true);
    expect([right, errors]).toEqual([true, []]);
    expect(rows.map(({ status }) => status)).toEqual(rows.map(() => "right"));
    for (const row of rows) expect(row.error_vs_bound!).toBeLessThan(1);
    const timed = rows.filter(({ ratio }) => ratio !== undefined);
    expect(timed.length).toBeGreaterThan(0);
    for (const { edited_ms, shipped_ms, ratio, noise, shipped_variant, verdict } of timed) {
      expect(ratio).toBe(shipped_ms! / edited_ms!);
      expect(noise!).toBeGreaterThanOrEqual(0);
      expect(["faster", "slower", "same"]).toContain(verdict);
      expect(["thread-per-row", "thread-per-row-vec4", "thread-per-two-rows", "workgroup-per-row"]).toContain(shipped_variant);
    }
  }, MINUTES);

  it("that leaves one value out of a sum is wrong, with place, value and what was allowed, and gets no time", async () => {
    const { right, rows } = await tried(edited(await shipped("layernorm", "thread-per-row"), "squares += d * d;", "squares += select(d * d, Element(), c + 1u == columns);"), true);
    expect(right).toBe(false);
    const wrong = rows.filter(({ status }) => status === "wrong");
    expect(wrong.length).toBeGreaterThan(0);
    for (const { shape, note, edited_ms } of wrong) {
      expect(shape).toMatch(/N \d+, C \d+/);
      expect(note).toMatch(/^(out|rstd)\[\d+\] is .*, the judge says .*; .* off is allowed$/);
      expect(edited_ms).toBeUndefined();
    }
  }, MINUTES);

  it.each<[string, string, string, string, string]>([
    ["where documents begin", "attention", "thread-per-query", "start[n]", "0u * start[n]"],
    ["which token it is", "embedding", "scalar", "out[i] = wte[ids[n]", "out[i] = wte[0u * ids[n]"],
    ["its position", "rope", "scalar", "pos[n]", "0u * pos[n]"],
    ["the row that is asked for", "gatherRows", "thread-per-element", "inp[index[i", "inp[0u * index[i"],
  ])("that forgets %s is wrong", async (_what, kernel, variant, find, put) => {
    const { right, rows } = await tried(edited(await shipped(kernel, variant), find, put));
    expect(right).toBe(false);
    expect(rows.every(({ status }) => status === "wrong" || status === "left out")).toBe(true);
  }, MINUTES);

  it("that writes nothing is wrong, although the shipped one wrote the right thing before it", async () => {
    const given = await shipped("layernorm", "thread-per-row");
    expect((await tried(given)).right).toBe(true);
    const { rows } = await tried(edited(given, "if (n >= dims.N) {", "if (n >= 0u) {"));
    expect(rows[0]).toMatchObject({ status: "wrong" });
    expect(rows[0]!.note).toContain("out[0] is NaN");
  }, MINUTES);

  it("with a syntax error names line and column in the text as it was edited, below the constants of its shape", async () => {
    const given = await shipped("geluBackward", "vec4");
    const broken = edited(given, "fn main(", "fn main main(");
    const { errors, rows, right } = await tried(broken);
    expect([rows, right]).toEqual([[], false]);
    const line = broken.source.split("\n").findIndex((one) => one.includes("fn main main(")) + 1;
    expect(errors[0]).toMatchObject({ line, column: broken.source.split("\n")[line - 1]!.indexOf("main main") + 6 });
    expect(errors[0]!.message.length).toBeGreaterThan(5);
    const unknown = await tried(edited(given, "fn main(", "fn other() { nobody(); }\nfn main("));
    expect(unknown.errors[0]!.line).toBe(line);
    expect(unknown.errors[0]!.message).toContain("nobody");
    expect((await tried({ ...given, source: "fn" })).errors.length).toBeGreaterThan(0);
  }, MINUTES);

  it("with another contract does not compile against the kernel's own", async () => {
    const { errors, right } = await tried(edited(await shipped("softmax", "thread-per-row"), "@group(0) @binding(0) var<storage, read> inp", "@group(0) @binding(5) var<storage, read> inp"));
    expect(right).toBe(false);
    expect(errors[0]!.message).toMatch(/binding/i);
  }, MINUTES);

  it.each([
    ["while (true)", (source: string) => source.replace("let shift", "while (true) { if (n > 4000000000u) { break; } }\n  let shift")],
    ["a loop whose index stands still", (source: string) => source.replace("c++) {\n    let d", "c += 0u) {\n    let d")],
    ["loops in loops", (source: string) => source.replace("let shift", "for (var a = 1u; a > 0u; a = a | 1u) { for (var b = 1u; b > 0u; b = b | 1u) { rest += Element(); } }\n  let shift")],
  ])("that would never end (%s) is ended, its line is named, nothing after it is tried, and the device goes on", async (_what, change) => {
    const given = await shipped("layernorm", "thread-per-row");
    const source = change(given.source);
    expect(source).not.toBe(given.source);
    const { rows, right } = await tried({ ...given, source }, true);
    expect(right).toBe(false);
    expect(rows[0]!.status).toBe("ended");
    const line = Number(/loop in line (\d+)/.exec(rows[0]!.note)?.[1]);
    const [changed] = source.split("\n").flatMap((text, i) => (given.source.includes(text) ? [] : [i + 1]));
    expect(line).toBe(changed);
    expect(rows.slice(1).map(({ status }) => status)).toEqual(rows.slice(1).map(() => "left out"));
    expect((await tried(given)).right).toBe(true);
  }, MINUTES);

  it("with a loop around a barrier that never ends is ended too", async () => {
    const given = await shipped("columnSum", "slices");
    const { rows } = await tried(edited(given, "workgroupBarrier();", "for (var again = 1u; again > 0u; again = again | 1u) { workgroupBarrier(); }"));
    expect(rows[0]!.status).toBe("ended");
    expect((await tried(given)).right).toBe(true);
  }, MINUTES);

  it("as shipped compiles with its loops bounded and is right at its smallest shape, whatever its barriers", async () => {
    const device = await testDevice();
    // One variant of each kernel that has any, and of the products but one: the others share its loops.
    const all = shippedKernels(device).filter(({ name }) => !/^matmul(?!NN$)/.test(name)).flatMap(({ name, variants }) => {
      const found = variants.find(({ source, unusable }) => unusable === "" && source.includes("Barrier"));
      return found ? [{ kernel: name, variant: found.name, source: found.source }] : [];
    });
    expect(all.length).toBeGreaterThan(10);
    // A software adapter compiles each for seconds: a third of them by day.
    const waiting = all.filter((_, i) => AT_NIGHT || i % 3 === 0);
    for (const given of waiting) {
      const rows: KernelTrial[] = [];
      const bench = benchOn(device);
      const check = (): void => {
        if (rows.some(({ status }) => status !== "left out")) throw new NestlingError("CANCELLED", "one shape is enough");
      };
      const hooks = { onNext: () => {}, onRow: (row: KernelTrial) => void rows.push(row) };
      await tryKernel({ ...bench, clock: { ...bench.clock, check } }, given, false, hooks).then(
        ({ errors }) => expect(errors).toEqual([]),
        (error: unknown) => expect(String(error)).toContain("CANCELLED"),
      );
      const [tried] = rows.filter(({ status }) => status !== "left out");
      expect(tried, `${given.kernel}/${given.variant}`).toMatchObject({ status: "right", note: "" });
    }
  }, MINUTES);

  it("that reads and writes far outside its buffers reaches nothing of others", async () => {
    const device = await testDevice();
    const beside = await device.allocate([{ label: "beside", sizeBytes: 1 << 20 }]);
    const view = { buffer: beside.buffers[0]!, offsetBytes: 0, sizeBytes: 1 << 20 };
    device.submit([{ kind: "fill", view, value: 0x5afe5afe }]);
    const { right, rows } = await tried(edited(await shipped("layernorm", "thread-per-row"), "write_out(row + c, ", "out[row + c + 4000000u] = inp[row + c + 3000000000u]; write_out(row + c, 0.5 * "));
    expect(right).toBe(false);
    expect(rows[0]!.status).toBe("wrong");
    const words = new Uint32Array(await device.read(view));
    expect(words.every((word) => word === 0x5afe5afe)).toBe(true);
    beside.destroy();
  }, MINUTES);

  it("is refused for a kernel, a variant or a shape that is not there", async () => {
    const given = await shipped("softmax", "thread-per-row");
    await expect(tried({ ...given, kernel: "nothing" })).rejects.toThrow(/No kernel here is called nothing/);
    await expect(tried({ ...given, variant: "nothing" })).rejects.toThrow(/it has thread-per-row/);
    await expect(tried(await shipped("attention", "head-64"))).rejects.toThrow(/no shape of the suites fits/);
  });

  it("that keeps the device silent past the limit gives the device up in words", async () => {
    await expect(within(20, "softmax at one shape", new Promise(() => {}))).rejects.toThrow(/GPU_LOST.*did not end within 0.02 s.*reload the page/);
    expect(await within(20, "x", Promise.resolve(3))).toBe(3);
  });

  it("stops between shapes where it is asked to", async () => {
    const bench = benchOn(await testDevice());
    const given = await shipped("softmax", "thread-per-row");
    const rows: KernelTrial[] = [];
    const check = (): void => {
      if (rows.length > 0) throw new NestlingError("CANCELLED", "stopped");
    };
    await expect(tryKernel({ ...bench, clock: { ...bench.clock, check } }, given, false, { onNext: () => {}, onRow: (row) => rows.push(row) })).rejects.toThrow(/CANCELLED/);
    expect(rows).toHaveLength(1);
  }, MINUTES);
});

describe("training with a text", () => {
  const trained = async (given: KernelText, steps = 6) => trainWith(benchOn(await testDevice()), given, text, () => {}, steps);

  it("gives the same bits with the shipped text, step by step, and learns", async () => {
    expect(PARITY_STEPS).toBe(50);
    const same = await trained(await shipped("layernorm", "thread-per-row"), 8);
    expect(same).toMatchObject({ pass: true, sameBits: true, worst: 0, note: "", used: same.of });
    expect([same.shipped.length, same.edited.length]).toEqual([8, 8]);
    expect(same.shipped.at(-1)!).toBeLessThan(same.shipped[0]! - 0.5);
  }, MINUTES);

  it("passes where an edit moves last bits, and fails where it moves losses", async () => {
    const given = await shipped("layernorm", "thread-per-row");
    const other = await trained({ ...given, source: given.source.replace("+ dims.eps", "+ 1.01 * dims.eps") });
    console.info(`an eps of 1.01 times: ${other.worst.toExponential(1)} at step ${other.worstStep}`);
    expect(other).toMatchObject({ pass: true, sameBits: false });
    expect(other.worst).toBeGreaterThan(0);
    expect(other.worst).toBeLessThan(PARITY_ALLOWED);

    const wrong = await trained({ ...given, source: given.source.replace("+ dims.eps", "+ 0.02 + dims.eps") });
    console.info(`an eps of 0.02: ${wrong.worst.toExponential(1)} at step ${wrong.worstStep}`);
    expect(wrong).toMatchObject({ pass: false, sameBits: false });
    expect(wrong.worst).toBe(Math.abs(wrong.edited[wrong.worstStep - 1]! - wrong.shipped[wrong.worstStep - 1]!));
  }, MINUTES);

  it("ends where a loss is no number, and says at which step", async () => {
    const given = await shipped("layernorm", "thread-per-row");
    const { pass, note, edited: losses } = await trained({ ...given, source: given.source.replace("+ dims.eps", "- 1000.0 * dims.eps - 10.0") }, 3);
    expect(pass).toBe(false);
    expect(note).toMatch(/The loss with the text is not a number at step 1\./);
    expect(losses).toHaveLength(0);
  }, MINUTES);

  it("is refused for a kernel that no training step launches", async () => {
    await expect(trained(await shipped("softmax", "thread-per-row"))).rejects.toThrow(/No launch of the tiny reference training/);
  });
});
