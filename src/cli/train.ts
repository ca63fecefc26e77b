/**
 * `npm run train`: the main job, headlessly, through the same built page and worker that a person uses. It composes:
 * flags (args), recipe (recipe-set), page (session), words (report).
 */
import { createWriteStream } from "node:fs";
import { access, constants, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { NestlingError } from "../core/errors.ts";
import type { CheckpointSummary, EngineEvent, MetricRow, Recipe, RunState, SampleView } from "../protocol/index.ts";
import { presetByName, presets } from "../protocol/presets.ts";
import { validateRecipe } from "../protocol/recipe-fields.ts";
import { parseTrainArgs, remedyFlag, TRAIN_HELP, type TrainOptions } from "./args.ts";
import { askPairs, promptsFor } from "./answers.ts";
import { DIST, ensurePage } from "./build.ts";
import { unpackTo } from "./export.ts";
import { isMain, root } from "./paths.ts";
import { answerJson, dataJson, deviceJson, folderName, metricJson, sampleJson, sideBySide, summaryJson, type AnswerPair, type Summary } from "./report.ts";
import { reportHtml } from "./report-html.ts";
import { applySets, checkOwnText, limitSteps, useOwnCorpus } from "./recipe-set.ts";
import { Session, type Started } from "./session.ts";
import { Screen } from "./screen.ts";

const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;
const STOP_PATIENCE_MS = 20_000;
const SAME_PRESS_MS = 700;

/** A preset by name, else a file. @throws NestlingError COMMAND, CONFIG_RANGE, CONFIG_UNKNOWN */
export async function loadRecipe(options: TrainOptions): Promise<Recipe> {
  let recipe = presetByName(options.recipe) ?? (await readRecipeFile(options.recipe));
  if (options.seed !== undefined) recipe = { ...recipe, seed: options.seed };
  if (options.steps !== undefined) recipe = limitSteps(recipe, options.steps);
  return applySets(recipe, options.sets);
}

async function readRecipeFile(file: string): Promise<Recipe> {
  const names = presets.map(({ name }) => name).join(", ");
  const text = await readFile(file, "utf8").catch(() => {
    throw new NestlingError("COMMAND", `--recipe is "${file}", which is neither a preset (${names}) nor a file that can be read`);
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new NestlingError("COMMAND", `--recipe names ${file}, which is not JSON: ${(error as Error).message}`);
  }
  return validateRecipe(value);
}

/** One training job from a ready session to its summary. */
class Job {
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
    if (this.options.out !== undefined) this.rows.push(row);
    const line = metricJson(this.stageName(row.stageIndex), row);
    this.metricsLine(line);
    this.screen.metrics(line, row);
  }

  private onSample(sample: SampleView): void {
    this.samples.push(sample);
    if (sample.prompt !== "") this.prompts.add(sample.prompt);
    this.screen.json(sampleJson(this.stageName(sample.stageIndex), sample));
  }

  async run(session: Session, recipe: Recipe, started: Started, interrupted: Promise<void>): Promise<{ summary: Summary; error?: string }> {
    const stopped = interrupted.then(() => this.stop(session));
    // Heard below; while the run is still being prepared nobody listens yet.
    stopped.catch(() => undefined);
    const { runId } = await session.startRun(recipe);
    const end = await Promise.race([this.ended, session.died, stopped]);
    this.screen.finish();
    const own = (await session.listCheckpoints()).filter((checkpoint) => checkpoint.runId === runId).sort((a, b) => a.createdMs - b.createdMs);
    const finished = end.phase === "finished";
    if (finished) await this.answers(session, recipe, own);
    const checkpoints = await this.save(session, own);
    const summary = this.summarise(recipe, started, end, checkpoints);
    this.screen.json(summaryJson(summary));
    if (this.options.out !== undefined) {
      const file = join(this.options.out, "report.html");
      // The recipe as the run has it by now: that one repeats it.
      await writeFile(file, reportHtml({ recipe: end.recipe, summary, rows: this.rows, samples: this.samples, answers: this.pairs }));
      this.screen.words(`wrote ${file}`);
    }
    return { summary, error: end.phase === "stopped" || !end.error ? undefined : `[${end.error.code}] ${end.error.message}` };
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

/** Resolves at the first Ctrl-C; the second ends the program. */
function watchInterrupts(end: () => Promise<void>): Promise<void> {
  let firstMs: number | null = null;
  return new Promise((first) => {
    const onSignal = (): void => {
      if (firstMs === null) {
        firstMs = Date.now();
        first();
        // One press reaches this program twice under npm: from the terminal, and passed on.
      } else if (Date.now() - firstMs > SAME_PRESS_MS) void end().finally(() => process.exit(EXIT.interrupted));
    };
    process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  });
}

/** @throws NestlingError COMMAND for what is no file that can be read */
async function checkFile(file: string): Promise<void> {
  try {
    await access(file, constants.R_OK);
    if (!(await stat(file)).isFile()) throw new NestlingError("COMMAND", `--text names ${file}, which is no file; name files one by one`);
  } catch (error) {
    if (error instanceof NestlingError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new NestlingError("COMMAND", `--text names ${file}, which ${code === "ENOENT" ? "does not exist" : `cannot be read (${code ?? "unknown"})`}`);
  }
}

/** The person's files as one corpus; its id. @throws NestlingError CANCELLED, DATA_*, JSONL_*, CSV_*, GZ_*, STORAGE_*, with the flag that helps */
async function takeIn(session: Session, { texts, choices }: TrainOptions, screen: Screen, interrupted: Promise<void>): Promise<string> {
  screen.words(`Reading ${texts.join(", ")} ...`);
  let reading = true;
  void interrupted.then(() => (reading ? session.stopText() : undefined)).catch(() => undefined);
  try {
    const corpus = await session.addText(texts, choices);
    screen.words(corpus.description);
    const [first] = corpus.report?.problems ?? [];
    if (first !== undefined) screen.words(`The first that was left out: ${first.message}`);
    screen.json(dataJson(corpus));
    return corpus.id;
  } catch (error) {
    const flag = error instanceof NestlingError ? remedyFlag(error.code, error.message) : "";
    if (!(error instanceof NestlingError) || flag === "") throw error;
    throw new NestlingError(error.code, error.message.replace(`[${error.code}] `, "") + flag);
  } finally {
    reading = false;
  }
}

/** Builds the page where needed; the folder that is served. */
async function builtPage(): Promise<string> {
  await ensurePage();
  return join(root, DIST);
}

/**
 * Runs the command and returns its exit status.
 * @param page gives the folder of the built page; a test gives its own
 */
export async function train(args: readonly string[], page: () => Promise<string> = builtPage): Promise<number> {
  const options = parseTrainArgs(args);
  if (options.help) {
    process.stdout.write(TRAIN_HELP);
    return EXIT.done;
  }
  const recipe = await loadRecipe(options);
  checkOwnText(recipe, options.texts);
  for (const file of options.texts) await checkFile(file);
  if (options.out !== undefined) {
    await mkdir(resolve(options.out), { recursive: true }).catch((error: NodeJS.ErrnoException) => {
      throw new NestlingError("COMMAND", `--out is "${options.out}", which cannot be a folder (${error.code ?? error.message}); name one that can be written to`);
    });
  }
  const folder = await page();

  const file = options.out === undefined ? null : createWriteStream(join(options.out, "metrics.jsonl"));
  const screen = new Screen(options.json);
  const job = new Job(options, screen, (line) => void file?.write(`${line}\n`));
  let session: Session | null = null;
  const interrupted = watchInterrupts(async () => session?.close());
  try {
    session = await Session.open({ events: job.onEvents, words: (text) => screen.words(text) }, folder);
    const started = await session.start(options.backend);
    screen.json(deviceJson(started.device));
    screen.words(`${started.device.name}: ${started.device.why}`);
    const ready = options.texts.length === 0 ? recipe : useOwnCorpus(recipe, await takeIn(session, options, screen, interrupted));
    const { summary, error } = await job.run(session, ready, started, interrupted);
    if (error !== undefined) process.stderr.write(`${error}\n`);
    return summary.outcome === "finished" ? EXIT.done : summary.outcome === "stopped" ? EXIT.interrupted : EXIT.failed;
  } finally {
    screen.finish();
    await session?.close();
    await new Promise<void>((closed) => (file === null ? closed() : file.end(closed)));
  }
}

/** What a person mends by asking for something else. */
export const USAGE_CODES: ReadonlySet<string> = new Set(["COMMAND", "CONFIG_RANGE", "CONFIG_UNKNOWN"]);

if (isMain(import.meta.url)) {
  train(process.argv.slice(2)).then(
    (status) => process.exit(status),
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
      const code = error instanceof NestlingError ? error.code : "";
      process.exit(USAGE_CODES.has(code) ? EXIT.usage : code === "CANCELLED" ? EXIT.interrupted : EXIT.failed);
    },
  );
}
