/** A run's files: its record, its log, its checkpoints. Storage trouble never ends training: it is said, and training goes on. */
import { describeError } from "../core/errors.ts";
import { loadTokenizer, type Tokenizer } from "../data/index.ts";
import { COUNTS } from "../plan/update.ts";
import type { CheckpointSummary, DeviceReport, MetricRow } from "../protocol/messages.ts";
import type { Recipe } from "../protocol/recipe.ts";
import { stepsOf } from "../protocol/stage-steps.ts";
import { checkpointSummary, type CheckpointContent, type CheckpointStore, type Lock, type LogRecord, type RunLog, type RunStore } from "../store/index.ts";
import type { Trainer, TrainerState } from "../training/trainer.ts";
import type { BestOfStage, BestState } from "./best.ts";
import type { ClockState } from "./run-clock.ts";
import type { Run } from "./run.ts";
import { ENGINE_VERSION } from "./version.ts";

/** A checkpoint as a run goes on from it. */
export interface SavedPoint {
  readonly state: TrainerState;
  readonly tokenizer: Tokenizer;
  readonly clock: ClockState;
  readonly best?: BestState;
}

export interface FilesOptions {
  readonly runId: string;
  readonly recipe: Recipe;
  readonly checkpoints: CheckpointStore;
  readonly runs: RunStore;
  readonly log: RunLog;
  readonly lock: Lock | null;
  readonly device: DeviceReport;
  readonly parent: { readonly id: string; readonly key: string } | null;
  readonly originId: string | null;
  /** The checkpoint of another run that this one is a fork of. */
  readonly branchId: string | null;
  readonly createdMs: number;
  readonly date: () => number;
  readonly onNotice: (level: "warning" | "error", code: string, text: string) => void;
  readonly onSaved: () => void;
}

export class RunFiles {
  #waiting: LogRecord[] = [];
  #parent: { readonly id: string; readonly key: string } | null;
  #trouble = false;
  /** The step over all stages of the last evaluation. */
  #valStep: number | undefined;
  #closed = false;
  #recipe: Recipe;

  constructor(readonly options: FilesOptions) {
    this.#parent = options.parent;
    this.#recipe = options.recipe;
  }

  /** Keeps something for the log; it is written with the next checkpoint. */
  note(type: "metrics" | "sample", globalStep: number, value: unknown): void {
    if (type === "metrics") this.#valStep = (value as readonly MetricRow[]).findLast((row) => row["val/loss"] !== undefined)?.globalStep ?? this.#valStep;
    this.#waiting.push({ globalStep, type, value });
  }

  /** Writes weights, moments and everything a bit-exact continuation needs. Null when it could not be saved. */
  async save(run: Run, trainer: Trainer, latest: Partial<MetricRow>, best: BestOfStage): Promise<CheckpointSummary | null> {
    const { options } = this;
    const { stage, stageIndex, recipe, tokenizer } = run;
    try {
      const finished = trainer.step >= stepsOf(stage);
      const state = await trainer.snapshot(true);
      const waiting = this.#waiting.length;
      await options.log.append(this.#waiting.slice(0, waiting));
      this.#waiting.splice(0, waiting);
      const dataHash = trainer.data.hash;
      const tensor = (name: string, data: Float32Array): [string, { shape: number[]; data: Float32Array }] => [name, { shape: [...state.weights.get(name)!.shape], data }];
      const manifest = await options.checkpoints.save({
        weights: new Map([...state.weights].map(([name, { data }]) => tensor(name, data))),
        moments: { m: new Map([...state.m].map(([name, data]) => tensor(name, data))), v: new Map([...state.v].map(([name, data]) => tensor(name, data))) },
        held: new Map([...(state.held ?? []), ...(finished ? [] : best.held)].map(([name, data]) => [name, { shape: [data.length], data }])),
        facts: {
          runId: options.runId, parentId: this.#parent?.id ?? null, parentKey: this.#parent?.key ?? null,
          name: `${recipe.name}, ${stage.name.toLowerCase()}`.slice(0, 80),
          stage: { index: stageIndex, kind: stage.kind, name: stage.name, finished },
          step: trainer.step, globalStep: run.globalStep, tokens: run.tokensBefore(stageIndex) + trainer.step * run.tokensPerStep(stage), trainMs: run.clock.totalMs,
          recipe, model: trainer.programs.config, tokenizer: tokenizer!.toHuggingFace(), dataHash, seed: recipe.seed, engineVersion: ENGINE_VERSION,
          device: { ...options.device }, variants: { ...trainer.plan.choices, ...run.kernels?.choices }, metricsOffset: options.log.bytes, lora: trainer.programs.lora,
          metrics: {
            ...(latest["train/loss"] === undefined ? {} : { trainLoss: latest["train/loss"] }), ...(latest["val/loss"] === undefined ? {} : { valLoss: latest["val/loss"], ...(this.#valStep !== undefined && { valStep: this.#valStep }) }),
            ...(latest["val/old_loss"] === undefined ? {} : { oldLoss: latest["val/old_loss"] }),
            ...(latest.quiz_right === undefined ? {} : { quizRight: latest.quiz_right, quizTotal: latest.quiz_total }),
          },
          resume: {
            ...momentNames(state), optimizerSteps: state.counts[COUNTS.t]!, schedule: { iteration: trainer.step, max_iters: stage.max_iters },
            lossScale: state.scaler?.scale ?? 1, goodSteps: state.scaler?.good ?? state.counts[COUNTS.goodSteps]!, skippedSteps: state.scaler?.skipped ?? 0, seed: recipe.seed, cursor: { step: trainer.step, micro: 0 },
          },
          extra: { clock: run.clock.state, lineage: [...run.earlier, stage], ...(best.state && { best: best.state }) },
        },
      });
      if (finished) this.#parent = { id: manifest.id, key: manifest.key };
      this.#trouble = false;
      options.onSaved();
      await this.record(run.phase);
      return checkpointSummary(manifest);
    } catch (error) {
      this.#say(error);
      return null;
    }
  }

  /** Says where the run stands, and which recipe it has by now, so that a reload finds it. */
  async record(phase: string, recipe?: Recipe): Promise<void> {
    const { runId, runs, createdMs, originId, branchId } = this.options;
    if (recipe) this.#recipe = recipe;
    try {
      await runs.save({ runId, name: this.#recipe.name, recipe: this.#recipe, createdMs, updatedMs: this.options.date(), phase, extra: { originId, branchId } });
    } catch (error) {
      this.#say(error);
    }
  }

  async close(phase: string): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.record(phase);
    await this.options.lock?.release();
  }

  /** Once for each trouble, not once a minute. */
  #say(error: unknown): void {
    if (this.#trouble) return;
    this.#trouble = true;
    const { code, message } = describeError(error);
    this.options.onNotice("error", code, `Not saved: ${message} Training goes on; download what you want to keep.`);
  }
}

/** Which weights are trained, and which of them have a first moment alone. */
export function momentNames({ m, v }: Pick<TrainerState, "m" | "v">): { trainable: string[]; firstMomentOnly?: string[] } {
  const first = [...m.keys()].filter((name) => !v.has(name));
  return { trainable: [...m.keys()], ...(first.length > 0 && { firstMomentOnly: first }) };
}

/** @throws NestlingError CKPT_MISMATCH when the checkpoint has no optimizer state */
export function savedPoint({ manifest, weights, moments, held }: CheckpointContent): SavedPoint | null {
  if (!manifest.resume || !moments) return null;
  const counts = new Uint32Array(4);
  counts[COUNTS.t] = manifest.resume.optimizerSteps;
  counts[COUNTS.goodSteps] = manifest.resume.goodSteps;
  const { lossScale: scale, goodSteps: good, skippedSteps: skipped } = manifest.resume;
  const plain = (map: typeof moments.m): Map<string, Float32Array> => new Map([...map].map(([name, { data }]) => [name, data]));
  const clock = manifest.extra?.["clock"] as ClockState | undefined;
  const best = manifest.extra?.["best"] as BestState | undefined;
  return {
    state: { step: manifest.step, counts, weights, m: plain(moments.m), v: plain(moments.v), scaler: { scale, good, skipped }, held: plain(held) },
    tokenizer: loadTokenizer(manifest.tokenizer.tokenizerJson, manifest.tokenizer.tokenizerConfig),
    clock: clock ?? { spentMs: [] }, ...(best && { best }),
  };
}
