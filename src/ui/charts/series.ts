/** The curves of a run, stage by stage, as pyramids (pyramid.ts). Not a chart and not a log: the whole record stays with the engine. */
import type { MetricRow } from "../../protocol/index.ts";
import { PyramidSeries, type XAxis } from "./pyramid.ts";

export type { Window, XAxis } from "./pyramid.ts";
export type CurveField = (typeof FIELDS)[number];

export const FIELDS = ["train/loss", "val/loss", "val/old_loss", "lr", "grad_norm", "tokens_per_sec", "gflops_per_sec", "quiz_right"] as const;

/** Measured at every step of training, together; the others where there was an evaluation. */
const EACH_STEP: readonly CurveField[] = ["train/loss", "lr", "grad_norm", "tokens_per_sec", "gflops_per_sec"];

const LOSS_STEPS = 10;

export type StageCurves = Readonly<Record<CurveField, PyramidSeries>>;

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
    /** Training losses of this stage's last `LOSS_STEPS` steps. */
    private readonly recent: readonly number[],
    private readonly lossStage: number,
    /** Mean of about the last 20 measurements. */
    readonly tokensPerSec: number | undefined,
  ) {}

  static readonly empty = new Curves([], 0, 0, 0, [], -1, undefined);

  /** Training loss as the large number shows it: mean of this stage's last steps, few enough to keep up with a loss that falls. */
  get loss(): number | undefined {
    return this.recent.length === 0 ? undefined : this.recent.reduce((sum, loss) => sum + loss, 0) / this.recent.length;
  }

  append(rows: readonly MetricRow[]): Curves {
    if (rows.length === 0) return this;
    const stages = [...this.stages];
    let { lastStep, recent, lossStage, tokensPerSec } = this;
    // An evaluation may share its step with a training row; only an earlier step means that the run went back.
    if (rows[0].globalStep < lastStep) {
      for (const stage of stages) for (const field of FIELDS) stage[field].cutAfter(rows[0].globalStep - 1);
      recent = [];
    }
    for (const row of rows) {
      while (stages.length <= row.stageIndex) stages.push(newStage());
      for (const field of FIELDS) {
        const value = row[field];
        // What a step did not measure leaves a gap of one, so that the columns of a stage stay abreast.
        if (value !== undefined || (row["train/loss"] !== undefined && EACH_STEP.includes(field))) stages[row.stageIndex][field].push(row.globalStep, row.tokens, row.trainMs, value);
      }
      const trained = row["train/loss"];
      if (trained !== undefined) {
        recent = lossStage !== row.stageIndex || !Number.isFinite(recent.at(-1) ?? trained) ? [trained] : [...recent.slice(1 - LOSS_STEPS), trained];
        lossStage = row.stageIndex;
      }
      const speed = row.tokens_per_sec;
      if (speed !== undefined && Number.isFinite(speed)) tokensPerSec = tokensPerSec === undefined ? speed : tokensPerSec + (speed - tokensPerSec) / 20;
      lastStep = row.globalStep;
    }
    const end = rows[rows.length - 1];
    return new Curves(stages, lastStep, end.tokens, end.trainMs, recent, lossStage, tokensPerSec);
  }

  /** The same with every stage but the latest left empty: what a chart of this stage alone draws. */
  latest(): Curves {
    const stages = this.stages.map((stage, i) => (i === this.stages.length - 1 ? stage : emptyStage()));
    return new Curves(stages, this.lastStep, this.tokens, this.trainMs, this.recent, this.lossStage, this.tokensPerSec);
  }

  /** Steps that a point of the longest stage stands for; 1 until a stage passes what is kept of it. */
  get merged(): number {
    return Math.max(1, ...this.stages.map((stage) => stage["train/loss"].merged));
  }

  /** Where a step over all stages stands on an axis; undefined before anything was trained. */
  xOf(globalStep: number, axis: XAxis): number | undefined {
    if (axis === "step") return globalStep;
    const trained = this.stages.map((stage) => stage["train/loss"]).filter(({ length }) => length > 0);
    return (trained.find(({ lastStep }) => lastStep >= globalStep) ?? trained.at(-1))?.xAt(globalStep, axis);
  }

  /** The step over all stages of a field's newest value. */
  lastStepOf(field: CurveField): number | undefined {
    const series = this.stages.findLast((stage) => stage[field].length > 0)?.[field];
    return series?.points("step", { from: Infinity }).x[0];
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
  return Object.fromEntries(FIELDS.map((field) => [field, new PyramidSeries()])) as Record<CurveField, PyramidSeries>;
}

let nothingYet: StageCurves | undefined;

/** One shared stage without points; nobody pushes to it. */
function emptyStage(): StageCurves {
  return (nothingYet ??= newStage());
}
