/**
 * SGD and Muon as promise 4 has AdamW: through the trainer, a hundred steps with decay groups, clipping and a changing rate, against the textbook in
 * f64 (tests/support/optimizer-textbook.ts), on both devices; and that each learns, leaves a step out whose gradient is not finite, and keeps no moment it has no use for.
 */
import { describe, expect, it } from "vitest";
import { NestlingError } from "../../src/core/errors.ts";
import type { OptimizerConfig } from "../../src/protocol/recipe.ts";
import { FIELDS } from "../../src/protocol/recipe-fields.ts";
import type { StepMetrics, Trainer } from "../../src/training/trainer.ts";
import { devices, differentBits, gradients, losses, microOptimizer, microPrograms, microSource, microTrainer, unevenMasks, type FamilyName } from "../support/micro.ts";
import { boundOf, distance, type Textbook, textbookPair, worstShare, type TextbookParameter } from "../support/optimizer-textbook.ts";

const STEPS = 100;
const DECAY = 40;

/** Clips in some steps and not in others; the rate rises for 10 steps, stays, and falls for 40. */
const common: OptimizerConfig = { ...microOptimizer, schedule: "wsd", warmup_iters: 10, decay_iters: DECAY, min_lr: 1e-4, grad_clip: 1.4, weight_decay: 0.1 };
const sgd: OptimizerConfig = { ...common, type: "sgd", learning_rate: 0.1, momentum: 0.9, nesterov: false, grad_clip: 2 };
const muon: OptimizerConfig = { ...common, type: "muon", learning_rate: 2e-2, adam_learning_rate: 5e-3, momentum: 0.95, nesterov: true, ns_steps: 5 };

/** Warm-up, stable, decay, from its description. */
function rate({ learning_rate, min_lr }: OptimizerConfig, step: number): number {
  if (step < 10) return (learning_rate * (step + 1)) / 11;
  return step < STEPS - DECAY ? learning_rate : learning_rate + ((min_lr - learning_rate) * (step - (STEPS - DECAY))) / DECAY;
}

/** What Jordan gives to Muon: matrices of the blocks, queries, keys and values each alone. GPT-2's weights lie (in, out), Llama's (out, in). */
function textbookParameter(name: string, shape: readonly number[], data: Float32Array): TextbookParameter {
  const hidden = shape.length === 2 && /\.(h|layers)\.\d+\./.test(name);
  const muonOf = { outputs: name.startsWith("model.") ? "rows" : "columns", parts: name.endsWith("c_attn.weight") ? 3 : 1 } as const;
  return { shape, w: Float64Array.from(data), decays: shape.length === 2, ...(hidden && { muon: muonOf }) };
}

interface Followed {
  readonly trainer: Trainer;
  readonly exact: Textbook;
  readonly rounded: Textbook;
  readonly metrics: readonly StepMetrics[];
  readonly start: ReadonlyMap<string, Float32Array>;
}

/** Steps, each also taken by the textbooks with the gradients that the device had. */
async function follow(open: () => Promise<Parameters<typeof microTrainer>[0]>, optimizer: OptimizerConfig, family: FamilyName): Promise<Followed> {
  const trainer = await microTrainer(await open(), { family, optimizer, stage: { max_iters: STEPS, gradient_accumulation_steps: 2 }, source: unevenMasks(microSource()) });
  const { weights } = await trainer.snapshot(false);
  const parameters = new Map([...weights].map(([name, { shape, data }]) => [name, textbookParameter(name, shape, data)]));
  const { exact, rounded } = textbookPair(optimizer, parameters);
  const metrics: StepMetrics[] = [];
  for (let step = 0; step < STEPS; step++) {
    trainer.takeStep();
    metrics.push(...(await trainer.readMetrics()));
    const found = await gradients(trainer);
    for (const textbook of [exact, rounded]) textbook.step(rate(optimizer, step), found);
  }
  return { trainer, exact, rounded, metrics, start: new Map([...weights].map(([name, { data }]) => [name, data])) };
}

function checkMetrics(metrics: readonly StepMetrics[], optimizer: OptimizerConfig): void {
  expect(Math.max(...metrics.map(({ lr }, step) => Math.abs(lr / rate(optimizer, step) - 1)))).toBeLessThanOrEqual(1e-6);
  const clipped = metrics.filter(({ gradNorm }) => gradNorm > optimizer.grad_clip).length;
  expect(clipped).toBeGreaterThan(5);
  expect(clipped).toBeLessThan(STEPS - 5);
}

describe.each(devices)("the trainer on %s", (device, open) => {
  it.each([false, true])(`is torch.optim.SGD over ${STEPS} steps of wsd, within rtol 1e-5 atol 1e-6, nesterov %s`, async (nesterov) => {
    const optimizer = { ...sgd, nesterov };
    const { trainer, exact, metrics } = await follow(open, optimizer, "gpt2");
    const last = await trainer.snapshot(true);
    trainer.destroy();
    let worst = 0;
    for (const [name, { w }] of exact.parameters) {
      const share = Math.max(worstShare(last.weights.get(name)!.data, w), worstShare(last.m.get(name)!, exact.states.get(name)!.first));
      expect(share, name).toBeLessThanOrEqual(1);
      worst = Math.max(worst, share);
    }
    console.info(`SGD on ${device}, nesterov ${nesterov}: worst ${worst.toFixed(3)} of rtol 1e-5 atol 1e-6`);
    checkMetrics(metrics, optimizer);
    expect([last.m.size, last.v.size]).toEqual([exact.parameters.size, 0]);
  });

  it.each(device === "CPU" ? (["gpt2", "llama"] as const) : (["gpt2"] as const))(`is Muon over the matrices of %s and AdamW over the rest, over ${STEPS} steps of wsd`, async (family) => {
    const { trainer, exact, rounded, metrics, start } = await follow(open, muon, family);
    const last = await trainer.snapshot(true);
    trainer.destroy();
    let [worst, worstRest, widest] = [0, 0, 0];
    for (const [name, { w, shape, muon: byMuon }] of exact.parameters) {
      const got = last.weights.get(name)!.data;
      if (byMuon) {
        const allowed = boundOf(w, rounded.parameters.get(name)!.w, Math.max(...shape));
        const share = distance(got, w) / allowed;
        expect(share, name).toBeLessThanOrEqual(1);
        widest = Math.max(widest, allowed / distance(w, start.get(name)!));
        expect(last.v.has(name), name).toBe(false);
        worst = Math.max(worst, share);
      } else worstRest = Math.max(worstRest, worstShare(got, w));
      expect(worstShare(last.m.get(name)!, exact.states.get(name)!.first), name).toBeLessThanOrEqual(1);
    }
    console.info(`Muon on ${device}, ${family}: worst ${worst.toFixed(3)} of its bound, which is ${widest.toExponential(1)} of the way at most; the rest ${worstRest.toFixed(3)} of rtol 1e-5 atol 1e-6`);
    expect(worstRest).toBeLessThanOrEqual(1);
    // What would be wrong is far outside: one iteration less, or queries, keys and values as one, moves weights by a tenth of their way and more.
    expect(widest).toBeLessThan(1e-3);
    expect(last.v.size).toBeGreaterThan(0);
    checkMetrics(metrics, muon);
  });

  it.each([["SGD", sgd], ["Muon", muon]] as const)("learns with %s", async (_name, optimizer) => {
    const trainer = await microTrainer(await open(), { optimizer, stage: { max_iters: STEPS } });
    const found = await losses(trainer, STEPS);
    trainer.destroy();
    const mean = (list: readonly number[]): number => list.reduce((sum, loss) => sum + loss, 0) / list.length;
    console.info(`${optimizer.type} on ${device}: loss ${mean(found.slice(0, 5)).toFixed(3)} to ${mean(found.slice(-5)).toFixed(3)} in ${STEPS} steps`);
    // ln 65 = 4.17 is a guess; a fifth of the tokens are noise.
    expect(mean(found.slice(-5))).toBeLessThan(mean(found.slice(0, 5)) - 0.4);
  });
});

describe.each(devices)("on %s a step whose gradient is not finite", (_device, open) => {
  it.each([["SGD", sgd, NaN], ["SGD", sgd, Infinity], ["Muon", muon, NaN], ["Muon", muon, Infinity]] as const)("changes no bit of weights or moments with %s, and the next good one does", async (_name, optimizer, bad) => {
    const trainer = await microTrainer(await open(), { optimizer });
    await losses(trainer, 2);
    const before = await trainer.snapshot(true);
    const weight = trainer.programs.parameters.get("transformer.h.0.attn.c_attn.weight");
    trainer.plan.write(weight.grad!, new Float32Array(weight.shape[0]! * weight.shape[1]!).fill(bad, 100, 101));
    trainer.plan.device.submit(trainer.plan.run("update"));
    const after = await trainer.snapshot(true);
    for (const [name, { data }] of before.weights) expect(differentBits(after.weights.get(name)!.data, data), name).toBe(0);
    for (const kind of ["m", "v"] as const) for (const [name, data] of before[kind]) expect(differentBits(after[kind].get(name)!, data), `${kind} of ${name}`).toBe(0);
    expect(after.counts[1]).toBe(1);
    trainer.restore(before);
    await losses(trainer, 1);
    const next = await trainer.snapshot(false);
    trainer.destroy();
    for (const [name, { data }] of before.weights) expect(differentBits(next.weights.get(name)!.data, data), name).toBeGreaterThan(0);
  });

  it("stops the run and is named, with both", async () => {
    for (const optimizer of [sgd, muon]) {
      const trainer = await microTrainer(await open(), { optimizer });
      await losses(trainer, 1);
      const norm = trainer.programs.parameters.get("transformer.h.0.ln_2.weight");
      trainer.plan.write(norm, new Float32Array(norm.shape[0]!).fill(NaN));
      const before = await trainer.snapshot(false);
      trainer.takeStep();
      await expect(trainer.readMetrics()).rejects.toThrow(NestlingError);
      const after = await trainer.snapshot(false);
      trainer.destroy();
      for (const [name, { data }] of before.weights) expect(differentBits(after.weights.get(name)!.data, data), name).toBe(0);
    }
  });
});

describe("what is recorded", () => {
  const update = (optimizer: Partial<OptimizerConfig>, family: FamilyName = "gpt2") => microPrograms({ optimizer, family }).recordings[1]!.launches;

  it("takes the table's fallbacks where a recipe says nothing", () => {
    for (const type of ["adamw", "sgd", "muon"] as const) {
      const fallbacks = FIELDS.flatMap(({ path, fallback, only }) => (path.startsWith("stages.*.optimizer.") && only?.key === "type" && only.is.includes(type) && fallback !== undefined ? [[path.split(".").at(-1)!, fallback]] : []));
      const dims = (optimizer: Partial<OptimizerConfig>): unknown => update(optimizer).map((launch) => [launch.label, launch.dims]);
      expect(dims({ type })).toEqual(dims({ type, ...Object.fromEntries(fallbacks) }));
      expect(fallbacks.length).toBe({ adamw: 0, sgd: 2, muon: 4 }[type]);
    }
    expect(update({ type: "adamw" }).map(({ label, dims }) => [label, dims])).toEqual(update({}).map(({ label, dims }) => [label, dims]));
  });

  it("is one launch a bucket with SGD, and 4 + 4 ns_steps a matrix with Muon: 24 for each of six matrices of a GPT-2 block, seven of a Llama's", () => {
    const count = (optimizer: Partial<OptimizerConfig>, family?: FamilyName): number => update(optimizer, family).length;
    // Norms of two or three buckets, the decision, a rule a bucket, the row of metrics.
    expect([count({}), count({ type: "sgd" }), count({ type: "muon" }), count({ type: "muon", ns_steps: 3 }), count({ type: "muon" }, "llama")]).toEqual([6, 6, 7 + 6 * 24, 7 + 6 * 16, 7 + 7 * 24]);
  });

  it("keeps one moment with SGD, a second with Muon for the rest alone, and both with AdamW", () => {
    const bytes = (type: OptimizerConfig["type"]): number[] => {
      const { buckets, specs } = microPrograms({ optimizer: type === undefined ? {} : { type } }).parameters;
      const sum = (kind: "param" | "m" | "v"): number => buckets.reduce((total, bucket) => total + (bucket[kind]?.storage.sizeBytes ?? 0), 0);
      expect(specs.every(({ hidden }) => hidden === undefined || hidden.sideBySide > 0)).toBe(true);
      return [sum("m") / sum("param"), sum("v") / sum("param")];
    };
    expect(bytes(undefined)).toEqual([1, 1]);
    expect(bytes("sgd")).toEqual([1, 0]);
    const [m, v] = bytes("muon") as [number, number];
    expect(m).toBe(1);
    // A block has 12 C^2 in matrices; embeddings, positions, biases and norms are the rest of 32-wide micro.
    expect(v).toBeLessThan(0.35);
    expect(v).toBeGreaterThan(0.2);
  });
});
