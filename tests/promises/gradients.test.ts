/**
 * Promise 2 for the whole model: its gradients are the derivatives of its loss, by central differences in f64 on the judge
 * (rtol 1e-6, atol 1e-8). Single operations: tests/kernels/gradcheck.test.ts.
 */
import { describe, expect, it } from "vitest";
import { Draws, drawKey } from "../../src/core/random.ts";
import { STEP_F, STEP_U } from "../../src/kernels/step-block.ts";
import type { Tensor } from "../../src/plan/tensor.ts";
import { LORA_TARGETS } from "../../src/protocol/recipe-fields.ts";
import type { LoraMethod } from "../../src/protocol/recipe.ts";
import type { Trainer } from "../../src/training/trainer.ts";
import { createJudgeDevice, floatsOf } from "../support/judge-device.ts";
import { microSource, microTrainer, roughWeights, unevenMasks, type FamilyName, type MicroOptions } from "../support/micro.ts";

const [RTOL, ATOL] = [1e-6, 1e-8];
const B = 2;

interface Case {
  readonly title: string;
  readonly samples: number;
  readonly family?: FamilyName;
  readonly model?: MicroOptions["model"];
  readonly lora?: LoraMethod;
  readonly maxBindingBytes?: number;
}

const cases: readonly Case[] = [
  { title: "two layers, tied embeddings", samples: 200 },
  { title: "dropout on, its mask the same forward and backward", samples: 60, model: { dropout: 0.25 } },
  { title: "an own head in row tiles of 64", samples: 40, model: { tie_word_embeddings: false, n_layer: 1 }, maxBindingBytes: 32_768 },
  { title: "LoRA on every projection", samples: 60, lora: { type: "lora", r: 3, lora_alpha: 6, target_modules: ["c_attn", "attn.c_proj", "c_fc", "mlp.c_proj"] } },
  { title: "LoRA under dropout", samples: 20, model: { n_layer: 1, dropout: 0.1 }, lora: { type: "lora", r: 2, lora_alpha: 1, target_modules: ["c_fc"] } },
  { title: "LoRA with a dropout of its own beside the model's", samples: 40, model: { dropout: 0.1 }, lora: { type: "lora", r: 3, lora_alpha: 6, lora_dropout: 0.3, target_modules: ["c_attn", "attn.c_proj", "mlp.c_proj"] } },
  { title: "Llama's two layers, tied embeddings", samples: 200, family: "llama" },
  { title: "Llama's dropout, and one key head for all", samples: 60, family: "llama", model: { dropout: 0.25, n_kv_head: 1 } },
  { title: "Llama's own head, and a key head for each query head", samples: 40, family: "llama", model: { tie_word_embeddings: false, n_layer: 1, n_kv_head: 4 } },
  { title: "LoRA on every projection of Llama", samples: 60, family: "llama", lora: { type: "lora", r: 3, lora_alpha: 6, target_modules: LORA_TARGETS.llama } },
  { title: "LoRA on Llama's projections with a dropout of its own", samples: 40, family: "llama", lora: { type: "lora", r: 3, lora_alpha: 6, lora_dropout: 0.3, target_modules: ["q_proj", "o_proj", "down_proj"] } },
  { title: "LoRA on Llama's values alone", samples: 20, family: "llama", model: { n_layer: 1 }, lora: { type: "lora", r: 2, lora_alpha: 1, target_modules: ["v_proj"] } },
];

/** Mean masked loss of one batch as a function of the weights, and the gradient that the plan's backward gives. */
class Model {
  readonly trainable: readonly string[];
  readonly #forward: number;

  constructor(readonly trainer: Trainer, readonly batch = trainer.data.train(0, 0, trainer.stage.batch_size, 32)) {
    const { parameters, recordings, tensors } = trainer.programs;
    this.trainable = parameters.specs.filter((spec) => spec.trainable).map(({ name }) => name);
    this.#forward = recordings[0]!.launches.findIndex(({ kernel }) => kernel.name === "lossSum") + 1;
    for (const name of ["ids", "targets", "pos", "start", "mask"] as const) trainer.plan.write(tensors.rows[name], batch[name]);
    this.view(tensors.stepF)[STEP_F.invTargets] = 1 / batch.tokens;
    this.view(tensors.stepF)[STEP_F.lossScale] = 1;
    const key = drawKey(5, "dropout", 3, 1);
    trainer.plan.write(tensors.stepU, Uint32Array.from({ length: 4 }, (_, i) => (i === STEP_U.key0 ? key[0] : i === STEP_U.key1 ? key[1] : 0)));
  }

  view(tensor: Tensor): Float64Array {
    return floatsOf(this.trainer.plan.view(tensor));
  }

  weight(name: string): Float64Array {
    return this.view(this.trainer.programs.parameters.get(name));
  }

  loss(): number {
    const { plan, programs } = this.trainer;
    const sum = this.view(programs.tensors.lossSum).fill(0);
    plan.device.submit([{ kind: "run", program: plan.programs.get("micro")!, first: 0, count: this.#forward }]);
    return sum[0]! / this.batch.tokens;
  }

  gradients(): Map<string, Float64Array> {
    const { plan, programs } = this.trainer;
    for (const { grad } of programs.parameters.buckets) if (grad) this.view(grad).fill(0);
    this.view(programs.tensors.lossSum).fill(0);
    plan.device.submit(plan.run("micro"));
    return new Map(this.trainable.map((name) => [name, this.view(programs.parameters.get(name).grad!).slice()]));
  }

  /** The slope of the loss where `name` moves along `direction`, by central differences. */
  slope(name: string, direction: Float64Array, h: number): number {
    const weight = this.weight(name);
    const before = weight.slice();
    const at = (step: number): number => {
      weight.set(before.map((w, i) => w + step * direction[i]!));
      return this.loss();
    };
    const slope = (at(h) - at(-h)) / (2 * h);
    weight.set(before);
    return slope;
  }
}

async function open({ family, model, lora, maxBindingBytes }: Case): Promise<Model> {
  const options: MicroOptions = {
    ...(family ? { family } : {}), model: { n_layer: 2, ...model }, source: unevenMasks(microSource()), stage: { batch_size: maxBindingBytes ? 4 : B },
    ...(lora ? { lora } : {}), ...(maxBindingBytes ? { maxBindingBytes } : {}),
  };
  const trainer = await microTrainer(createJudgeDevice(), options);
  trainer.loadWeights(roughWeights(trainer.programs, 0.2));
  return new Model(trainer);
}

const share = (got: number, want: number): number => {
  const found = Math.abs(got - want) / (ATOL + RTOL * Math.abs(want));
  return Number.isNaN(found) ? Infinity : found;
};

describe.each(cases)("the whole model with $title", (testCase) => {
  it(`has the gradient that central differences have, over ${testCase.samples} random parameters and a direction for each tensor`, async () => {
    const model = await open(testCase);
    const gradients = model.gradients();
    let [worst, seen, at] = [0, 0, ""];
    const note = (got: number, want: number, where: string): void => {
      seen++;
      if (share(got, want) > worst) [worst, at] = [share(got, want), `${where}: ${got}, differences say ${want}`];
    };
    const sizes = model.trainable.map((name) => gradients.get(name)!.length);
    const draws = new Draws(11, "world", { site: testCase.title });
    for (let k = 0; k < testCase.samples; k++) {
      let flat = draws.nextInt(sizes.reduce((a, b) => a + b));
      const which = sizes.findIndex((size) => (flat -= size) < 0);
      const [name, index] = [model.trainable[which]!, flat + sizes[which]!];
      const unit = new Float64Array(sizes[which]!);
      unit[index] = 1;
      const h = 1e-6 * Math.max(1, Math.abs(model.weight(name)[index]!));
      note(gradients.get(name)![index]!, model.slope(name, unit, h), `${name}[${index}]`);
    }
    for (const [name, gradient] of gradients) {
      const directions = new Draws(12, "world", { site: name });
      const raw = Float64Array.from(gradient, (_, i) => directions.normal(i));
      const length = Math.hypot(...raw);
      const unit = raw.map((x) => x / length);
      note(gradient.reduce((sum, g, i) => sum + g * unit[i]!, 0), model.slope(name, unit, 1e-6), name);
    }
    const largest = Math.max(...[...gradients.values()].map((gradient) => Math.max(...gradient.map(Math.abs))));
    console.info(`${testCase.title}: worst ${worst.toFixed(3)} of rtol 1e-6 atol 1e-8 over ${seen} differences (${at}); largest gradient ${largest.toPrecision(2)}`);
    expect(largest).toBeGreaterThan(1e-2);
    expect(worst, at).toBeLessThanOrEqual(1);
  });
});
