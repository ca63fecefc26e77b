/** The harness must be able to fail: each of these plants one fault and expects it to be named. */
import { describe, expect, it } from "vitest";
import { defineKernel, type Device, type View } from "../../src/device/types.ts";
import { columnSum } from "../../src/kernels/column-sum.ts";
import { matmulNN } from "../../src/kernels/matmul.ts";
import { checkKernel, sumBound, testDevice, values } from "../support/kernel-harness.ts";
import { dimsOf, operands, productBound } from "../support/matmul-cases.ts";
import { wasmDevice } from "../support/wasm.ts";

const SHAPE = [33, 20, 36] as const;

/** matmulNN with one text in its modules replaced. */
function planted(from: string, to: string) {
  return defineKernel({
    ...matmulNN,
    variants: matmulNN.variants.map((variant) => ({ ...variant, wgsl: variant.wgsl.replaceAll(from, to) })),
  });
}

const check = (kernel: ReturnType<typeof planted>, variants: readonly string[], device?: Device) =>
  checkKernel(kernel, {
    dims: dimsOf(SHAPE),
    inputs: operands(SHAPE, "normal"),
    outputs: { out: SHAPE[0] * SHAPE[2] },
    bound: (run) => ({ out: productBound(run, "NN", "normal") }),
    variants,
    device,
  });

describe("the kernel harness", () => {
  it("passes the kernel as it is", async () => {
    expect(await check(planted("no such text", ""), ["plain", "blocks-8x8-vec4"])).toHaveLength(2);
  });

  it.each([
    ["a sum that leaves out its last term", "plain", "k < dims.K; k++", "k + 1u < dims.K; k++", /the judge says/],
    ["a block too few", "blocks-8x8-vec4", "step < whole", "step + 1u < whole", /the judge says/],
    ["a last output that nobody writes", "plain", "index >= dims.M * dims.N", "index + 1u >= dims.M * dims.N", /never wrote out\[1187\]/],
    ["an output one place off", "plain", "out[index] = result", "out[index + 1u] = result", /never wrote out\[0\]/],
    ["an accumulation onto what was not asked for", "plain", "dims.accumulate != 0u", "dims.accumulate == 0u", /is NaN|never wrote/],
    ["a NaN", "plain", "dims.alpha * value", "dims.alpha * value * bitcast<f32>(0x7fc00001u | (dims.M & 0u))", /is NaN/],
  ])("names %s", async (_, variant, from, to, message) => {
    const kernel = planted(from, to);
    expect(kernel.variants.some((one, i) => one.wgsl !== matmulNN.variants[i]!.wgsl)).toBe(true);
    await expect(check(kernel, [variant])).rejects.toThrow(message);
  });

  it("names a row too many on a device without robustness, where it reaches the words behind the buffer", async () => {
    const kernel = planted("row + i < dims.M", "row + i <= dims.M");
    const device = await testDevice({ toggles: ["disable_robustness"] });
    await expect(check(kernel, ["blocks-8x8-vec4"], device)).rejects.toThrow(/past the end of "out"/);
    expect(await check(matmulNN, ["blocks-8x8-vec4", "blocks-8x8", "plain"], device)).toHaveLength(3);
  });

  it("names a word written before, past or into a buffer that is only read", async () => {
    const device = await wasmDevice();
    const spoil = (name: string, place: (view: View) => View): Device => {
      let views: readonly View[] = [];
      return {
        ...device,
        prepare: (label, launches) => {
          views = launches[0]!.views;
          return device.prepare(label, launches);
        },
        submit: (commands) => {
          device.submit(commands);
          device.write(place(views[Object.keys(matmulNN.bindings).indexOf(name)]!), Float32Array.of(1.5));
        },
      };
    };
    const word = (view: View, offsetBytes: number): View => ({ buffer: view.buffer, offsetBytes, sizeBytes: 4 });
    await expect(
      check(
        matmulNN,
        [],
        spoil("out", (view) => word(view, view.offsetBytes - 4)),
      ),
    ).rejects.toThrow(/wrote 1 words before "out"/);
    await expect(
      check(
        matmulNN,
        [],
        spoil("out", (view) => word(view, view.offsetBytes + view.sizeBytes)),
      ),
    ).rejects.toThrow(/wrote 1 words past the end of "out"/);
    await expect(
      check(
        matmulNN,
        [],
        spoil("a", (view) => word(view, view.offsetBytes)),
      ),
    ).rejects.toThrow(/changed "a"/);
  });

  it("refuses a case that names no bound, or a binding that the kernel has not", async () => {
    const testCase = { dims: { N: 3, C: 4, accumulate: 0 }, inputs: { inp: values("normal", 12) }, outputs: { out: 4 } };
    await expect(checkKernel(columnSum, { ...testCase, bound: () => ({}) })).rejects.toThrow(/states no bound for "out"/);
    const misspelt = { ...testCase, outputs: { out: 4, output: 4 }, bound: () => ({ out: 1 }) };
    await expect(checkKernel(columnSum, misspelt)).rejects.toThrow(/no binding "output"/);
  });

  it("gives mean-zero sums the square-root bound and the others the linear one", () => {
    expect(sumBound(100, 1, 0, "normal")).toBeCloseTo(20 * 2 ** -24, 12);
    expect(sumBound(100, 1, 0, "one-signed")).toBeCloseTo(101 * 2 ** -24, 12);
  });
});
