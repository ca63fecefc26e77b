/** The best evaluation of a stage: what early stopping waits for, and the weights that a stage may end with. It looks at numbers; it trains nothing. */
import type { MetricRow } from "../protocol/messages.ts";
import type { BestMetric, Stage } from "../protocol/recipe.ts";
import type { TrainerState } from "../training/trainer.ts";

type Weights = TrainerState["weights"];

/** What a checkpoint keeps of it, beside the weights. */
export interface BestState {
  readonly value: number;
  readonly step: number;
  /** Evaluations since. */
  readonly since: number;
  readonly row: Partial<MetricRow>;
}

const PREFIX = "best.";

/** Lower is better; undefined where the row has no such number. */
export function metricOf(metric: BestMetric, row: Partial<MetricRow>): number | undefined {
  const own = row["val/loss"];
  const earlier = Object.values(row["val/earlier"] ?? {});
  const old = earlier.length === 0 ? undefined : earlier.reduce((sum, loss) => sum + loss, 0) / earlier.length;
  if (metric === "val/loss") return own;
  if (metric === "val/old_loss") return old;
  return own === undefined || old === undefined ? undefined : (own + old) / 2;
}

export class BestOfStage {
  #state: BestState | null = null;
  #weights: Weights | null = null;

  constructor(readonly stage: Stage) {}

  get state(): BestState | null {
    return this.#state;
  }

  get #keeps(): boolean {
    return this.stage.kind !== "pretrain" && this.stage.load_best_model_at_end === true;
  }

  /** Notes an evaluation; `read` is asked for the weights only where they are to be kept. A number that is not finite is no best. */
  async note(row: Partial<MetricRow>, step: number, read: () => Promise<Weights>): Promise<void> {
    if (this.stage.kind === "pretrain") return;
    const value = metricOf(this.stage.metric_for_best_model ?? "val/loss", row);
    if (value === undefined) return;
    if (this.#state !== null && !(value < this.#state.value)) {
      this.#state = { ...this.#state, since: this.#state.since + 1 };
      return;
    }
    if (!Number.isFinite(value)) return;
    this.#state = { value, step, since: 0, row };
    if (this.#keeps) this.#weights = await read();
  }

  /** Whether nothing better has come for so long that the stage ends. */
  get isOver(): boolean {
    const patience = this.stage.kind === "pretrain" ? 0 : (this.stage.early_stopping_patience ?? 0);
    return patience > 0 && (this.#state?.since ?? 0) >= patience;
  }

  /** The weights that the stage ends with instead of those of `step`; null where those are the best, or none are kept. */
  at(step: number): { readonly weights: Weights; readonly state: BestState } | null {
    return this.#weights !== null && this.#state !== null && this.#state.step !== step ? { weights: this.#weights, state: this.#state } : null;
  }

  /** The weights kept, for a checkpoint. */
  get held(): [name: string, data: Float32Array][] {
    return [...(this.#weights ?? [])].map(([name, { data }]) => [PREFIX + name, data]);
  }

  /** Takes back what a checkpoint kept. @param shapes of the weights by name */
  restore(state: BestState, held: ReadonlyMap<string, Float32Array>, shapes: Weights): void {
    this.#state = state;
    if (!this.#keeps) return;
    const weights = [...shapes].flatMap(([name, { shape }]) => (held.has(PREFIX + name) ? [[name, { shape, data: held.get(PREFIX + name)! }] as const] : []));
    this.#weights = weights.length === shapes.size ? new Map(weights) : null;
  }
}
