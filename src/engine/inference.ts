/** A model that answers but does not train: weights in a plan with generation and one look at all next-token probabilities. */
import type { Batch } from "../data/index.ts";
import type { Device } from "../device/types.ts";
import { recordGeneration } from "../model/generation.ts";
import { Generator } from "../model/generator.ts";
import { attendRows, forward, headWeight, parameterTable, type TransformerConfig } from "../model/transformer.ts";
import { compilePlan, type Plan } from "../plan/compile.ts";
import { nextTokenProbs } from "../plan/head.ts";
import { layOutParameters } from "../plan/parameters.ts";
import { Recorder } from "../plan/recorder.ts";
import { newTensor } from "../plan/tensor.ts";

export type Weights = ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;

export interface InferenceModel {
  readonly generator: Generator;
  /** (T, V) next-token probabilities of one row. */
  probabilities(row: Batch): Promise<Float32Array>;
  destroy(): void;
}

/** @throws NestlingError MEM_ESTIMATE, OUT_OF_MEMORY, PLAN for a weight that is missing */
export async function openInference(device: Device, config: TransformerConfig, weights: Weights): Promise<InferenceModel> {
  const T = config.block_size;
  const parameters = layOutParameters(parameterTable(config), device.limits.maxBindingBytes, null);
  const generation = recordGeneration(config, parameters, 1, "ask");
  const u32 = (name: string) => newTensor(`look ${name}`, [T], "inputs", "u32");
  const [ids, pos, start] = [u32("ids"), u32("pos"), u32("start")];
  const stepU = newTensor("look step", [4], "inputs", "u32");
  const probs = newTensor("next-token probabilities", [T, config.vocab_size], "outputs");
  const inspect = new Recorder("inspect", false);
  nextTokenProbs(inspect, forward(inspect, config, parameters, { ids, pos, stepU }, attendRows(inspect, config, start, 1, T)), headWeight(config, parameters), probs);
  const plan: Plan = await compilePlan(device, [generation.prefill, generation.decode, inspect.recording()]);
  for (const spec of parameters.specs) {
    const found = weights.get(spec.name);
    if (found) plan.write(parameters.get(spec.name), found.data);
  }
  return {
    generator: new Generator(plan, generation.tensors, "ask", T),
    async probabilities(row) {
      plan.write(ids, row.ids);
      plan.write(pos, row.pos);
      plan.write(start, row.start);
      device.submit(plan.run("inspect"));
      return plan.readF32(probs);
    },
    destroy: () => plan.destroy(),
  };
}
