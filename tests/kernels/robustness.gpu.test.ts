/**
 * Promise 11 for the kernels of loss, optimizer, decoding and sampling: without the adapter's bounds checks they give the same
 * bits, so none of them leans on a clamped read. (Writes are watched by the harness's canaries.)
 */
import { describe, expect, it } from "vitest";
import { adamw } from "../../src/kernels/adamw.ts";
import { crossEntropy } from "../../src/kernels/cross-entropy.ts";
import { decodeAttention } from "../../src/kernels/decode-attention.ts";
import { gatherRows } from "../../src/kernels/gather-rows.ts";
import { kvStore } from "../../src/kernels/kv-store.ts";
import { lossSum } from "../../src/kernels/loss-sum.ts";
import { logBetaOf, prepareUpdate } from "../../src/kernels/prepare-update.ts";
import { sample } from "../../src/kernels/sample.ts";
import { sumSquares } from "../../src/kernels/sum-squares.ts";
import { tokenLogprobsBackward } from "../../src/kernels/token-logprobs-backward.ts";
import { tokenLogprobs } from "../../src/kernels/token-logprobs.ts";
import type { Device } from "../../src/device/types.ts";
import { DECODE_SHAPES, decodeInputs } from "../support/decode-cases.ts";
import { runKernel, testDevice, values } from "../support/kernel-harness.ts";
import { lossInputs } from "../support/loss-cases.ts";
import { TIMEOUT_MS } from "../support/row-cases.ts";

const stepF = Float32Array.of(1e-3, 1, 0.1, 1);
const stepU = Uint32Array.of(1, 2, 3, 4);

type Run = (device?: Device) => Promise<Record<string, Uint32Array>>;

/** Runs on rows of logits whose ends lie off every workgroup's edge. */
function rowRuns(N: number, V: number): [string, Run][] {
  const { logits, targets } = lossInputs(N, V, "normal");
  const of = `${N} x ${V}`;
  const column = values("normal", N);
  return [
    [`tokenLogprobs ${of}`, (device) => runKernel(tokenLogprobs, { dims: { N, V }, inputs: { logits, targets }, outputs: { logprob: N, lse: N }, device })],
    [`tokenLogprobsBackward ${of}`, (device) => runKernel(tokenLogprobsBackward, { dims: { N, V }, inputs: { logits, targets, lse: column, dlogprob: column }, outputs: {}, device })],
    [`crossEntropy ${of}`, (device) => runKernel(crossEntropy, { dims: { N, V }, inputs: { logits, targets, mask: new Float32Array(N).fill(1), stepF }, outputs: { loss: N }, device })],
    [`lossSum ${of}`, (device) => runKernel(lossSum, { dims: { size: V }, inputs: { loss: logits.slice(0, V), mask: logits.slice(0, V), out: new Float32Array(2) }, outputs: {}, device })],
    [`sumSquares ${of}`, (device) => runKernel(sumSquares, { dims: { size: N * V, partials: 7 }, inputs: { inp: logits }, outputs: { partial: 7 }, device })],
    [`gatherRows ${of}`, (device) => runKernel(gatherRows, { dims: { R: 2, C: V }, inputs: { inp: logits, index: Uint32Array.of(0, N - 1) }, outputs: { out: 2 * V }, device })],
    [`sample ${of}`, (device) => runKernel(sample, { dims: { R: N, V }, inputs: { logits, options: Float32Array.of(1, 0.9), control: Uint32Array.of(1, 2, 3, 40) }, outputs: { token: N, prob: N }, device })],
    [`prepareUpdate ${of}`, (device) => runKernel(prepareUpdate, {
      dims: { partials: V, logBeta1: logBetaOf(0.9), logBeta2: logBetaOf(0.999) },
      inputs: { partial: values("one-signed", V), stepF, stepU, counts: new Uint32Array(4) },
      outputs: { scalars: 4 },
      device,
    })],
  ];
}

const runs: [string, Run][] = [
  ...([[3, 65], [5, 257], [2, 1000]] as const).flatMap(([N, V]) => rowRuns(N, V)),
  ["adamw 260", (device) => runKernel(adamw, {
    dims: { size: 260, beta1: 0.9, oneMinusBeta1: 0.1, beta2: 0.95, oneMinusBeta2: 0.05, eps: 1e-8, weightDecay: 0.1 },
    inputs: { param: values("normal", 260), grad: values("normal", 260, 2), m: values("normal", 260, 3), v: values("one-signed", 260), stepF, counts: new Uint32Array(4), scalars: Float32Array.of(1, 1, 0.1, 0.1) },
    outputs: {},
    device,
  })],
  ...DECODE_SHAPES.slice(10, 25).flatMap((dims): [string, Run][] => {
    const { R, T, NH, NKV, HS } = dims;
    const qkv = values("normal", R * T * (NH + 2 * NKV) * HS);
    return [
      [`decodeAttention ${JSON.stringify(dims)}`, (device) => runKernel(decodeAttention, { dims, inputs: decodeInputs(dims, "normal"), outputs: { out: R * NH * HS }, device })],
      [`kvStore ${JSON.stringify(dims)}`, (device) => runKernel(kvStore, { dims, inputs: { qkv }, outputs: { cache: R * 2 * T * NKV * HS }, device })],
    ];
  }),
];

describe("without robust buffer access", () => {
  it.each(runs)("%s gives the same bits", async (_, run) => {
    const unchecked = await testDevice({ toggles: ["disable_robustness"] });
    expect(await run(unchecked)).toEqual(await run());
  }, TIMEOUT_MS);
});
