/**
 * The programs of one training stage, recorded over shared parameters: `micro` (forward and backward, accumulating), `update`,
 * `evaluate`, `inspect` (every next-token probability of one row), and generation in two widths. Pure recording.
 */
import { recordGeneration, type GenerationPrograms } from "../model/generation.ts";
import { attendRows, forward, headWeight, loraTable, parameterTable, type LoraMap, type TransformerConfig } from "../model/transformer.ts";
import { nextTokenProbs, tokenLogprobs } from "../plan/head.ts";
import { frozenCopy, layOutParameters, type Parameters } from "../plan/parameters.ts";
import { Recorder, type Recording } from "../plan/recorder.ts";
import { newTensor, STORED_AS, type Tensor } from "../plan/tensor.ts";
import {
  addMaskedSum, COUNTS_LENGTH, METRIC_COLUMNS, recordShadows, recordUpdate, SCALARS_LENGTH, STEP_F_LENGTH, STEP_U_LENGTH, type UpdateTensors,
} from "../plan/update.ts";
import type { Dtype, LoraMethod, OptimizerConfig } from "../protocol/recipe.ts";
import { needsParent, recordObjective, type Objective, type StageShape } from "./objectives/index.ts";

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
  /** Where the objective compares pairs: (N) log-probabilities of `score`, and (B) what the reference gave each row of a micro-step. */
  readonly pairs?: { readonly logprobs: Tensor; readonly expected: Tensor };
}

export interface TrainingPrograms {
  readonly config: TransformerConfig;
  readonly parameters: Parameters;
  /** What moves, as it was when the stage began; only where something is held to it. */
  readonly parent: Parameters | null;
  readonly objective: Objective;
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

/** What a stage decides is left to its kind (`objectives/index.ts`); absent, all weights move on cross-entropy alone. */
export interface TrainingShape extends Partial<StageShape> {
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
  const { trains = null, objective = { kind: "next-token", klWeight: 0 }, l2Weight = 0 } = shape;
  const base = parameterTable(config).map((spec) => ({ ...spec, trainable: !low && (trains?.has(spec.name) ?? true) }));
  const parameters = layOutParameters([...base, ...(low?.specs ?? [])], shape.maxBindingBytes, optimizer.type ?? "adamw", half);
  const thinned = shape.lora?.lora_dropout;
  const stepU = newTensor("step u32", [STEP_U_LENGTH], "inputs", "u32");
  const lora: LoraMap = new Map([...(low?.targets ?? [])].map(([weight, { a, b }]) => [
    weight, { a: parameters.get(a), b: parameters.get(b), scale: shape.lora!.lora_alpha / shape.lora!.r, ...(thinned && { dropout: { p: thinned, key: stepU } }) },
  ]));
  const parent = !low && needsParent({ objective, l2Weight }) ? frozenCopy(parameters) : null;
  const state = (name: string, size: number, type: "f32" | "u32" = "f32"): Tensor => newTensor(name, [size], "inputs", type);
  const tensors: TrainingTensors = {
    rows: rowInputs("batch", shape.batchSize, T),
    look: rowInputs("look", 1, T),
    stepF: state("step f32", STEP_F_LENGTH), stepU,
    // An adapter is matrices alone: then nothing is left to AdamW.
    ...(optimizer.type === "muon" && parameters.buckets.some(({ rule }) => rule === "adamw") && { stepFRest: state("step f32 of AdamW", STEP_F_LENGTH) }),
    lossSum: state("loss sum", 2), counts: state("counts", COUNTS_LENGTH, "u32"), scalars: state("scalars", SCALARS_LENGTH),
    ring: newTensor("metric ring", [RING_ROWS, METRIC_COLUMNS], "outputs"),
    probs: newTensor("next-token probabilities", [T, config.vocab_size], "outputs"),
    ...(objective.kind === "preference" && { pairs: { logprobs: newTensor("log-probabilities", [shape.batchSize * T], "outputs"), expected: state("reference", shape.batchSize) } }),
  };
  const maxLogits = Math.min(LOGITS_TILE_BYTES, shape.maxBindingBytes);
  const hidden = (r: Recorder, rows: TrainingTensors["look"]): Tensor =>
    forward(r, config, parameters, { ids: rows.ids, pos: rows.pos, stepU: tensors.stepU }, attendRows(r, config, rows.start, rows.B, T), lora);
  const W = headWeight(config, parameters);

  const micro = new Recorder("micro", true, dtype);
  const { rows, pairs } = tensors;
  recordObjective(micro, objective, {
    x: hidden(micro, rows), W, targets: rows.targets, mask: rows.mask, B: rows.B, T, stepF: tensors.stepF, lossSum: tensors.lossSum, maxLogitsBytes: maxLogits,
    ...(pairs && { expected: pairs.expected }),
    parent: () => {
      const frozen = frozenParent(parameters, parent);
      return { x: micro.scope("parent", () => parentHidden(micro, config, frozen, tensors)), W: headWeight(config, frozen) };
    },
  });
  micro.backward();

  const evaluate = new Recorder("evaluate", false);
  // Log-probabilities are added up, so the host turns the sign.
  const logprob = evaluate.scope("head", () => tokenLogprobs(evaluate, hidden(evaluate, rows), W, rows.targets, maxLogits));
  addMaskedSum(evaluate, logprob, rows.mask, tensors.lossSum);

  const score = pairs && new Recorder("score", false);
  if (score) score.scope("head", () => tokenLogprobs(score, hidden(score, rows), W, rows.targets, maxLogits, pairs.logprobs));

  const inspect = new Recorder("inspect", false);
  nextTokenProbs(inspect, hidden(inspect, tensors.look), W, tensors.probs);

  const ask = recordGeneration(config, parameters, 1, "ask", lora);
  const quiz = shape.quiz ? recordGeneration(config, parameters, QUIZ_ROWS, "quiz", lora) : null;
  const recordings = [micro.recording(), recordUpdate(parameters, tensors, optimizer, l2Weight > 0 ? { buckets: parent!.buckets, weight: l2Weight } : undefined), evaluate.recording(), inspect.recording(),
    ...(half ? [recordShadows(parameters, ...(parent ? [parent] : []))] : []), ...(score ? [score.recording()] : []),
    ask.prefill, ask.decode, ...(quiz ? [quiz.prefill, quiz.decode] : [])];
  return { config, parameters, parent, objective, dtype, lora: shape.lora, tensors, ask, quiz, recordings, T, flopsPerMicro: flopsOf(recordings[0]!) };
}

/** The model as it was when the stage began: what moves from its copy, what is frozen from where it lies. */
function frozenParent(parameters: Parameters, parent: Parameters | null): Parameters {
  const copied = new Set(parent?.specs.map(({ name }) => name));
  return { ...parameters, get: (name) => (copied.has(name) ? parent! : parameters).get(name) };
}

/** Without dropout and without LoRA, which begins at nothing. */
const parentHidden = (r: Recorder, config: TransformerConfig, parent: Parameters, { rows, stepU }: TrainingTensors): Tensor =>
  forward(r, { ...config, dropout: 0 }, parent, { ids: rows.ids, pos: rows.pos, stepU }, attendRows(r, config, rows.start, rows.B, config.block_size));

function flopsOf(recording: Recording): number {
  return recording.launches
    .filter(({ kernel }) => kernel.name.startsWith("matmul") || kernel.name.startsWith("attention"))
    .reduce((sum, { kernel, dims }) => sum + kernel.cost(Object.fromEntries(Object.keys(kernel.dims).map((name, i) => [name, dims[i]!]))).flops, 0);
}
