/**
 * Curves with bounded memory: a million points take what 4,096 take. Each bucket holds the range, mean and count of its raw
 * points; when buckets run out, neighbours merge. Not a chart and not a log: the whole record stays with the engine.
 */
import type { MetricRow } from "../protocol/index.ts";
import type { Points } from "./chart-maths.ts";

export type XAxis = "step" | "tokens" | "time";
export type CurveField = "train/loss" | "val/loss" | "val/old_loss" | "lr" | "grad_norm" | "tokens_per_sec" | "gflops_per_sec" | "quiz_right";

const CAPACITY = 4096;
const FIELDS = ["train/loss", "val/loss", "val/old_loss", "lr", "grad_norm", "tokens_per_sec", "gflops_per_sec", "quiz_right"] as const;

/** One quantity over one stage. Rows of a bucket: globalStep, tokens, seconds of training, mean, lowest, highest, count. */
export class BoundedSeries {
  private readonly step = new Float64Array(CAPACITY);
  private readonly tokens = new Float64Array(CAPACITY);
  private readonly seconds = new Float64Array(CAPACITY);
  private readonly mean = new Float64Array(CAPACITY);
  private readonly lo = new Float64Array(CAPACITY);
  private readonly hi = new Float64Array(CAPACITY);
  private readonly count = new Float64Array(CAPACITY);
  private used = 0;
  /** Raw points a full bucket holds; doubles at each merge. */
  private perBucket = 1;
  last: number | undefined;

  get length(): number {
    return this.used;
  }

  push(globalStep: number, tokens: number, trainMs: number, value: number): void {
    this.last = value;
    if (!Number.isFinite(value)) return;
    let at = this.used - 1;
    if (at < 0 || this.count[at] >= this.perBucket) {
      if (this.used === CAPACITY) this.merge();
      at = this.used++;
      this.mean[at] = 0;
      this.count[at] = 0;
      this.lo[at] = Infinity;
      this.hi[at] = -Infinity;
    }
    this.step[at] = globalStep;
    this.tokens[at] = tokens;
    this.seconds[at] = trainMs / 1000;
    this.count[at]++;
    this.mean[at] += (value - this.mean[at]) / this.count[at];
    this.lo[at] = Math.min(this.lo[at], value);
    this.hi[at] = Math.max(this.hi[at], value);
  }

  /** Forgets what came after a step, when a run goes back to a checkpoint. A bucket that straddles it goes whole. */
  cutAfter(globalStep: number): void {
    while (this.used > 0 && this.step[this.used - 1] > globalStep) this.used--;
    this.last = this.used === 0 ? undefined : this.mean[this.used - 1];
  }

  /** Views of the columns, valid until the next push. */
  points(axis: XAxis): Points {
    const x = { step: this.step, tokens: this.tokens, time: this.seconds }[axis];
    const cut = (column: Float64Array): Float64Array => column.subarray(0, this.used);
    return { x: cut(x), y: cut(this.mean), lo: cut(this.lo), hi: cut(this.hi), count: cut(this.count) };
  }

  private merge(): void {
    for (let to = 0; to < CAPACITY / 2; to++) {
      const [a, b] = [2 * to, 2 * to + 1];
      const count = this.count[a] + this.count[b];
      this.mean[to] = (this.mean[a] * this.count[a] + this.mean[b] * this.count[b]) / count;
      this.lo[to] = Math.min(this.lo[a], this.lo[b]);
      this.hi[to] = Math.max(this.hi[a], this.hi[b]);
      this.step[to] = this.step[b];
      this.tokens[to] = this.tokens[b];
      this.seconds[to] = this.seconds[b];
      this.count[to] = count;
    }
    this.used = CAPACITY / 2;
    this.perBucket *= 2;
  }
}

export type StageCurves = Readonly<Record<CurveField, BoundedSeries>>;

/**
 * All curves of a run, stage by stage. `append` returns a new `Curves` so that components see a change; the series behind it
 * are the one thing in the page that grows in place, since copying them ten times a second would cost more than drawing them.
 */
export class Curves {
  private constructor(
    readonly stages: readonly StageCurves[],
    readonly lastStep: number,
    readonly tokens: number,
    readonly trainMs: number,
    /** Training loss as the large number shows it: mean of about the last 20 steps of this stage. */
    readonly loss: number | undefined,
    private readonly lossStage: number,
    /** Mean of about the last 20 measurements. */
    readonly tokensPerSec: number | undefined,
  ) {}

  static readonly empty = new Curves([], 0, 0, 0, undefined, -1, undefined);

  append(rows: readonly MetricRow[]): Curves {
    if (rows.length === 0) return this;
    const stages = [...this.stages];
    let { lastStep, loss, lossStage, tokensPerSec } = this;
    // An evaluation may share its step with a training row; only an earlier step means that the run went back.
    if (rows[0].globalStep < lastStep) for (const stage of stages) for (const field of FIELDS) stage[field].cutAfter(rows[0].globalStep - 1);
    for (const row of rows) {
      while (stages.length <= row.stageIndex) stages.push(newStage());
      for (const field of FIELDS) {
        const value = row[field];
        if (value !== undefined) stages[row.stageIndex][field].push(row.globalStep, row.tokens, row.trainMs, value);
      }
      const trained = row["train/loss"];
      if (trained !== undefined) {
        loss = loss === undefined || lossStage !== row.stageIndex || !Number.isFinite(loss) ? trained : loss + (trained - loss) / 20;
        lossStage = row.stageIndex;
      }
      const speed = row.tokens_per_sec;
      if (speed !== undefined && Number.isFinite(speed)) tokensPerSec = tokensPerSec === undefined ? speed : tokensPerSec + (speed - tokensPerSec) / 20;
      lastStep = row.globalStep;
    }
    const end = rows[rows.length - 1];
    return new Curves(stages, lastStep, end.tokens, end.trainMs, loss, lossStage, tokensPerSec);
  }

  /** The same with every stage but the latest left empty: what a chart of this stage alone draws. */
  latest(): Curves {
    const stages = this.stages.map((stage, i) => (i === this.stages.length - 1 ? stage : emptyStage()));
    return new Curves(stages, this.lastStep, this.tokens, this.trainMs, this.loss, this.lossStage, this.tokensPerSec);
  }

  last(field: CurveField): number | undefined {
    for (let i = this.stages.length - 1; i >= 0; i--) {
      const value = this.stages[i][field].last;
      if (value !== undefined) return value;
    }
    return undefined;
  }
}

function newStage(): StageCurves {
  return Object.fromEntries(FIELDS.map((field) => [field, new BoundedSeries()])) as Record<CurveField, BoundedSeries>;
}

let nothingYet: StageCurves | undefined;

/** One shared stage without points; nobody pushes to it. */
function emptyStage(): StageCurves {
  return (nothingYet ??= newStage());
}
