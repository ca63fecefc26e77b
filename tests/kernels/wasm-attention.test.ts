import { afterAll, describe, expect, it } from "vitest";
import { attentionBackwardKV } from "../../src/kernels/attention-backward-kv.ts";
import { attentionBackwardQ } from "../../src/kernels/attention-backward-q.ts";
import { attention, type AttentionDims } from "../../src/kernels/attention.ts";
import { ATTENTION_SHAPES, attentionBounds, attentionDimsOf, qkvOf, startsOf } from "../support/attention-bounds.ts";
import { judgeAttention } from "../support/judge-ops.ts";
import { checkKernel, printFigures, runKernel, values } from "../support/kernel-harness.ts";
import { CLASSES, TIMEOUT_MS } from "../support/row-cases.ts";
import { wasmDevice } from "../support/wasm.ts";

afterAll(printFigures);

const device = await wasmDevice();

/** What the forward and the q kernel leave, rounded to f32. */
function saved(
  qkv: Float32Array,
  start: Uint32Array,
  dout: Float32Array,
  dims: AttentionDims,
): Record<"out" | "lse" | "delta", Float32Array> {
  const wide = Float64Array.from(qkv);
  const { out, lse } = judgeAttention(wide, start, dims);
  const delta = new Float64Array(lse.length);
  attentionBackwardQ.meaning(
    { qkv: wide, start, out, dout: Float64Array.from(dout), lse, delta, dqkv: new Float64Array(qkv.length) },
    dims,
  );
  return { out: Float32Array.from(out), lse: Float32Array.from(lse), delta: Float32Array.from(delta) };
}

async function checkAll(dims: AttentionDims, valueClass: (typeof CLASSES)[number], documents: "one" | "several"): Promise<void> {
  const N = dims.B * dims.T;
  const start = startsOf(dims, documents);
  const forward = await checkKernel(attention, {
    dims,
    inputs: { qkv: qkvOf(dims, valueClass), start },
    outputs: { out: N * dims.NH * dims.HS, lse: N * dims.NH },
    bound: (run) => attentionBounds(run, valueClass),
    device,
  });
  const qkv = qkvOf(dims, valueClass, true);
  const dout = values(valueClass, N * dims.NH * dims.HS, 2);
  const { out, lse, delta } = saved(qkv, start, dout, dims);
  const dqkv = values("normal", qkv.length, 3); // what a kernel does not write has bound 0: it must come back as it was
  const ofQueries = await checkKernel(attentionBackwardQ, {
    dims,
    inputs: { qkv, start, out, dout, lse, dqkv },
    outputs: { delta: N * dims.NH },
    bound: (run) => attentionBounds(run, valueClass),
    device,
  });
  const ofKeys = await checkKernel(attentionBackwardKV, {
    dims,
    inputs: { qkv, start, dout, lse, delta, dqkv },
    outputs: {},
    bound: (run) => attentionBounds(run, valueClass),
    device,
  });
  expect([forward, ofQueries, ofKeys].flat().map((report) => report.variant)).toEqual(["cpu", "cpu", "cpu"]);
}

describe("attention in WebAssembly", () => {
  it.each(CLASSES)(
    "is within its propagated bound forward and backward on every shape, values %s",
    async (valueClass) => {
      for (const [i, shape] of ATTENTION_SHAPES.entries()) await checkAll(attentionDimsOf(shape), valueClass, i % 2 ? "several" : "one");
    },
    TIMEOUT_MS,
  );

  it(
    "is right where a head is too long for the module's scratch, and its rows are read as they lie",
    async () => {
      await checkAll(attentionDimsOf([1, 1040, 1, 1, 128]), "normal", "several");
    },
    TIMEOUT_MS,
  );

  it("lets no token see a later one or another document: changing them changes no bit", async () => {
    const dims = attentionDimsOf([1, 70, 2, 1, 8]);
    const start = new Uint32Array(70).fill(20, 20);
    const qkv = values("normal", 70 * 32, 1);
    const other = qkv.slice();
    other.fill(1e4, 0, 20 * 32).fill(-1e4, 45 * 32);
    const run = (data: Float32Array) =>
      runKernel(attention, { dims, inputs: { qkv: data, start }, outputs: { out: 70 * 16, lse: 70 * 2 }, device });
    const [a, b] = [await run(qkv), await run(other)];
    expect(b["out"]!.slice(20 * 16, 45 * 16)).toEqual(a["out"]!.slice(20 * 16, 45 * 16));
    expect(b["out"]!.slice(45 * 16)).not.toEqual(a["out"]!.slice(45 * 16));
  });

  it("does not read what dqkv held", async () => {
    const dims = attentionDimsOf([1, 33, 2, 1, 8]);
    const [qkv, dout, start] = [values("normal", 33 * 32, 1), values("normal", 33 * 16, 2), new Uint32Array(33)];
    const { lse, delta } = saved(qkv, start, dout, dims);
    const { dqkv } = await runKernel(attentionBackwardKV, {
      dims,
      inputs: { qkv, start, dout, lse, delta },
      outputs: { dqkv: qkv.length },
      device,
    });
    const after = new Float32Array(dqkv!.buffer);
    expect(after.some((x, i) => i % 32 >= 16 && Number.isNaN(x))).toBe(false);
  });
});
