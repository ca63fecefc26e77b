/** The losses' formulas against PyTorch's float64 (tests/fixtures/make_ops.py), and their gradients against central differences. */
import { describe, expect, it } from "vitest";
import { crossEntropy } from "../../src/kernels/cross-entropy.ts";
import { lossSum } from "../../src/kernels/loss-sum.ts";
import { tokenLogprobsBackward } from "../../src/kernels/token-logprobs-backward.ts";
import { tokenLogprobs } from "../../src/kernels/token-logprobs.ts";
import { floatsOf, idsOf, readFixture, worstError } from "../support/fixture-tensors.ts";
import { gradcheck, normals } from "../support/gradcheck.ts";

const ops = readFixture("ops.safetensors");
const f = (key: string): Float64Array => floatsOf(ops, key);
/** Both sides compute in f64; what is left is the order of sums. */
const TOLERANCE = 1e-12;

const nan = (length: number): Float64Array => new Float64Array(length).fill(NaN);

/** a (M, K) times b (K, N), either of them transposed in storage. */
function multiply(a: Float64Array, b: Float64Array, [M, K, N]: readonly [number, number, number], transposed: "" | "a" | "b" = ""): Float64Array {
  const out = new Float64Array(M * N);
  for (let m = 0; m < M; m++) {
    for (let n = 0; n < N; n++) {
      for (let k = 0; k < K; k++) out[m * N + n] += a[transposed === "a" ? k * M + m : m * K + k] * b[transposed === "b" ? n * K + k : k * N + n];
    }
  }
  return out;
}

function logprobsOf(logits: Float64Array, targets: Uint32Array): { logprob: Float64Array; lse: Float64Array } {
  const N = targets.length;
  const outputs = { logprob: nan(N), lse: nan(N) };
  tokenLogprobs.meaning({ logits, targets, ...outputs }, { N, V: logits.length / N });
  return outputs;
}

function logprobsGradient(logits: Float64Array, targets: Uint32Array, dlogprob: Float64Array): Float64Array {
  const N = targets.length;
  const gradient = logits.slice();
  tokenLogprobsBackward.meaning({ logits: gradient, targets, lse: logprobsOf(logits, targets).lse, dlogprob }, { N, V: logits.length / N });
  return gradient;
}

/** The mean loss over the rows that count, by the two kernels that a step launches, and what stands in the logits' place. */
function crossEntropyOf(logits: Float64Array, targets: Uint32Array, mask: Float64Array): { mean: number; gradient: Float64Array } {
  const N = targets.length;
  const counted = mask.reduce((sum, m) => sum + m, 0);
  const gradient = logits.slice();
  const loss = nan(N);
  crossEntropy.meaning({ logits: gradient, targets, mask, stepF: Float64Array.of(0, 0, 1 / counted, 1), loss }, { N, V: logits.length / N });
  const out = new Float64Array(2);
  lossSum.meaning({ loss, mask, out }, { size: N });
  expect(out[1]).toBe(counted);
  return { mean: out[0]! / out[1]!, gradient };
}

describe("the judge agrees with PyTorch in float64", () => {
  it("on the log-probabilities of tokens and the gradients of the head's input and weight", () => {
    const [x, w, targets] = [f("token_logprobs.in.x"), f("token_logprobs.in.w"), idsOf(ops, "token_logprobs.in.targets")];
    const [C, V] = ops.get("token_logprobs.in.w")!.shape as [number, number];
    const N = targets.length;
    const logits = multiply(x, w, [N, C, V]);
    expect(worstError(logprobsOf(logits, targets).logprob, f("token_logprobs.out"))).toBeLessThan(TOLERANCE);
    const dlogits = logprobsGradient(logits, targets, f("token_logprobs.dout"));
    expect(worstError(multiply(dlogits, w, [N, V, C], "b"), f("token_logprobs.d.x"))).toBeLessThan(TOLERANCE);
    expect(worstError(multiply(x, dlogits, [C, N, V], "a"), f("token_logprobs.d.w"))).toBeLessThan(TOLERANCE);
  });

  it("on masked cross-entropy and its gradient", () => {
    const { mean, gradient } = crossEntropyOf(f("masked_cross_entropy.in.logits"), idsOf(ops, "masked_cross_entropy.in.targets"), f("masked_cross_entropy.in.mask"));
    expect(worstError([mean], f("masked_cross_entropy.out"))).toBeLessThan(TOLERANCE);
    const [upstream] = f("masked_cross_entropy.dout");
    expect(worstError(gradient.map((value) => value * upstream!), f("masked_cross_entropy.d.logits"))).toBeLessThan(TOLERANCE);
  });
});

describe("each loss's backward is the derivative of its forward", () => {
  it.each([[1, 1], [1, 2], [4, 7], [3, 65]])("tokenLogprobs of %i rows of %i", (N, V) => {
    const targets = Uint32Array.from({ length: N }, (_, n) => (5 * n + 1) % V);
    const seen = gradcheck({
      inputs: { logits: normals(N * V, 1, 3) },
      forward: ({ logits }) => logprobsOf(logits!, targets).logprob,
      backward: ({ logits }, dout) => ({ logits: logprobsGradient(logits!, targets, dout) }),
    });
    expect(seen).toBe(N * V);
  });

  it.each([[1, 2], [5, 7], [3, 65]])("masked cross-entropy of %i rows of %i", (N, V) => {
    const targets = Uint32Array.from({ length: N }, (_, n) => (3 * n + 1) % V);
    const mask = Float64Array.from({ length: N }, (_, n) => (n % 3 === 2 ? 0 : 1));
    const seen = gradcheck({
      inputs: { logits: normals(N * V, 2, 3) },
      forward: ({ logits }) => Float64Array.of(crossEntropyOf(logits!, targets, mask).mean),
      backward: ({ logits }, [upstream]) => ({ logits: crossEntropyOf(logits!, targets, mask).gradient.map((value) => value * upstream!) }),
    });
    expect(seen).toBe(N * V);
  });
});

describe("the fused loss is the two-kernel one", () => {
  it("gives the loss -logprob and the gradient of dlogprob = -mask / targets, at logits where exp overflows too", () => {
    const [N, V] = [4, 33];
    const targets = Uint32Array.of(0, 32, 7, 7);
    for (const scale of [1, 1e4]) {
      const logits = normals(N * V, 3, scale);
      const fused = crossEntropyOf(logits, targets, new Float64Array(N).fill(1));
      const { logprob } = logprobsOf(logits, targets);
      expect(fused.mean).toBeCloseTo(-logprob.reduce((a, b) => a + b, 0) / N, 9 - Math.log10(scale));
      expect(worstError(fused.gradient, logprobsGradient(logits, targets, new Float64Array(N).fill(-1 / N)))).toBeLessThan(1e-11);
    }
  });
});
