/** The gate sees all of a result: each row, each column, and everything that was never written. Results are the formula's own, spoilt in one place. */
import { describe, expect, it } from "vitest";
import { gate, judge } from "../../src/bench/judge.ts";
import type { Numbers } from "../../src/bench/inputs.ts";
import type { AnyKernel } from "../../src/device/types.ts";
import { attention } from "../../src/kernels/attention.ts";
import { attentionBackwardQ } from "../../src/kernels/attention-backward-q.ts";
import { matmulNN } from "../../src/kernels/matmul.ts";
import { values } from "../support/values.ts";

interface Launch {
  readonly kernel: AnyKernel;
  readonly dims: Readonly<Record<string, number>>;
  readonly inputs: ReadonlyMap<string, Numbers>;
  readonly outputs: Readonly<Record<string, number>>;
}

const [M, N, K] = [130, 70, 40];
const product: Launch = { kernel: matmulNN as unknown as AnyKernel, dims: { M, N, K, accumulate: 0, alpha: 1 }, inputs: new Map([["a", values("normal", M * K, 1)], ["b", values("normal", K * N, 2)]]), outputs: { out: M * N } };
const heads = { B: 5, T: 16, NH: 2, NKV: 2, HS: 8 };
const rows = heads.B * heads.T;
const attended: Launch = { kernel: attention as unknown as AnyKernel, dims: heads, inputs: new Map<string, Numbers>([["qkv", values("normal", rows * 48, 3)], ["start", new Uint32Array(rows)]]), outputs: { out: rows * 16, lse: rows * 2 } };

/** The formula's own result, as a device gives it: f32, NaN where nothing is written. */
function resultOf({ kernel, dims, inputs, outputs }: Launch): Map<string, Float32Array> {
  const bound: Record<string, Float64Array | Uint32Array> = {};
  for (const [name, data] of inputs) bound[name] = data instanceof Uint32Array ? data.slice() : Float64Array.from(data);
  for (const [name, size] of Object.entries(outputs)) bound[name] ??= new Float64Array(size).fill(NaN);
  kernel.meaning(bound, dims);
  return new Map(Object.keys(outputs).map((name) => [name, Float32Array.from(bound[name]!)]));
}

const sizesOf = ({ inputs, outputs }: Launch): Map<string, number> => new Map([...[...inputs].map(([name, { length }]) => [name, length] as const), ...Object.entries(outputs)]);
const said = (launch: Launch, spoil: (result: Map<string, Float32Array>) => void): string => {
  const result = resultOf(launch);
  spoil(result);
  return gate(judge(launch.kernel, launch.dims, launch.inputs, sizesOf(launch)), result).wrong;
};

describe("the gate on a product", () => {
  it("finds the formula's own result right", () => expect(said(product, () => {})).toBe(""));

  it("sees any one row, and any one column, that is another's", () => {
    for (let row = 0; row < M; row++) expect(said(product, (result) => result.get("out")!.copyWithin(row * N, ((row + 1) % M) * N, ((row + 1) % M) * N + N)), `row ${row}`).toMatch(/^out\[\d+\] is /);
    for (let column = 0; column < N; column += 3) {
      expect(said(product, (result) => {
        const out = result.get("out")!;
        for (let row = 0; row < M; row++) out[row * N + column] = out[row * N + ((column + 1) % N)]!;
      }), `column ${column}`).toMatch(/^out\[\d+\] is /);
    }
  });

  it("sees one element that was never written, wherever it lies", () => {
    for (const at of [0, 1, N, 12 * N + 5, M * N - 1]) expect(said(product, (result) => (result.get("out")![at] = NaN))).toMatch(new RegExp(`out\\[${at}\\] was not written`));
  });

  it("judges long sums in no more than about a second", () => {
    const long: Launch = { ...product, dims: { M: 512, N: 512, K: 4096, accumulate: 0, alpha: 1 }, inputs: new Map([["a", values("normal", 512 * 4096, 1)], ["b", values("normal", 4096 * 512, 2)]]), outputs: { out: 512 * 512 } };
    const verdicts = judge(long.kernel, long.dims, long.inputs, sizesOf(long));
    const places = new Set(verdicts.flatMap(({ places: own }) => [...own!].map((place) => Math.floor(place / 512))));
    expect(places.size).toBe(512);
    expect(verdicts.reduce((sum, { want }) => sum + want.length, 0) * 4096 * 4).toBeLessThan(4.1e8);
  });
});

describe("the gate on a batch", () => {
  it("finds the formula's own result right", () => expect(said(attended, () => {})).toBe(""));

  it.each([0, 2, 4])("sees that sequence %i is another's", (b) => {
    const size = (rows / heads.B) * 16;
    expect(said(attended, (result) => result.get("out")!.copyWithin(b * size, ((b + 1) % 5) * size, ((b + 1) % 5) * size + size))).toMatch(/^out\[\d+\] is /);
  });

  it("sees any sequence that was never written", () => {
    for (let b = 0; b < heads.B; b++) expect(said(attended, (result) => result.get("out")!.fill(NaN, b * 256 + 7, b * 256 + 8))).toMatch(new RegExp(`out\\[${b * 256 + 7}\\] was not written`));
  });

  it("takes what a kernel leaves to another for right, and a hole in its own part for wrong", () => {
    const forward = resultOf(attended);
    const backward: Launch = {
      kernel: attentionBackwardQ as unknown as AnyKernel, dims: heads,
      inputs: new Map<string, Numbers>([...attended.inputs, ["out", forward.get("out")!], ["lse", forward.get("lse")!], ["dout", values("normal", rows * 16, 4)]]), outputs: { delta: rows * 2, dqkv: rows * 48 },
    };
    const left = resultOf(backward).get("dqkv")!;
    expect([left.some(Number.isNaN), left.every(Number.isNaN)]).toEqual([true, false]);
    expect(said(backward, () => {})).toBe("");
    const own = left.findIndex((value, at) => at > 48 * 20 && !Number.isNaN(value));
    expect(said(backward, (result) => (result.get("dqkv")![own] = NaN))).toMatch(new RegExp(`dqkv\\[${own}\\] was not written`));
  });
});
