/** Evaluations of a run's stage: its own held-out data, what earlier stages learned, the quiz, and the best of them. When one is due is the run's business. */
import { NestlingError } from "../core/errors.ts";
import type { Tokenizer } from "../data/index.ts";
import type { MetricRow } from "../protocol/messages.ts";
import type { Stage } from "../protocol/recipe.ts";
import { stepsOf } from "../protocol/stage-steps.ts";
import { BestOfStage } from "./best.ts";
import { earlierDomains, ForgettingMeter } from "./forgetting.ts";
import type { SavedPoint } from "./run-files.ts";
import type { Run } from "./run.ts";
import type { StageData } from "./stage-data.ts";

export class RunEvaluation {
  best: BestOfStage;
  readonly #forgetting = new ForgettingMeter();

  constructor(readonly run: Run) {
    this.best = new BestOfStage(run.stage);
  }

  async open(data: StageData, tokenizer: Tokenizer, saved: SavedPoint | null): Promise<void> {
    const { run } = this;
    const { stage } = run;
    const watches = stage.kind !== "pretrain" && ((stage.early_stopping_patience ?? 0) > 0 || stage.load_best_model_at_end === true) ? (stage.metric_for_best_model ?? "val/loss") : "val/loss";
    // Ignored in silence it would never end, and keep nothing.
    if (watches !== "val/loss" && earlierDomains(stage, run.earlier).length === 0) {
      throw new NestlingError("CONFIG_RANGE", `"${stage.name}" looks for its best by metric_for_best_model ${watches}, and no earlier stage learned anything else that could be measured. Use val/loss.`, { field: "metric_for_best_model" });
    }
    await this.#forgetting.open(stage, run.earlier, data, tokenizer);
    this.best = new BestOfStage(run.stage);
    if (saved?.best) this.best.restore(saved.best, saved.state.held ?? new Map(), saved.state.weights);
  }

  async evaluate(): Promise<MetricRow> {
    const { run } = this;
    const trainer = run.trainer!;
    const { stage, options: { breathe } } = run;
    const { loss, preferred } = await trainer.validate(stage.eval_iters, breathe);
    const forgotten = await this.#forgetting.measure(trainer, stage.eval_iters, breathe);
    const quiz = await run.looks.quiz();
    const row: MetricRow = {
      stageIndex: run.stageIndex, step: trainer.step, globalStep: run.globalStep, tokens: run.tokensBefore(run.stageIndex) + trainer.step * run.tokensPerStep(stage),
      trainMs: run.clock.totalMs, "val/loss": loss, ...(preferred === undefined ? {} : { "val/preferred": preferred }), ...forgotten,
      ...(quiz ? { quiz_right: quiz.right, quiz_total: quiz.total } : {}),
    };
    await this.best.note(row, trainer.step, async () => (await trainer.snapshot(false)).weights);
    return row;
  }

  /** The stage as early stopping ends it at this step; null where it goes on. */
  endedAt(step: number): Stage | null {
    const { stage } = this.run;
    return this.best.isOver && stage.kind !== "pretrain" && step < stepsOf(stage) ? { ...stage, ended_at: step } : null;
  }

  /** At the stage's end: puts the best weights back where the recipe asks for them; what was measured with them, or null. */
  endWithBest(): Partial<MetricRow> | null {
    const { run } = this;
    const trainer = run.trainer!;
    const best = trainer.step >= stepsOf(run.stage) ? this.best.at(trainer.step) : null;
    if (!best) return null;
    trainer.loadWeights(best.weights);
    run.emit({ type: "notice", level: "info", code: "BEST_KEPT", text: `"${run.stage.name}" ends with the weights of step ${best.state.step} of ${trainer.step}, its best.` });
    return { ...best.state.row, step: trainer.step };
  }
}
