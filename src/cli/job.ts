/** One training job through a ready session: what it says on the way, its checkpoints as folders, its summary. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { NestlingError } from "../core/errors.ts";
import type { CheckpointSummary, EngineEvent, MetricRow, Recipe, RunState, SampleView } from "../protocol/index.ts";
import type { TrainOptions } from "./args.ts";
import { askPairs, promptsFor } from "./answers.ts";
import { unpackTo } from "./export.ts";
import { answerJson, folderName, metricJson, sampleJson, sideBySide, summaryJson, type AnswerPair, type Summary } from "./report.ts";
import { reportHtml } from "./report-html.ts";
import type { Screen } from "./screen.ts";
import type { Session, Started } from "./session.ts";

const STOP_PATIENCE_MS = 20_000;

export interface JobEnd {
  readonly summary: Summary;
  readonly rows: readonly MetricRow[];
  /** The checkpoint that it ended with. */
  readonly last?: string | undefined;
  readonly error?: string;
}

/** One training job from a ready session to its summary. */
export class Job {
  private state: RunState | null = null;
  private readonly prompts = new Set<string>();
  private readonly latest: Partial<Record<keyof MetricRow, number>> = {};
  private settled: (state: RunState) => void = () => undefined;
  private readonly ended = new Promise<RunState>((done) => (this.settled = done));
  private readonly listeners = new Set<(event: EngineEvent) => void>();
  private readonly fromMs = Date.now();
  private readonly rows: MetricRow[] = [];
  private readonly samples: SampleView[] = [];
  private readonly pairs: AnswerPair[] = [];

  constructor(
    private readonly options: TrainOptions,
    private readonly screen: Screen,
    private readonly metricsLine: (line: string) => void,
  ) {}

  /** Calls back for every event until the returned function is called. */
  readonly subscribe = (listener: (event: EngineEvent) => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly onEvents = (events: readonly EngineEvent[]): void => {
    for (const event of events) {
      for (const listener of this.listeners) listener(event);
      if (event.type === "state") this.onState(event.state);
      else if (event.type === "metrics") for (const row of event.rows) this.onMetrics(row);
      else if (event.type === "sample") this.onSample(event.sample);
      else if (event.type === "notice") this.screen.words(`${event.level}: ${event.text}`);
    }
  };

  private stageName(index: number): string {
    return this.state?.stages[index]?.name ?? `stage ${index + 1}`;
  }

  private onState(state: RunState): void {
    this.state = state;
    this.screen.state(state);
    // Nobody is there to press play: a run that pauses itself (a number that is not finite) has ended here.
    const stuck = state.phase === "paused" && state.error !== undefined;
    if (stuck || state.phase === "finished" || state.phase === "stopped" || state.phase === "failed") this.settled(state);
  }

  private onMetrics(row: MetricRow): void {
    Object.assign(this.latest, Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined)));
    this.rows.push(row);
    const line = metricJson(this.stageName(row.stageIndex), row);
    this.metricsLine(line);
    this.screen.metrics(line, row);
  }

  private onSample(sample: SampleView): void {
    this.samples.push(sample);
    if (sample.prompt !== "") this.prompts.add(sample.prompt);
    this.screen.json(sampleJson(this.stageName(sample.stageIndex), sample));
  }

  /** @param from the checkpoint that it starts from; absent = from nothing */
  async run(session: Session, recipe: Recipe, started: Started, interrupted: Promise<void>, from?: string): Promise<JobEnd> {
    const stopped = interrupted.then(() => this.stop(session));
    // Heard below; while the run is still being prepared nobody listens yet.
    stopped.catch(() => undefined);
    const { runId } = await session.startRun(recipe, from);
    const end = await Promise.race([this.ended, session.died, stopped]);
    this.screen.finish();
    const own = (await session.listCheckpoints()).filter((checkpoint) => checkpoint.runId === runId).sort((a, b) => a.createdMs - b.createdMs);
    const finished = end.phase === "finished";
    if (finished && from === undefined) await this.answers(session, recipe, own);
    const checkpoints = await this.save(session, own);
    const summary = this.summarise(recipe, started, end, checkpoints);
    this.screen.json(summaryJson(summary));
    if (this.options.out !== undefined) {
      const file = join(this.options.out, "report.html");
      // The recipe as the run has it by now: that one repeats it.
      await writeFile(file, reportHtml({ recipe: end.recipe, summary, rows: this.rows, samples: this.samples, answers: this.pairs }));
      this.screen.words(`wrote ${file}`);
    }
    return { summary, rows: this.rows, last: own.at(-1)?.id, ...(end.phase !== "stopped" && end.error && { error: `[${end.error.code}] ${end.error.message}` }) };
  }

  private async stop(session: Session): Promise<RunState> {
    this.screen.words("Stopping after the step in flight; press again to end at once.");
    await session.stop();
    const late = new Promise<never>((_resolve, reject) => {
      setTimeout(() => reject(new NestlingError("CANCELLED", `the run did not stop within ${STOP_PATIENCE_MS / 1000} s and was ended`)), STOP_PATIENCE_MS).unref();
    });
    return Promise.race([this.ended, session.died, late]);
  }

  private async answers(session: Session, recipe: Recipe, own: readonly CheckpointSummary[]): Promise<void> {
    for (const prompt of promptsFor(recipe, this.options.prompts, [...this.prompts])) {
      const pair = await askPairs(session, this.subscribe, own, prompt, recipe.seed);
      if (pair === null) return;
      this.pairs.push(pair);
      this.screen.json(answerJson(pair));
      this.screen.lines(sideBySide([pair], this.screen.columns));
    }
  }

  private async save(session: Session, own: readonly CheckpointSummary[]): Promise<Summary["checkpoints"]> {
    const saved: Summary["checkpoints"][number][] = [];
    for (const [i, checkpoint] of own.entries()) {
      const { id, stage, step } = checkpoint;
      if (this.options.out === undefined) {
        saved.push({ id, stage, step });
        continue;
      }
      const folder = join(this.options.out, folderName(i, checkpoint));
      await unpackTo(folder, await session.export(id));
      this.screen.words(`wrote ${folder}`);
      saved.push({ id, stage, step, folder });
    }
    return saved;
  }

  private summarise(recipe: Recipe, started: Started, end: RunState, checkpoints: Summary["checkpoints"]): Summary {
    const { latest } = this;
    return {
      recipe: recipe.name,
      seed: recipe.seed,
      backend: started.device.kind,
      device: started.device.name,
      outcome: end.phase === "finished" ? "finished" : end.phase === "stopped" ? "stopped" : "failed",
      parameters: end.parameters,
      stages: end.stages.map(({ name, done, spentMs }) => ({ stage: name, steps: done, train_ms: Math.round(spentMs) })),
      "train/loss": latest["train/loss"],
      "val/loss": latest["val/loss"],
      "val/old_loss": latest["val/old_loss"],
      quiz_right: latest.quiz_right,
      quiz_total: latest.quiz_total,
      tokens: latest.tokens,
      wall_ms: Date.now() - this.fromMs,
      checkpoints,
    };
  }
}
