/**
 * Promise 2 for what later stages minimise: the gradients are the derivatives of the objective as it is defined, by central differences in f64.
 * The definition is written here from next-token probabilities alone, so neither the loss's kernels nor the head in tiles judge themselves.
 */
import { describe, expect, it } from "vitest";
import { Draws } from "../../src/core/random.ts";
import type { Batch } from "../../src/data/batch-types.ts";
import { STEP_F } from "../../src/kernels/step-block.ts";
import type { Tensor } from "../../src/plan/tensor.ts";
import type { Objective } from "../../src/training/objectives/index.ts";
import { trainedNames } from "../../src/model/transformer.ts";
import type { Trainer } from "../../src/training/trainer.ts";
import { createJudgeDevice, floatsOf } from "../support/judge-device.ts";
import { microConfigOf, microSource, microTrainer, roughWeights, unevenMasks, V, T, type MicroOptions } from "../support/micro.ts";

const [RTOL, ATOL] = [1e-6, 1e-8];
const B = 4;

interface Case {
  readonly title: string;
  readonly options: MicroOptions;
}

const lora = { type: "lora", r: 3, lora_alpha: 6, target_modules: ["q_proj", "v_proj", "down_proj"] } as const;
const two = microConfigOf("gpt2", { n_layer: 2, tie_word_embeddings: false });
const cases: readonly Case[] = [
  { title: "cross-entropy held to the parent", options: { shape: { objective: { kind: "next-token", klWeight: 0.7 } } } },
  { title: "cross-entropy held to the parent, in row tiles with a head of its own", options: { model: { tie_word_embeddings: false }, maxBindingBytes: 32_768, shape: { objective: { kind: "next-token", klWeight: 0.7 } } } },
  { title: "cross-entropy of a Llama with LoRA held to its base", options: { family: "llama", lora, shape: { objective: { kind: "next-token", klWeight: 2 } } } },
  { title: "cross-entropy pulled back to the parent's weights", options: { shape: { l2Weight: 0.3 } } },
  { title: "the last block alone, pulled back", options: { model: { n_layer: 2, tie_word_embeddings: false }, shape: { trains: trainedNames(two, 1), l2Weight: 0.3 } } },
  { title: "the embeddings alone, tied to the head", options: { model: { n_layer: 2 }, shape: { trains: trainedNames(microConfigOf("gpt2", { n_layer: 2 }), "embeddings") } } },
  { title: "preferences", options: { shape: { objective: { kind: "preference", beta: 0.3, alpha: 0 } } } },
  { title: "preferences of a Llama with LoRA, and the chosen answer's likelihood", options: { family: "llama", lora, shape: { objective: { kind: "preference", beta: 0.1, alpha: 0.3 } } } },
];

/** The objective of one batch by its definition, from every next-token probability. */
class Definition {
  readonly objective: Objective;
  readonly l2: number;
  readonly #parent: readonly Float64Array[];
  readonly #start: ReadonlyMap<string, Float64Array>;

  /** Taken at the parent's weights. */
  constructor(readonly trainer: Trainer, readonly batch: Batch, { shape = {} }: MicroOptions) {
    this.objective = trainer.programs.objective;
    this.l2 = shape.l2Weight ?? 0;
    this.#parent = this.rows();
    this.#start = new Map(this.trainable.map((name) => [name, this.weight(name).slice()]));
  }

  get trainable(): string[] {
    return this.trainer.programs.parameters.specs.filter(({ trainable }) => trainable).map(({ name }) => name);
  }

  view(tensor: Tensor): Float64Array {
    return floatsOf(this.trainer.plan.view(tensor));
  }

  weight(name: string): Float64Array {
    return this.view(this.trainer.programs.parameters.get(name));
  }

  /** (T, V) log-probabilities of each row. */
  rows(): Float64Array[] {
    const { plan, programs: { tensors } } = this.trainer;
    return Array.from({ length: B }, (_, row) => {
      for (const name of ["ids", "pos", "start"] as const) plan.write(tensors.look[name], this.batch[name].slice(row * T, (row + 1) * T));
      plan.device.submit(plan.run("inspect"));
      return this.view(tensors.probs).map(Math.log);
    });
  }

  value(): number {
    const { targets, mask, tokens } = this.batch;
    const rows = this.rows();
    let pull = 0;
    for (const [name, start] of this.#start) this.weight(name).forEach((w, i) => (pull += (this.l2 / 2) * (w - start[i]!) ** 2));
    const at = (logs: readonly Float64Array[], row: number, t: number): number => logs[row]![t * V + targets[row * T + t]!]!;
    const counted = (row: number): number[] => Array.from({ length: T }, (_, t) => t).filter((t) => mask[row * T + t]! > 0);
    const sum = (logs: readonly Float64Array[], row: number): number => counted(row).reduce((total, t) => total + at(logs, row, t), 0);
    let total = 0;
    if (this.objective.kind === "next-token") {
      for (let row = 0; row < B; row++) {
        total -= sum(rows, row);
        for (const t of counted(row)) {
          for (let v = t * V; v < (t + 1) * V; v++) total += this.objective.klWeight * Math.exp(this.#parent[row]![v]!) * (this.#parent[row]![v]! - rows[row]![v]!);
        }
      }
      return total / tokens + pull;
    }
    for (let row = 0; row < B; row += 2) {
      const { beta, alpha } = this.objective;
      // The reference is kept as data, in f32.
      const expected = (which: number): number => Math.fround(counted(which).reduce((total, t) => total + Math.fround(at(this.#parent, which, t)), 0));
      const reward = (which: number): number => beta * (sum(rows, which) - expected(which));
      total -= Math.log(1 / (1 + Math.exp(-(reward(row) - reward(row + 1))))) + (alpha * sum(rows, row)) / counted(row).length;
    }
    return total / (B / 2) + pull;
  }
}

/** Rows as pairs, each of one document, the second half counting. */
function pairsOf(batch: Batch): Batch {
  batch.pos.forEach((_, n) => ([batch.start[n], batch.pos[n], batch.mask[n]] = [0, n % T, n % T > 10 + (n >> 5) ? 1 : 0]));
  return { ...batch, tokens: B / 2, pairs: Uint32Array.of(0, 1) };
}

async function open({ options }: Case): Promise<{ definition: Definition; gradients: () => Map<string, Float64Array>; moved: () => void }> {
  const preferences = options.shape?.objective?.kind === "preference";
  const plain = unevenMasks(microSource()).train(0, 0, B, T);
  const batch = preferences ? pairsOf(plain) : plain;
  const source = { ...microSource(), train: () => batch, evaluate: () => batch, pairs: { count: 2, at: () => batch } };
  const trainer = await microTrainer(createJudgeDevice(), { ...options, source, stage: { batch_size: B } });
  const rough = roughWeights(trainer.programs, 0.2);
  // LoRA begins at nothing: there the parent is the base.
  trainer.loadWeights(new Map([...rough].map(([name, tensor]) => [name, name.endsWith("lora_B") ? { ...tensor, data: tensor.data.map(() => 0) } : tensor])));
  await trainer.beginStage();
  const definition = new Definition(trainer, batch, options);
  const { plan, programs: { parameters, tensors } } = trainer;
  return {
    definition,
    moved() {
      for (const name of definition.trainable) {
        const draws = new Draws(21, "world", { site: name });
        const weight = definition.weight(name);
        weight.forEach((w, i) => (weight[i] = w + 0.05 * draws.normal(i)));
      }
    },
    gradients() {
      // As a step takes them: micro-batch, and what the update adds before it measures them. At rate 0, without decay, no weight moves.
      definition.view(tensors.lossSum).fill(0);
      for (const { grad } of parameters.buckets) if (grad) definition.view(grad).fill(0);
      for (const name of ["ids", "targets", "pos", "start", "mask"] as const) plan.write(tensors.rows[name], batch[name]);
      const stepF = definition.view(tensors.stepF).fill(0);
      [stepF[STEP_F.invTargets], stepF[STEP_F.lossScale]] = [1 / batch.tokens, 1];
      if (tensors.pairs) plan.write(tensors.pairs.expected, trainer.expectedOf(batch)!);
      plan.device.submit([...plan.run("micro"), ...plan.run("update")]);
      return new Map(definition.trainable.map((name) => [name, definition.view(parameters.get(name).grad!).slice()]));
    },
  };
}

describe.each(cases)("$title", (testCase) => {
  it("has the gradient that central differences of its definition have, away from where it began", async () => {
    const { definition, gradients, moved } = await open(testCase);
    const atStart = definition.value();
    moved();
    expect(Math.abs(definition.value() - atStart)).toBeGreaterThan(1e-3);
    const found = gradients();
    const { objective } = definition;
    // What is reported of cross-entropy is the cross-entropy alone; else it is the objective.
    const reported = definition.view(definition.trainer.programs.tensors.lossSum);
    if (objective.kind === "preference") expect(reported[0]! / reported[1]!).toBeCloseTo(definition.value(), 5);
    let [worst, at] = [0, ""];
    for (const [name, gradient] of found) {
      const draws = new Draws(22, "world", { site: name });
      const raw = Float64Array.from(gradient, (_, i) => draws.normal(i));
      const length = Math.hypot(...raw);
      const weight = definition.weight(name);
      const before = weight.slice();
      for (const direction of [raw.map((x) => x / length), raw.map((_, i) => (i === draws.nextInt(raw.length) ? 1 : 0))]) {
        const value = (step: number): number => {
          weight.set(before.map((w, i) => w + step * direction[i]!));
          return definition.value();
        };
        const want = (value(1e-5) - value(-1e-5)) / 2e-5;
        weight.set(before);
        const got = gradient.reduce((sum, g, i) => sum + g * direction[i]!, 0);
        const share = Math.abs(got - want) / (ATOL + RTOL * Math.abs(want));
        if (!(share <= worst)) [worst, at] = [share, `${name}: ${got}, differences say ${want}`];
      }
    }
    console.info(`${testCase.title}: worst ${worst.toFixed(3)} of rtol 1e-6 atol 1e-8 over ${found.size} tensors (${at})`);
    expect(Math.max(...[...found.values()].map((gradient) => Math.max(...gradient.map(Math.abs))))).toBeGreaterThan(1e-3);
    expect(worst, at).toBeLessThanOrEqual(1);
  });
});
