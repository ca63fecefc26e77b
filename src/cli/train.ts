/**
 * `npm run train`: the main job, headlessly, through the same built page and worker that a person uses. It composes:
 * flags (args), recipe (recipe-set), page (session), words (report).
 */
import { createWriteStream } from "node:fs";
import { access, constants, mkdir, readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { NestlingError } from "../core/errors.ts";
import type { EngineEvent, Recipe } from "../protocol/index.ts";
import { pipelineByName, pipelines, type Pipeline } from "../protocol/pipelines.ts";
import { presetByName, presets } from "../protocol/presets.ts";
import { validateRecipe } from "../protocol/recipe-fields.ts";
import { parseTrainArgs, remedyFlag, TRAIN_HELP, type TrainOptions } from "./args.ts";
import { DIST, ensurePage } from "./build.ts";
import { Job } from "./job.ts";
import { isMain, root } from "./paths.ts";
import { dataJson, deviceJson } from "./report.ts";
import { applySets, checkOwnText, limitSteps, useOwnCorpus } from "./recipe-set.ts";
import { Session } from "./session.ts";
import { Screen } from "./screen.ts";
import { treeLines, type TreeNode } from "./tree.ts";

const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;
const SAME_PRESS_MS = 700;

/** A preset by name, else a file. @throws NestlingError COMMAND, CONFIG_RANGE, CONFIG_UNKNOWN */
export async function loadRecipe(options: TrainOptions): Promise<Recipe> {
  return adjusted(presetByName(options.recipe) ?? (await readRecipeFile(options.recipe)), options);
}

function adjusted(plain: Recipe, options: TrainOptions): Recipe {
  let recipe = options.seed === undefined ? plain : { ...plain, seed: options.seed };
  if (options.steps !== undefined) recipe = limitSteps(recipe, options.steps);
  return applySets(recipe, options.sets);
}

/** The runs of a command: a pipeline's, or the one of a recipe. */
async function loadPipeline(options: TrainOptions): Promise<Pipeline> {
  const pipeline = pipelineByName(options.recipe);
  if (!pipeline) return { name: options.recipe, nodes: [{ id: "", parent: null, recipe: await loadRecipe(options) }] };
  return { ...pipeline, nodes: pipeline.nodes.map((node) => ({ ...node, recipe: adjusted(node.recipe, options) })) };
}

async function readRecipeFile(file: string): Promise<Recipe> {
  const names = [...presets, ...pipelines].map(({ name }) => name).join(", ");
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
  const pipeline = await loadPipeline(options);
  for (const { recipe } of pipeline.nodes) checkOwnText(recipe, options.texts);
  for (const file of options.texts) await checkFile(file);
  if (options.out !== undefined) {
    await mkdir(resolve(options.out), { recursive: true }).catch((error: NodeJS.ErrnoException) => {
      throw new NestlingError("COMMAND", `--out is "${options.out}", which cannot be a folder (${error.code ?? error.message}); name one that can be written to`);
    });
  }
  const folder = await page();

  const file = options.out === undefined ? null : createWriteStream(join(options.out, "metrics.jsonl"));
  const screen = new Screen(options.json);
  let onEvents: (events: readonly EngineEvent[]) => void = () => {};
  let session: Session | null = null;
  const interrupted = watchInterrupts(async () => session?.close());
  try {
    session = await Session.open({ events: (events) => onEvents(events), words: (text) => screen.words(text) }, folder);
    const started = await session.start(options.backend);
    screen.json(deviceJson(started.device));
    screen.words(`${started.device.name}: ${started.device.why}`);
    const own = options.texts.length === 0 ? null : await takeIn(session, options, screen, interrupted);
    const tree: TreeNode[] = [];
    const ends = new Map<string, string>();
    for (const { id, parent, recipe } of pipeline.nodes) {
      if (id !== "") screen.words(`${id}${parent === null ? "" : `, from ${parent}`}`);
      if (id !== "") screen.json(JSON.stringify({ type: "node", id, parent }));
      const job = new Job({ ...options, ...(options.out !== undefined && id !== "" && { out: join(options.out, id) }) }, screen, (line) => void file?.write(`${id === "" ? line : line.replace("{", `{"node":"${id}",`)}\n`));
      if (options.out !== undefined && id !== "") await mkdir(join(options.out, id), { recursive: true });
      onEvents = job.onEvents;
      const { summary, rows, last, error } = await job.run(session, own === null ? recipe : useOwnCorpus(recipe, own), started, interrupted, parent === null ? undefined : ends.get(parent));
      if (error !== undefined) process.stderr.write(`${error}\n`);
      if (summary.outcome !== "finished") return summary.outcome === "stopped" ? EXIT.interrupted : EXIT.failed;
      if (last !== undefined) ends.set(id, last);
      tree.push({ id, parent, rows, steps: summary.stages.reduce((sum, { steps }) => sum + steps, 0), seconds: summary.stages.reduce((sum, { train_ms }) => sum + train_ms, 0) / 1000 });
    }
    if (pipeline.nodes.length > 1) {
      screen.lines(treeLines(tree));
      screen.json(JSON.stringify({ type: "tree", pipeline: pipeline.name, nodes: tree.map((node) => ({ id: node.id, parent: node.parent, steps: node.steps, seconds: node.seconds, evaluations: node.rows.filter((row) => row["val/loss"] !== undefined || row.quiz_right !== undefined) })) }));
    }
    return EXIT.done;
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
