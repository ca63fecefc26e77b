/**
 * A hundred updates as a plan records them, on gradients given by hand and matrices of many shapes, against the textbooks in f64: wide, tall, square, of
 * one row or column, odd sizes, several side by side, of rank one, and without any gradient. The trainer's part in it: tests/promises/optimizers.
 */
import { describe, expect, it } from "vitest";
import { compilePlan } from "../../src/plan/compile.ts";
import { layOutParameters, type ParameterSpec } from "../../src/plan/parameters.ts";
import { newTensor } from "../../src/plan/tensor.ts";
import { COUNTS_LENGTH, METRIC_COLUMNS, recordUpdate, SCALARS_LENGTH, STEP_F_LENGTH, STEP_U_LENGTH } from "../../src/plan/update.ts";
import type { OptimizerConfig } from "../../src/protocol/recipe.ts";
import { devices } from "../support/micro.ts";
import { boundOf, distance, textbookPair, worstShare } from "../support/optimizer-textbook.ts";
import { values } from "../support/values.ts";

const STEPS = 100;
const config: OptimizerConfig = {
  learning_rate: 1e-2, adam_learning_rate: 3e-3, schedule: "constant", warmup_iters: 0, min_lr: 0, beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1, grad_clip: 5,
  momentum: 0.9, nesterov: true, ns_steps: 5,
};

const spec = (name: string, shape: readonly number[], hidden?: ParameterSpec["hidden"]): ParameterSpec =>
  ({ name, shape, decay: shape.length > 1, trainable: true, init: { kind: "constant", value: 0 }, ...(hidden && { hidden }) });
const specs: readonly ParameterSpec[] = [
  spec("square", [16, 16], { outputs: "rows", sideBySide: 1 }), spec("wide", [16, 48], { outputs: "rows", sideBySide: 1 }), spec("wide, its outputs in columns", [16, 48], { outputs: "columns", sideBySide: 1 }),
  spec("tall", [80, 32], { outputs: "rows", sideBySide: 1 }), spec("odd", [5, 7], { outputs: "columns", sideBySide: 1 }), spec("odd and tall", [33, 3], { outputs: "rows", sideBySide: 1 }),
  spec("one row", [1, 40], { outputs: "columns", sideBySide: 1 }), spec("one column", [40, 1], { outputs: "rows", sideBySide: 1 }),
  spec("three side by side", [16, 48], { outputs: "columns", sideBySide: 3 }), spec("odd ones side by side", [9, 15], { outputs: "columns", sideBySide: 3 }),
  spec("of rank one", [24, 40], { outputs: "rows", sideBySide: 1 }), spec("without gradient", [12, 20], { outputs: "columns", sideBySide: 1 }),
  spec("embedding", [20, 16]), spec("gain", [16]),
];
const size = (shape: readonly number[]): number => shape.reduce((product, side) => product * side, 1);

/** Ever different in size, so that some steps are clipped and some are not. */
function gradientOf({ name, shape }: ParameterSpec, index: number, step: number): Float32Array {
  const scale = step % 3 === 0 ? 1e-3 : step % 3 === 1 ? 0.05 : 3;
  if (name === "without gradient") return new Float32Array(size(shape));
  if (name !== "of rank one") return values("normal", size(shape), 1 + 31 * step + index).map((g) => scale * g);
  const [row, column] = [values("normal", shape[0]!, 9), values("normal", shape[1]!, 10)];
  return Float32Array.from({ length: size(shape) }, (_, i) => scale * row[Math.floor(i / shape[1]!)]! * column[i % shape[1]!]!);
}

const start = new Map(specs.map((each, i) => [each.name, values("normal", size(each.shape), 500 + i)]));
const gradients = Array.from({ length: STEPS }, (_, step) => new Map(specs.map((each, i) => [each.name, gradientOf(each, i, step)])));

/** Where the textbooks end, once for all devices. */
function textbooks(type: "muon" | "sgd"): ReturnType<typeof textbookPair> {
  const pair = textbookPair({ ...config, type }, new Map(specs.map(({ name, shape, decay, hidden }) =>
    [name, { shape, w: Float64Array.from(start.get(name)!), decays: decay, ...(hidden && { muon: { outputs: hidden.outputs, parts: hidden.sideBySide } }) }])));
  for (const found of gradients) for (const textbook of [pair.exact, pair.rounded]) textbook.step(config.learning_rate, found);
  return pair;
}
const ends = { muon: textbooks("muon"), sgd: textbooks("sgd") };

const state = (name: string, length: number, type: "f32" | "u32" = "f32") => newTensor(name, [length], "inputs", type);

describe.each(devices)("on %s", (device, open) => {
  it.each(["muon", "sgd"] as const)(`%s is the textbook's over ${STEPS} updates of matrices of every shape`, async (type) => {
    const optimizer: OptimizerConfig = { ...config, type };
    const parameters = layOutParameters(specs, 2 ** 27, type);
    const tensors = {
      stepF: state("step f32", STEP_F_LENGTH), stepU: state("step u32", STEP_U_LENGTH, "u32"), ...(type === "muon" && { stepFRest: state("step f32 of AdamW", STEP_F_LENGTH) }),
      lossSum: state("loss sum", 2), counts: state("counts", COUNTS_LENGTH, "u32"), scalars: state("scalars", SCALARS_LENGTH), ring: newTensor("ring", [4, METRIC_COLUMNS], "outputs"),
    };
    const plan = await compilePlan(await open(), [recordUpdate(parameters, tensors, optimizer)]);
    for (const { grad, m, v } of parameters.buckets) for (const tensor of [grad, m, v]) if (tensor) plan.write(tensor, new Float32Array(tensor.shape[0]!));
    for (const [name, data] of start) plan.write(parameters.get(name), data);
    for (const [tensor, data] of [[tensors.counts, new Uint32Array(COUNTS_LENGTH)], [tensors.stepU, new Uint32Array(STEP_U_LENGTH)], [tensors.lossSum, new Float32Array(2)]] as const) plan.write(tensor, data);
    plan.write(tensors.stepF, Float32Array.of(config.learning_rate, config.grad_clip, 1, 1));
    if (tensors.stepFRest) plan.write(tensors.stepFRest, Float32Array.of(config.adam_learning_rate!, config.grad_clip, 1, 1));
    for (const found of gradients) {
      for (const [name, gradient] of found) plan.write(parameters.get(name).grad!, gradient);
      plan.device.submit(plan.run("update"));
    }
    const { exact, rounded } = ends[type];
    let worst = { share: 0, name: "" };
    for (const { name, shape, hidden } of specs) {
      const got = await plan.readF32(parameters.get(name));
      const { w } = exact.parameters.get(name)!;
      const share = type === "muon" && hidden ? distance(got, w) / boundOf(w, rounded.parameters.get(name)!.w, Math.max(...shape)) : worstShare(got, w);
      expect(share, name).toBeLessThanOrEqual(1);
      if (share > worst.share) worst = { share, name };
    }
    plan.destroy();
    console.info(`${type} on ${device}: worst ${worst.share.toFixed(3)} of its bound (${worst.name})`);
  });
});
