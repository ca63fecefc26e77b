/**
 * The programs of one training stage, recorded over shared parameters: `micro` (forward and backward, accumulating), `update`,
 * `evaluate`, `inspect` (every next-token probability of one row), and generation in two widths. Pure recording.
 */
import { recordGeneration, type GenerationPrograms } from "../model/generation.ts";
import { attendRows, forward, headWeight, loraTable, parameterTable, type LoraMap, type TransformerConfig } from "../model/transformer.ts";
import { crossEntropyLoss, nextTokenProbs, tokenLogprobs } from "../plan/head.ts";
import { layOutParameters, type Parameters } from "../plan/parameters.ts";
import { Recorder, type Recording } from "../plan/recorder.ts";
import { newTensor, STORED_AS, type Tensor } from "../plan/tensor.ts";
import {
  addMaskedSum, COUNTS_LENGTH, METRIC_COLUMNS, recordShadows, recordUpdate, SCALARS_LENGTH, STEP_F_LENGTH, STEP_U_LENGTH, type UpdateTensors,
} from "../plan/update.ts";
import type { Dtype, LoraMethod, OptimizerConfig } from "../protocol/recipe.ts";

/** Steps whose numbers wait on the device before the host must have read them. */
export const RING_ROWS = 256;
/** Prompts answered at once when questions are scored. */
export const QUIZ_ROWS = 10;
/** A logits tile takes at most this, or less where the binding limit is lower. */
const LOGITS_TILE_BYTES = 32 * 2 ** 20;

/** One micro-step's inputs (N = B*T), fed from a `Batch`. */
export interface RowInputs {
  readonly B: number;
  readonly ids: Tensor;
  readonly targets: Tensor;
  readonly pos: Tensor;
  readonly start: Tensor;
  readonly mask: Tensor;
}

export interface TrainingTensors extends UpdateTensors {
  readonly rows: RowInputs;
  /** One row, for looking at. */
  readonly look: Omit<RowInputs, "targets" | "mask">;
  /** (T, V) of `inspect`. */
  readonly probs: Tensor;
}

export interface TrainingPrograms {
  readonly config: TransformerConfig;
  readonly parameters: Parameters;
  readonly dtype: Dtype;
  readonly lora: LoraMethod | null;
  readonly tensors: TrainingTensors;
  readonly ask: GenerationPrograms;
  readonly quiz: GenerationPrograms | null;
  readonly recordings: readonly Recording[];
  readonly T: number;
  /** Matmul and attention flops of one optimizer step, from the kernels' own costs. */
  readonly flopsPerMicro: number;
}

export interface TrainingShape {
  readonly config: TransformerConfig;
  readonly lora: LoraMethod | null;
  readonly optimizer: OptimizerConfig;
  /** Rows of one micro-step. */
  readonly batchSize: number;
  readonly maxBindingBytes: number;
  /** Score questions in batches of `QUIZ_ROWS`. */
  readonly quiz: boolean;
  /** How `micro` stores what it keeps; absent = float32. All that looks at the model (evaluation, samples) reads the f32 weights. */
  readonly dtype?: Dtype;
}

function rowInputs(label: string, B: number, T: number): RowInputs {
  const u32 = (name: string): Tensor => newTensor(`${label} ${name}`, [B * T], "inputs", "u32");
  return { B, ids: u32("ids"), targets: u32("targets"), pos: u32("pos"), start: u32("start"), mask: newTensor(`${label} mask`, [B * T], "inputs") };
}

export function recordTraining(shape: TrainingShape): TrainingPrograms {
  const { config, optimizer, dtype = "float32" } = shape;
  const stored = STORED_AS[dtype];
  const half = stored === "f32" ? null : stored;
  const T = config.block_size;
  const low = shape.lora && loraTable(config, shape.lora.target_modules, shape.lora.r);
  const base = parameterTable(config).map((spec) => (low ? { ...spec, trainable: false } : spec));
  const parameters = layOutParameters([...base, ...(low?.specs ?? [])], shape.maxBindingBytes, optimizer.type ?? "adamw", half);
  const lora: LoraMap = new Map([...(low?.targets ?? [])].map(([weight, { a, b }]) => [
    weight, { a: parameters.get(a), b: parameters.get(b), scale: shape.lora!.lora_alpha / shape.lora!.r },
  ]));
  const state = (name: string, size: number, type: "f32" | "u32" = "f32"): Tensor => newTensor(name, [size], "inputs", type);
  const tensors: TrainingTensors = {
    rows: rowInputs("batch", shape.batchSize, T),
    look: rowInputs("look", 1, T),
    stepF: state("step f32", STEP_F_LENGTH), stepU: state("step u32", STEP_U_LENGTH, "u32"),
    // An adapter is matrices alone: then nothing is left to AdamW.
    ...(optimizer.type === "muon" && parameters.buckets.some(({ rule }) => rule === "adamw") && { stepFRest: state("step f32 of AdamW", STEP_F_LENGTH) }),
    lossSum: state("loss sum", 2), counts: state("counts", COUNTS_LENGTH, "u32"), scalars: state("scalars", SCALARS_LENGTH),
    ring: newTensor("metric ring", [RING_ROWS, METRIC_COLUMNS], "outputs"),
    probs: newTensor("next-token probabilities", [T, config.vocab_size], "outputs"),
  };
  const maxLogits = Math.min(LOGITS_TILE_BYTES, shape.maxBindingBytes);
  const hidden = (r: Recorder, rows: TrainingTensors["look"]): Tensor =>
    forward(r, config, parameters, { ids: rows.ids, pos: rows.pos, stepU: tensors.stepU }, attendRows(r, config, rows.start, rows.B, T), lora);
  const W = headWeight(config, parameters);

  const micro = new Recorder("micro", true, dtype);
  const { rows } = tensors;
  const x = hidden(micro, rows);
  const loss = micro.scope("head", () => crossEntropyLoss(micro, x, W, rows, tensors.stepF, maxLogits));
  addMaskedSum(micro, loss, rows.mask, tensors.lossSum);
  micro.backward();

  const evaluate = new Recorder("evaluate", false);
  // Log-probabilities are added up, so the host turns the sign.
  const logprob = evaluate.scope("head", () => tokenLogprobs(evaluate, hidden(evaluate, rows), W, rows.targets, maxLogits));
  addMaskedSum(evaluate, logprob, rows.mask, tensors.lossSum);

  const inspect = new Recorder("inspect", false);
  nextTokenProbs(inspect, hidden(inspect, tensors.look), W, tensors.probs);

  const ask = recordGeneration(config, parameters, 1, "ask", lora);
  const quiz = shape.quiz ? recordGeneration(config, parameters, QUIZ_ROWS, "quiz", lora) : null;
  const recordings = [micro.recording(), recordUpdate(parameters, tensors, optimizer), evaluate.recording(), inspect.recording(),
    ...(half ? [recordShadows(parameters)] : []),
    ask.prefill, ask.decode, ...(quiz ? [quiz.prefill, quiz.decode] : [])];
  return { config, parameters, dtype, lora: shape.lora, tensors, ask, quiz, recordings, T, flopsPerMicro: flopsOf(recordings[0]!) };
}

function flopsOf(recording: Recording): number {
  return recording.launches
    .filter(({ kernel }) => kernel.name.startsWith("matmul") || kernel.name.startsWith("attention"))
    .reduce((sum, { kernel, dims }) => sum + kernel.cost(Object.fromEntries(Object.keys(kernel.dims).map((name, i) => [name, dims[i]!]))).flops, 0);
}
