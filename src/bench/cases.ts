/** What the kernel suites time: every launch of a reference training step, and sweeps beside them. From recordings, not from a list kept by hand. */
import type { Kernel } from "../device/types.ts";
import { attention } from "../kernels/attention.ts";
import { copy } from "../kernels/copy.ts";
import { matmulNN, matmulNT, matmulTN } from "../kernels/matmul.ts";
import { softmax } from "../kernels/softmax.ts";
import { Recorder, type RecordedLaunch } from "../plan/recorder.ts";
import type { LlamaConfig } from "../model/llama.ts";
import { newTensor, type Tensor } from "../plan/tensor.ts";
import { ownKey } from "../plan/variants.ts";
import { workOf } from "../plan/work.ts";
import type { BenchRequest, Suite } from "../protocol/bench.ts";
import type { Dtype } from "../protocol/recipe.ts";
import { recordTraining, type TrainingPrograms } from "../training/programs.ts";
import type { Case } from "./kernel-rows.ts";
import { REFERENCE_BATCH, REFERENCE_CONFIGS, REFERENCE_OPTIMIZER, type ReferenceName } from "./reference.ts";

/** Which kernels of a step belong to which suite. */
const OF_STEP: Readonly<Partial<Record<Suite, RegExp>>> = {
  matmul: /^matmul/, attention: /^attention/, norms: /norm/i, "cross-entropy": /^(crossEntropy|tokenLogprobs|lossSum)/, adamw: /^(adamw|sumSquares)/,
};
const SQUARES = [256, 512, 1024];
const SOFTMAX = [[2048, 256], [4096, 1024]] as const;
const CONTEXTS = [128, 256, 512, 1024];
const COPY_BYTES = [1 << 20, 1 << 24, 1 << 26];

export const referencePrograms = (name: ReferenceName, maxBindingBytes: number, dtype: Dtype = "float32"): TrainingPrograms =>
  recordTraining({ config: REFERENCE_CONFIGS[name], lora: null, optimizer: REFERENCE_OPTIMIZER, batchSize: REFERENCE_BATCH, maxBindingBytes, quiz: false, dtype });

/** What one optimizer step launches. */
export const stepLaunches = ({ recordings }: Pick<TrainingPrograms, "recordings">): RecordedLaunch[] =>
  recordings.filter(({ name }) => name === "micro" || name === "update").flatMap(({ launches }) => launches);

const f32 = (name: string, ...shape: number[]): Tensor => newTensor(name, shape, "inputs");
const shapeOf = (dims: Readonly<Record<string, number>>): string => Object.entries(dims).map(([name, size]) => `${name} ${Number(size.toPrecision(6))}`).join(", ");

function single(kernel: Kernel<never, never>, tensors: Readonly<Record<string, Tensor>>, dims: Readonly<Record<string, number>>): RecordedLaunch {
  const recorder = new Recorder("bench", false);
  recorder.launch(kernel, tensors as never, dims as never);
  return recorder.launches[0]!;
}

function product(form: "NN" | "NT" | "TN", M: number, N: number, K: number): Case {
  const kernel = { NN: matmulNN, NT: matmulNT, TN: matmulTN }[form];
  const tensors = { a: f32("a", ...(form === "TN" ? [K, M] : [M, K])), b: f32("b", ...(form === "NT" ? [N, K] : [K, N])), out: f32("out", M, N) };
  return { suite: "matmul", name: kernel.name, shape: `M ${M}, N ${N}, K ${K}`, recorded: single(kernel as never, tensors, { M, N, K, accumulate: 0, alpha: 1 }) };
}

function attentionOver(T: number, B: number, NH = 4, HS = 32): Case {
  const N = B * T;
  const tensors = { qkv: f32("qkv", N, 3 * NH * HS), start: newTensor("start", [N], "inputs", "u32"), out: f32("out", N, NH * HS), lse: f32("lse", N, NH) };
  const dims = { B, T, NH, NKV: NH, HS };
  return { suite: "attention", name: "attention", shape: shapeOf(dims), recorded: single(attention as never, tensors, dims) };
}

/** The other family at the size of `tiny`: for the kernels that a GPT-2 has not. Nothing is compared with other trainers here. */
const LLAMA: LlamaConfig = {
  family: "llama", n_layer: 2, n_head: 4, n_kv_head: 2, n_embd: 64, intermediate_size: 176, block_size: 64, rope_theta: 10_000, rms_norm_eps: 1e-5, dropout: 0, tie_word_embeddings: false, vocab_size: 512,
};
const llamaPrograms = (maxBindingBytes: number): TrainingPrograms =>
  recordTraining({ config: LLAMA, lora: null, optimizer: REFERENCE_OPTIMIZER, batchSize: REFERENCE_BATCH, maxBindingBytes, quiz: false });

/** Launches of the reference steps whose kernels fit, each once, with how often a step has it. */
function ofSteps(fits: (kernel: string) => boolean, names: readonly (ReferenceName | "llama")[], maxBindingBytes: number, dtype: Dtype = "float32"): Omit<Case, "suite">[] {
  const cases = new Map<string, Omit<Case, "suite">>();
  for (const name of names) {
    for (const recorded of stepLaunches(name === "llama" ? llamaPrograms(maxBindingBytes) : referencePrograms(name, maxBindingBytes, dtype))) {
      if (!fits(recorded.kernel.name)) continue;
      const key = `${name} ${ownKey(recorded)}`;
      const dims = Object.fromEntries(Object.keys(recorded.kernel.dims).map((dim, i) => [dim, recorded.dims[i]!]));
      cases.set(key, { name: recorded.kernel.name, shape: `${shapeOf(dims)} (${name})`, recorded, launches: (cases.get(key)?.launches ?? 0) + 1 });
    }
  }
  return [...cases.values()];
}

/** What the suites time beside the launches of a step. */
const BESIDE = ["matmul", "attention", "softmax", "copy"] as const satisfies readonly Suite[];

/** Every launch that the reference steps or a suite have, of one kernel or of all, the least work first; of the kernels that only a Llama has, its. */
export function casesOfKernel(kernel: string | null, maxBindingBytes: number): Omit<Case, "suite">[] {
  const beside = BESIDE.flatMap((suite) => casesOf(suite, { suites: [suite] }, maxBindingBytes).filter(({ launches }) => launches === undefined));
  const own = ofSteps((name) => kernel === null || name === kernel, ["tiny", "small"], maxBindingBytes);
  const known = new Set(own.map(({ name }) => name));
  const others = ofSteps((name) => (kernel === null || name === kernel) && !known.has(name), ["llama"], maxBindingBytes);
  return [...beside.filter(({ name }) => kernel === null || name === kernel), ...own, ...others]
    .toSorted((a, b) => workOf(a.recorded) - workOf(b.recorded));
}

/** The launches of a kernel suite; empty for the suites that are whole runs. */
export function casesOf(suite: Suite, { quick = false, product: asked, contexts, dtypes = ["float32"] }: BenchRequest, maxBindingBytes: number): Case[] {
  const pattern = OF_STEP[suite];
  const found = pattern ? dtypes.flatMap((dtype) => ofSteps((name) => pattern.test(name), quick ? ["tiny"] : ["tiny", "small"], maxBindingBytes, dtype)) : [];
  // What a step launches whatever it stores is timed once.
  const own = [...new Map(found.map((one): [string, Case] => [`${one.name} ${one.shape}`, { ...one, suite }])).values()];
  if (suite === "matmul") {
    const squares = (quick ? [256] : SQUARES).flatMap((size) => (["NN", "NT", "TN"] as const).map((form) => product(form, size, size, size)));
    return [...(asked ? (["NN", "NT", "TN"] as const).map((form) => product(form, asked.M, asked.N, asked.K)) : []), ...squares, ...own];
  }
  if (suite === "attention") return [...(contexts ?? (quick ? [128] : CONTEXTS)).map((T) => attentionOver(T, T <= 256 ? 4 : 1)), ...own];
  if (suite === "softmax") {
    return SOFTMAX.slice(0, quick ? 1 : 2).map(([N, C]) => ({ suite, name: "softmax", shape: `N ${N}, C ${C}`, recorded: single(softmax as never, { inp: f32("inp", N, C), out: f32("out", N, C) }, { N, C }) }));
  }
  if (suite === "copy") {
    return COPY_BYTES.slice(0, quick ? 2 : 3).map((bytes) => ({ suite, name: "copy", shape: `${bytes / 2 ** 20} MiB`, recorded: single(copy as never, { inp: f32("inp", bytes / 4), out: f32("out", bytes / 4) }, { size: bytes / 4 }) }));
  }
  return own;
}
