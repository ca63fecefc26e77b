/**
 * Promise 11 for the kernels of loss, optimizer, decoding and sampling: without the adapter's bounds checks they give the same
 * bits, so none of them leans on a clamped read. (Writes are watched by the harness's canaries.)
 */
import { describe, expect, it } from "vitest";
import { adamw } from "../../src/kernels/adamw.ts";
import { crossEntropy } from "../../src/kernels/cross-entropy.ts";
import { decodeAttention } from "../../src/kernels/decode-attention.ts";
import { gatherRows } from "../../src/kernels/gather-rows.ts";
import { klToParent } from "../../src/kernels/kl-to-parent.ts";
import { kvStore } from "../../src/kernels/kv-store.ts";
import { lossSum } from "../../src/kernels/loss-sum.ts";
import { muonMomentum } from "../../src/kernels/muon-momentum.ts";
import { muonNormalise } from "../../src/kernels/muon-normalise.ts";
import { muonQuintic } from "../../src/kernels/muon-quintic.ts";
import { muonUpdate } from "../../src/kernels/muon-update.ts";
import { preferenceLoss } from "../../src/kernels/preference-loss.ts";
import { logBetaOf, prepareUpdate } from "../../src/kernels/prepare-update.ts";
import { pullBack } from "../../src/kernels/pull-back.ts";
import { sample } from "../../src/kernels/sample.ts";
import { sgd } from "../../src/kernels/sgd.ts";
import { sumSquares } from "../../src/kernels/sum-squares.ts";
import { tokenLogprobsBackward } from "../../src/kernels/token-logprobs-backward.ts";
import { tokenLogprobs } from "../../src/kernels/token-logprobs.ts";
import type { Bindings, Device, Dims, Kernel } from "../../src/device/types.ts";
import { DECODE_SHAPES, decodeInputs } from "../support/decode-cases.ts";
import { fittingVariants, runKernel, testDevice, values, type KernelCase } from "../support/kernel-harness.ts";
import { lossInputs } from "../support/loss-cases.ts";
import { TIMEOUT_MS } from "../support/row-cases.ts";

const stepF = Float32Array.of(1e-3, 1, 0.1, 1);
const stepU = Uint32Array.of(1, 2, 3, 4);

type Run = (device?: Device) => Promise<Record<string, Uint32Array>[]>;

/** What every variant that fits leaves behind. */
function every<const B extends Bindings, const D extends Dims>(kernel: Kernel<B, D>, testCase: Omit<KernelCase<B, D>, "bound" | "variants">): Run {
  return async (device) => {
    const left: Record<string, Uint32Array>[] = [];
    for (const variant of fittingVariants(kernel, testCase.dims)) left.push(await runKernel(kernel, device ? { ...testCase, device } : testCase, variant));
    return left;
  };
}

/** Runs on rows of logits whose ends lie off every workgroup's edge. */
function rowRuns(N: number, V: number): [string, Run][] {
  const { logits, targets } = lossInputs(N, V, "normal");
  const of = `${N} x ${V}`;
  const column = values("normal", N);
  return [
    [`tokenLogprobs ${of}`, every(tokenLogprobs, { dims: { N, V }, inputs: { logits, targets }, outputs: { logprob: N, lse: N } })],
    [`tokenLogprobsBackward ${of}`, every(tokenLogprobsBackward, { dims: { N, V }, inputs: { logits, targets, lse: column, dlogprob: column }, outputs: {} })],
    [`crossEntropy ${of}`, every(crossEntropy, { dims: { N, V }, inputs: { logits, targets, mask: new Float32Array(N).fill(1), stepF }, outputs: { loss: N } })],
    [`klToParent ${of}`, every(klToParent, { dims: { N, V, weight: 1 }, inputs: { logits, parent: values("normal", N * V, 5), mask: new Float32Array(N).fill(1), stepF }, outputs: {} })],
    [`preferenceLoss ${N} pairs of ${V}`, every(preferenceLoss, {
      dims: { P: N, T: V, beta: 0.1, alpha: 0.3 }, inputs: { logprob: values("normal", 2 * N * V, 6), mask: new Float32Array(2 * N * V).fill(1), expected: values("normal", 2 * N, 7), stepF }, outputs: { dlogprob: 2 * N * V, loss: N },
    })],
    [`lossSum ${of}`, every(lossSum, { dims: { size: V }, inputs: { loss: logits.slice(0, V), mask: logits.slice(0, V), out: new Float32Array(2) }, outputs: {} })],
    [`sumSquares ${of}`, every(sumSquares, { dims: { size: N * V, partials: 7 }, inputs: { inp: logits }, outputs: { partial: 7 } })],
    [`gatherRows ${of}`, every(gatherRows, { dims: { R: 2, C: V }, inputs: { inp: logits, index: Uint32Array.of(0, N - 1) }, outputs: { out: 2 * V } })],
    [`sample ${of}`, every(sample, { dims: { R: N, V }, inputs: { logits, options: Float32Array.of(1, 0.9), control: Uint32Array.of(1, 2, 3, 40) }, outputs: { token: N, prob: N } })],
    [`prepareUpdate ${of}`, every(prepareUpdate, {
      dims: { partials: V, logBeta1: logBetaOf(0.9), logBeta2: logBetaOf(0.999) },
      inputs: { partial: values("one-signed", V), stepF, stepU, counts: new Uint32Array(4) },
      outputs: { scalars: 4 },
    })],
  ];
}

const runs: [string, Run][] = [
  ...([[3, 65], [5, 257], [2, 1000]] as const).flatMap(([N, V]) => rowRuns(N, V)),
  ["adamw 260", every(adamw, {
    dims: { size: 260, beta1: 0.9, oneMinusBeta1: 0.1, beta2: 0.95, oneMinusBeta2: 0.05, eps: 1e-8, weightDecay: 0.1 },
    inputs: { param: values("normal", 260), grad: values("normal", 260, 2), m: values("normal", 260, 3), v: values("one-signed", 260), stepF, counts: new Uint32Array(4), scalars: Float32Array.of(1, 1, 0.1, 0.1) },
    outputs: {},
  })],
  ["pullBack 260", every(pullBack, { dims: { size: 260, weight: 0.5 }, inputs: { param: values("normal", 260), anchor: values("normal", 260, 2), stepF, grad: values("normal", 260, 3) }, outputs: {} })],
  ["sgd 260", every(sgd, {
    dims: { size: 260, momentum: 0.9, nesterov: 1, weightDecay: 0.1 },
    inputs: { param: values("normal", 260), grad: values("normal", 260, 2), m: values("normal", 260, 3), stepF, counts: new Uint32Array(4), scalars: Float32Array.of(1, 1, 0.1, 0.1) }, outputs: {},
  })],
  ["muonMomentum 5 x 7 of 21", every(muonMomentum, {
    dims: { rows: 5, columns: 7, stride: 21, first: 14, momentum: 0.95, oneMinusMomentum: 0.05, nesterov: 1 },
    inputs: { grad: values("normal", 105), m: values("normal", 105, 2), counts: new Uint32Array(4), scalars: Float32Array.of(1, 1, 0.1, 0.1) }, outputs: { out: 35 },
  })],
  ["muonNormalise 35", every(muonNormalise, { dims: { size: 35, partials: 64, eps: 1e-7 }, inputs: { x: values("normal", 35), partial: values("one-signed", 64) }, outputs: {} })],
  ["muonQuintic 5", every(muonQuintic, { dims: { N: 5, a: 3.4445, b: -4.775, c: 2.0315 }, inputs: { gram: values("normal", 25), square: values("normal", 25, 2) }, outputs: {} })],
  ["muonUpdate 5 x 7 of 21", every(muonUpdate, {
    dims: { rows: 5, columns: 7, stride: 21, first: 14, scale: 2, weightDecay: 0.1 },
    inputs: { param: values("normal", 105), x: values("normal", 35, 2), stepF, counts: new Uint32Array(4) }, outputs: {},
  })],
  ...DECODE_SHAPES.slice(10, 25).flatMap((dims): [string, Run][] => {
    const { R, T, NH, NKV, HS } = dims;
    const qkv = values("normal", R * T * (NH + 2 * NKV) * HS);
    return [
      [`decodeAttention ${JSON.stringify(dims)}`, every(decodeAttention, { dims, inputs: decodeInputs(dims, "normal"), outputs: { out: R * NH * HS } })],
      [`kvStore ${JSON.stringify(dims)}`, every(kvStore, { dims, inputs: { qkv }, outputs: { cache: R * 2 * T * NKV * HS } })],
    ];
  }),
];

describe("without robust buffer access", () => {
  it.each(runs)("%s gives the same bits", async (_, run) => {
    const unchecked = await testDevice({ toggles: ["disable_robustness"] });
    const checked = await run();
    expect(checked.length).toBeGreaterThan(0);
    expect(await run(unchecked)).toEqual(checked);
  }, TIMEOUT_MS);
});
