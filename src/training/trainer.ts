/**
 * The trainer: acts on one stage's plan when told to. Steps, evaluates, looks, snapshots. What to do when is `plan-turn.ts`;
 * what a stage needs is `programs.ts`; text never comes here.
 */
import { NestlingError } from "../core/errors.ts";
import { Draws, drawKey } from "../core/random.ts";
import type { Batch, BatchSource } from "../data/batch-types.ts";
import type { Command, Device, DeviceLimits } from "../device/types.ts";
import { Generator } from "../model/generator.ts";
import { compilePlan, type CompileOptions, type Plan } from "../plan/compile.ts";
import { planMemory, type MemoryPlan } from "../plan/memory.ts";
import { elements, sizeOf, type Storage, type Tensor } from "../plan/tensor.ts";
import { COUNTS, METRIC, METRIC_COLUMNS } from "../plan/update.ts";
import type { Stage } from "../protocol/recipe.ts";
import { Pace } from "./pacing.ts";
import { nameNonFinite } from "./diagnose.ts";
import { LossScaler, type ScalerState } from "./loss-scaler.ts";
import { PairJudge, type Validation } from "./pair-judge.ts";
import { RING_ROWS, type RowInputs, type TrainingPrograms } from "./programs.ts";
import { adamShare, knobsAt } from "./schedule.ts";

/** What one optimizer step measured, as the device gathered it. */
export interface StepMetrics {
  /** Counted from 1 within the stage. */
  readonly step: number;
  /** Mean over the step's targets, nats. */
  readonly loss: number;
  readonly gradNorm: number;
  readonly lr: number;
  readonly targets: number;
  /** With dtype float16: the loss's scale, and whether the step was left out because gradients times it were not finite. */
  readonly lossScale?: number;
  readonly skipped?: boolean;
}

/** Everything a bit-exact continuation needs, beside the recipe and the data. */
export interface TrainerState {
  readonly step: number;
  readonly counts: Uint32Array;
  readonly weights: ReadonlyMap<string, { shape: readonly number[]; data: Float32Array }>;
  /** Moments by parameter name, trainable parameters only; `v` of those that AdamW moves. */
  readonly m: ReadonlyMap<string, Float32Array>;
  readonly v: ReadonlyMap<string, Float32Array>;
  /** With dtype float16. */
  readonly scaler?: ScalerState;
  /** What the stage holds on to beside the weights that move: "parent.NAME" as they were when it began, and "reference" of each pair. */
  readonly held?: ReadonlyMap<string, Float32Array>;
}

const PARENT = "parent.";
const REFERENCE = "reference";

/** Memory of parameters, gradients and moments: it lives from step to step, whatever the programs do. */
const heldBy = ({ parameters, parent }: TrainingPrograms): Storage[] =>
  [...parameters.buckets, ...(parent?.buckets ?? [])].flatMap(({ param, grad, m, v }) => [param, grad, m, v].flatMap((tensor) => (tensor ? [tensor.storage] : [])));

/** What these programs would allocate on a device of such limits. */
export const memoryOf = (programs: TrainingPrograms, limits?: DeviceLimits): MemoryPlan => planMemory(programs.recordings, heldBy(programs), limits?.unpacksHalves);

export class Trainer {
  /** Optimizer steps submitted in this stage. */
  step = 0;
  /** The step whose gradients lie in the arenas; null where none was taken since this trainer was made, or a bad one was replayed. */
  gradientStep: number | null = null;
  /** Steps whose metrics the host has read. */
  #read = 0;
  readonly ask: Generator;
  readonly quiz: Generator | null;
  readonly pace = new Pace();
  /** Null where the loss is not scaled. */
  #scaler: LossScaler | null;
  /** What the gradients in the arenas were multiplied with. */
  gradientScale = 1;
  /** Null where the stage compares no answers. */
  readonly #pairs: PairJudge | null;

  private constructor(
    readonly plan: Plan,
    readonly programs: TrainingPrograms,
    /** Replaced when a knob is turned; only its `changes` may differ. */
    public stage: Stage,
    readonly seed: number,
    readonly data: BatchSource,
  ) {
    const { ask, quiz, T, dtype } = programs;
    this.#scaler = dtype === "float16" ? new LossScaler() : null;
    this.ask = new Generator(plan, ask.tensors, "ask", T);
    this.quiz = quiz && new Generator(plan, quiz.tensors, "quiz", T);
    const { objective, tensors: { rows, pairs } } = programs;
    this.#pairs = objective.kind !== "preference" ? null : new PairJudge({
      B: rows.B, T, data,
      logprobs: (batch) => {
        this.#feed(rows, batch);
        this.#submit(plan.run("score"));
        return plan.readF32(pairs!.logprobs);
      },
    }, objective);
  }

  /** @throws NestlingError MEM_ESTIMATE before anything is allocated */
  static async create(device: Device, programs: TrainingPrograms, stage: Stage, seed: number, data: BatchSource, options: CompileOptions = {}): Promise<Trainer> {
    const plan = await compilePlan(device, programs.recordings, { ...options, held: heldBy(programs) });
    const trainer = new Trainer(plan, programs, stage, seed, data);
    const zero = [programs.tensors.counts, programs.tensors.scalars, programs.tensors.lossSum, programs.tensors.ring];
    for (const { m, v } of programs.parameters.buckets) zero.push(...[m, v].filter((tensor) => tensor !== undefined));
    device.submit(zero.map((tensor): Command => ({ kind: "fill", view: plan.view(tensor), value: 0 })));
    return trainer;
  }

  /** Fresh weights: each parameter drawn from its own site of the init stream, so that no tensor's size shifts another's values. */
  initialise(only?: (name: string) => boolean): void {
    for (const spec of this.programs.parameters.specs) {
      if (only && !only(spec.name)) continue;
      const data = new Float32Array(elements(spec.shape));
      if (spec.init.kind === "constant") data.fill(spec.init.value);
      else {
        const draws = new Draws(this.seed, "init", { site: spec.name });
        for (let i = 0; i < data.length; i++) data[i] = spec.init.std * draws.normal(i);
      }
      this.plan.write(this.programs.parameters.get(spec.name), data);
    }
  }

  /** Takes weights by name; every parameter but those of `fresh` must be there, with its shape. */
  loadWeights(weights: TrainerState["weights"], fresh: (name: string) => boolean = () => false): void {
    for (const spec of this.programs.parameters.specs) {
      if (fresh(spec.name)) continue;
      const found = weights.get(spec.name);
      if (!found || found.shape.join() !== spec.shape.join()) {
        throw new NestlingError("CKPT_MISMATCH", `${spec.name} is ${found ? found.shape.join(" x ") : "missing"}; this model needs ${spec.shape.join(" x ")}.`, { name: spec.name });
      }
      this.plan.write(this.programs.parameters.get(spec.name), found.data);
    }
  }

  /** What a stage keeps of the weights that it begins with: a copy of those that move, and each pair's log-probabilities, once. */
  async beginStage(breathe?: () => Promise<void>, onProgress?: (share: number) => void): Promise<void> {
    const { parameters, parent } = this.programs;
    for (const { name } of parent?.specs ?? []) this.plan.write(parent!.get(name), await this.plan.readF32(parameters.get(name)));
    await this.#pairs?.score(breathe, onProgress);
  }

  /** Submits optimizer step `this.step + 1`; its numbers come with `readMetrics`. */
  takeStep(): void {
    const { plan } = this;
    this.#scaler?.begin(this.step);
    const batches = this.#beginStep(this.step);
    batches.forEach((batch, micro) => {
      this.#beginMicro(this.step, micro, batch);
      // What is written for the next micro-batch would overtake commands that are not submitted yet.
      this.#submit([...(micro === 0 ? this.#clearing() : []), ...plan.run("micro"), ...(micro === batches.length - 1 ? plan.run("update") : [])]);
    });
    this.gradientScale = this.#scaler?.scaleAt(this.step) ?? 1;
    this.gradientStep = ++this.step;
  }

  /** Tells how long a step takes, so that submits can be cut to measure. */
  observeStep(ms: number): void {
    const { plan, stage } = this;
    this.pace.observe(stage.gradient_accumulation_steps * this.pace.workOfCommands(plan.run("micro")) + this.pace.workOfCommands(plan.run("update")), ms);
  }

  #submit(commands: readonly Command[]): void {
    const { device } = this.plan;
    // The CPU device has finished a submit on return: there is nothing to make room for.
    for (const submit of device.kind === "cpu" ? [commands] : this.pace.submits(commands)) device.submit(submit);
  }

  /** Writes what the host decides for a step; returns its micro-batches. */
  #beginStep(step: number): Batch[] {
    const { tensors, T } = this.programs;
    const { stage, plan } = this;
    const micros = stage.gradient_accumulation_steps;
    const batches = Array.from({ length: micros }, (_, micro) => this.data.train(step, micro, stage.batch_size, T));
    const targets = batches.reduce((sum, batch) => sum + batch.tokens, 0);
    if (targets === 0) throw new NestlingError("DATA_EMPTY", `Step ${step + 1} has no target to learn from: every token of its ${micros * stage.batch_size} rows is masked. Use a longer block_size.`);
    const { lr, gradClip } = knobsAt(stage, step);
    const settings = Float32Array.of(lr, gradClip, 1 / targets, this.#scaler?.scaleAt(step) ?? 1);
    // The update looks at gradients only: a rate that is not finite would reach every weight.
    if (!settings.every(Number.isFinite)) {
      throw new NestlingError("NONFINITE_LOSS", `Step ${step + 1} has the learning rate ${lr}, grad_clip ${gradClip} and ${targets} targets; all must be finite. Nothing was changed. Check the recipe's optimizer.`, { step: step + 1, tensor: tensors.stepF.name });
    }
    plan.write(tensors.stepF, settings);
    if (tensors.stepFRest) plan.write(tensors.stepFRest, Float32Array.of(lr * adamShare(stage.optimizer), ...settings.subarray(1)));
    return batches;
  }

  #beginMicro(step: number, micro: number, batch: Batch): void {
    const { tensors } = this.programs;
    const [key0, key1] = drawKey(this.seed, "dropout", step, micro);
    this.plan.write(tensors.stepU, Uint32Array.of(key0, key1, step % RING_ROWS, step + 1));
    this.#feed(tensors.rows, batch);
    if (tensors.pairs) this.plan.write(tensors.pairs.expected, this.expectedOf(batch)!);
  }

  /** (B) log-probabilities that the reference gave a batch's answers; undefined where the stage compares none. */
  expectedOf(batch: Batch): Float32Array | undefined {
    return this.#pairs?.expectedOf(batch);
  }

  /** What a step adds up starts from zero, and products read the weights as they are now. */
  #clearing(): Command[] {
    const { parameters, tensors } = this.programs;
    const sums = [...parameters.buckets.flatMap(({ grad }) => (grad ? [grad] : [])), tensors.lossSum];
    const { plan } = this;
    return [...sums.map((tensor): Command => ({ kind: "fill", view: plan.view(tensor), value: 0 })), ...(plan.programs.has("shadows") ? plan.run("shadows") : [])];
  }

  /**
   * Metrics of every step submitted since the last call; waits for them. Where one was not finite it gives those before it,
   * and the call after that throws. With a scaled loss such a step is skipped, as its row says: `step` is then the one after it, whatever was submitted.
   * @throws NestlingError NONFINITE_LOSS naming the step and the first bad tensor. Where a gradient was bad, the weights are those
   * before that step; where the loss alone was, its finite gradients were taken
   */
  async readMetrics(): Promise<StepMetrics[]> {
    const { plan } = this;
    if (this.#read === this.step) return [];
    if (this.step - this.#read > RING_ROWS) throw new NestlingError("PLAN", `${this.step - this.#read} steps wait in a ring of ${RING_ROWS}.`);
    const ring = await plan.readF32(this.programs.tensors.ring);
    const error = plan.device.takeError();
    if (error) throw error;
    const rows: StepMetrics[] = [];
    while (this.#read < this.step) {
      const at = (this.#read % RING_ROWS) * METRIC_COLUMNS;
      const latched = ring[at + METRIC.latched] !== 0;
      const row = { step: this.#read + 1, loss: ring[at + METRIC.loss]!, gradNorm: ring[at + METRIC.gradNorm]!, lr: ring[at + METRIC.lr]!, targets: ring[at + METRIC.targets]! };
      const scaled = this.#scaler && { lossScale: this.#scaler.scaleAt(this.#read) };
      if (latched && this.#scaler?.skip(this.#read)) {
        this.#unlatch();
        // Steps after it took nothing either: they are taken again.
        this.step = ++this.#read;
        this.gradientStep = null;
        return [...rows, { ...row, ...scaled, skipped: true }];
      }
      if (latched || !Number.isFinite(row.loss)) {
        if (rows.length > 0) return rows;
        const bad = this.#read;
        // Steps after a latched one took nothing either: go back to just before it.
        if (latched) this.step = bad;
        else this.#read++;
        throw await this.#explain(bad, latched);
      }
      this.#scaler?.taken(this.#read);
      this.#read++;
      rows.push({ ...row, ...scaled });
    }
    return rows;
  }

  /** Replays step `bad` (from 0) launch by launch to say what broke, then clears the latch; no weight changes. */
  async #explain(bad: number, latched: boolean): Promise<NestlingError> {
    const { plan, programs } = this;
    let culprit: string | null = null;
    this.gradientStep = null;
    for (const [micro, batch] of this.#beginStep(bad).entries()) {
      if (culprit) break;
      if (micro === 0) this.#submit(this.#clearing());
      this.#beginMicro(bad, micro, batch);
      culprit = await nameNonFinite(plan, programs.recordings[0]!, programs.parameters);
    }
    this.#unlatch();
    return new NestlingError("NONFINITE_LOSS",
      `Step ${bad + 1} gave a number that is not finite, first in ${culprit ?? "the gradient norm (its square left the range of f32)"}. ` +
      `${latched ? `The weights are those of step ${bad}.` : "Its gradients were finite and were taken."} Try a lower learning_rate, or grad_clip 1.`,
      { step: bad + 1, tensor: culprit });
  }

  #unlatch(): void {
    const counts = this.plan.view(this.programs.tensors.counts);
    this.plan.device.submit([{ kind: "fill", view: { ...counts, offsetBytes: counts.offsetBytes + 4 * COUNTS.latched, sizeBytes: 8 }, value: 0 }]);
  }

  #feed(into: RowInputs, batch: Batch): void {
    for (const name of ["ids", "targets", "pos", "start", "mask"] as const) this.plan.write(into[name], batch[name]);
  }

  /**
   * Mean held-out loss (nats per target) over `count` fixed batches. Changes no weight and no later draw.
   * @param breathe awaited between batches, so that commands get in
   */
  async evaluate(source: BatchSource, count: number, breathe?: () => Promise<void>): Promise<number> {
    const { tensors, T } = this.programs;
    const { plan } = this;
    plan.device.submit([{ kind: "fill", view: plan.view(tensors.lossSum), value: 0 }]);
    for (let index = 0; index < count; index++) {
      this.#feed(tensors.rows, source.evaluate(index, tensors.rows.B, T));
      this.#submit(plan.run("evaluate"));
      await breathe?.();
    }
    const [sum, targets] = await plan.readF32(tensors.lossSum);
    const error = plan.device.takeError();
    if (error) throw error;
    return -sum! / targets!;
  }

  /** How well it does on the stage's own held-out data, by the stage's own objective. */
  async validate(count: number, breathe?: () => Promise<void>): Promise<Validation> {
    if (!this.#pairs) return { loss: await this.evaluate(this.data, count, breathe) };
    const seen = await this.#pairs.validate(count, breathe);
    const error = this.plan.device.takeError();
    if (error) throw error;
    return seen;
  }

  /** Next-token probabilities (T, V) of one row, as one flat array. */
  async probabilities(row: Batch): Promise<Float32Array> {
    const { look } = this.programs.tensors;
    for (const name of ["ids", "pos", "start"] as const) this.plan.write(look[name], row[name]);
    this.#submit(this.plan.run("inspect"));
    return this.plan.readF32(this.programs.tensors.probs);
  }

  /** Reads the weights, and with `optimizer` the moments; nothing may be in flight that the caller does not want in it. */
  async snapshot(optimizer: boolean): Promise<TrainerState> {
    const { parameters, tensors } = this.programs;
    const read = async (tensor: Tensor): Promise<Float32Array> => this.plan.readF32(tensor);
    const weights = new Map<string, { shape: readonly number[]; data: Float32Array }>();
    const m = new Map<string, Float32Array>();
    const v = new Map<string, Float32Array>();
    for (const spec of parameters.specs) {
      weights.set(spec.name, { shape: spec.shape, data: await read(parameters.get(spec.name)) });
      if (!optimizer || !spec.trainable) continue;
      const moments = parameters.moments(spec.name);
      m.set(spec.name, await read(moments.m));
      if (moments.v) v.set(spec.name, await read(moments.v));
    }
    const held = new Map<string, Float32Array>();
    if (optimizer) {
      for (const { name } of this.programs.parent?.specs ?? []) held.set(PARENT + name, await read(this.programs.parent!.get(name)));
      if (this.#pairs) held.set(REFERENCE, this.#pairs.reference);
    }
    return { step: this.step, counts: await this.plan.readU32(tensors.counts), weights, m, v, ...(this.#scaler && { scaler: this.#scaler.state }), ...(held.size > 0 && { held }) };
  }

  /** Puts back what `snapshot(true)` took. */
  restore(state: TrainerState): void {
    this.loadWeights(state.weights);
    const { parameters, tensors } = this.programs;
    for (const spec of parameters.specs.filter(({ trainable }) => trainable)) {
      const moments = parameters.moments(spec.name);
      for (const kind of ["m", "v"] as const) {
        const tensor = moments[kind];
        if (!tensor) continue;
        const found = state[kind].get(spec.name);
        if (!found) throw new NestlingError("CKPT_MISMATCH", `${spec.name} has no optimizer state ${kind} in this checkpoint. Start a fine-tune from it instead of resuming.`);
        if (found.byteLength !== sizeOf(tensor)) throw new NestlingError("CKPT_MISMATCH", `${spec.name}: its optimizer state ${kind} holds ${found.length} numbers, ${elements(spec.shape)} are needed.`);
        this.plan.write(tensor, found);
      }
    }
    const heldOf = (name: string, length: number): Float32Array => {
      const found = state.held?.get(name);
      if (found?.length !== length) throw new NestlingError("CKPT_MISMATCH", `This checkpoint holds ${found?.length ?? 0} numbers of ${name}, and ${length} are needed to go on with its stage. Start the stage again from its parent.`, { name });
      return found;
    };
    const { parent } = this.programs;
    for (const { name, shape } of parent?.specs ?? []) this.plan.write(parent!.get(name), heldOf(PARENT + name, elements(shape)));
    this.#pairs?.restore(heldOf(REFERENCE, 2 * this.#pairs.pairs.count));
    this.plan.write(tensors.counts, state.counts);
    if (this.#scaler) this.#scaler = new LossScaler(state.scaler);
    this.step = this.#read = state.step;
  }

  destroy(): void {
    this.plan.destroy();
  }
}
