/** The run in hand: begun from nothing or from a checkpoint, opened again, forked, taken back. One at a time; what a run then does is `run.ts`. */
import { describeError, NestlingError } from "../core/errors.ts";
import type { Pace } from "../protocol/messages.ts";
import { presetByName } from "../protocol/presets.ts";
import { validateRecipe } from "../protocol/recipe-fields.ts";
import type { Recipe, Stage } from "../protocol/recipe.ts";
import { RunStore, type CheckpointContent, type CheckpointStore, type Storage } from "../store/index.ts";
import * as check from "./check.ts";
import type { ChosenDevice } from "./choose-device.ts";
import type { CorpusLibrary } from "./corpora.ts";
import type { Environment } from "./environment.ts";
import type { EventHub } from "./events.ts";
import { KernelChoices } from "./kernel-choices.ts";
import { plainWeights, tokenizerOf, type ModelShelf } from "./models.ts";
import { RunFiles, savedPoint } from "./run-files.ts";
import type { Origin } from "./run-options.ts";
import { Run } from "./run.ts";
import { hasParent } from "../training/objectives/index.ts";
import { checkpointBefore } from "./undo.ts";

/** How a run begins: from nothing, from a checkpoint's weights, or where a checkpoint stood. */
interface Beginning {
  readonly recipe: Recipe;
  readonly from: CheckpointContent | null;
  readonly paused: boolean;
  readonly resume?: CheckpointContent | null;
  readonly ended?: "finished" | "stopped";
  /** The checkpoint of another run that this one was forked from. */
  readonly branchId?: string | null;
}

/** What the engine lends; functions where it is made only when the engine starts. */
export interface RunsParts {
  readonly env: Environment;
  readonly library: CorpusLibrary;
  readonly shelf: ModelShelf;
  readonly storage: () => Storage;
  readonly checkpoints: () => CheckpointStore;
  readonly chosen: () => ChosenDevice;
  readonly hub: () => EventHub;
  readonly notice: (level: "info" | "warning" | "error", code: string, text: string) => void;
  /** Before another run takes the place of this one. */
  readonly onLeave: () => Promise<void>;
  readonly onSaved: () => void;
}

export class Runs {
  run: Run | null = null;
  /** Of every run, until somebody sets it otherwise. */
  readonly pace: { now: Pace } = { now: "room" };

  constructor(readonly parts: RunsParts) {}

  /** @throws NestlingError COMMAND where there is none */
  get current(): Run {
    if (!this.run) throw new NestlingError("COMMAND", "There is no run. Start one first.");
    return this.run;
  }

  /** Whether the device is at work for a run. */
  get busy(): boolean {
    return this.run?.phase === "running" || this.run?.phase === "preparing";
  }

  /** From nothing, from a checkpoint, or from the one its recipe names as parent. */
  async start(options: { recipe: Recipe; fromCheckpoint?: string; paused?: boolean }): Promise<{ runId: string }> {
    const recipe = validateRecipe(options?.recipe);
    const from = options.fromCheckpoint === undefined ? null : await this.parts.shelf.content(check.id("fromCheckpoint", options.fromCheckpoint));
    const [first] = recipe.stages;
    const parentId = first!.kind === "pretrain" ? undefined : first!.parent;
    const content = from ?? (parentId === undefined ? null : await this.parts.shelf.content(parentId));
    return this.#begin(crypto.randomUUID(), { recipe, from: content, paused: options.paused === true });
  }

  async #begin(runId: string, { recipe: wanted, from, paused, resume = null, ended, branchId = null }: Beginning): Promise<{ runId: string }> {
    const { env, library, notice, onSaved } = this.parts;
    await this.parts.onLeave();
    await this.run?.destroy();
    const [storage, checkpoints, hub] = [this.parts.storage(), this.parts.checkpoints(), this.parts.hub()];
    const { device, report } = this.parts.chosen();
    const origin = from && originOf(from, firstStage(wanted));
    // What an origin brings is not the recipe's to choose: the model's shape and the tokenizer come with the weights.
    const { vocab_size: _, ...model } = origin?.config ?? { ...wanted.model, vocab_size: 0 };
    const recipe: Recipe = { ...wanted, model };
    const stageIndex = resume ? Math.min(resume.manifest.stage.index + (resume.manifest.stage.finished && !ended ? 1 : 0), recipe.stages.length - 1) : (origin?.firstStage ?? 0);
    const runs = new RunStore(storage);
    const { log, records, notice: damage } = await runs.openLog(runId, resume?.manifest.globalStep ?? 0);
    if (damage) notice("warning", damage.code, damage.text);
    const lock = await checkpoints.openRun(runId).catch((error: unknown) => {
      if (error instanceof NestlingError && error.code === "STORAGE_LOCKED") throw error;
      const { code, message } = describeError(error);
      notice("error", code, message);
      return null;
    });
    const parent = resume && !resume.manifest.stage.finished && resume.manifest.id !== branchId
      ? resume.manifest.parentId === null ? null : { id: resume.manifest.parentId, key: resume.manifest.parentKey ?? "" }
      : (resume ?? from) && { id: (resume ?? from)!.manifest.id, key: (resume ?? from)!.manifest.key };
    const files = new RunFiles({
      runId, recipe, checkpoints, runs, log, lock, device: report, parent, originId: from?.manifest.id ?? null, branchId, createdMs: env.date(), date: env.date, onNotice: notice, onSaved,
    });
    // A run that has ended is shown where it ended; any other goes on with the stage after a finished one.
    const goesOn = resume?.manifest.stage.finished === true && !ended;
    const midStage = resume && !goesOn ? savedPoint(resume) : null;
    const continued = goesOn ? originOf(resume, stageIndex) : origin;
    this.run = new Run({
      runId, recipe, device, library, hub, files, origin: continued, stageIndex, saved: midStage, variants: resume?.manifest.variants ?? null, kernels: new KernelChoices(device, report, storage, env),
      now: env.now, breathe: env.breathe, paused, ended, pace: this.pace,
    });
    // Its first state begins a new page of curves; what was logged comes after it.
    this.run.say();
    hub.flush();
    for (const { type, value } of records) {
      if (type === "metrics") this.run.emit({ type: "metrics", rows: value as never });
      else if (type === "sample") this.run.emit({ type: "sample", sample: value as never });
    }
    // On record from the start, so that a reload before the first checkpoint finds it too, and undo what it was forked from.
    if (!resume || resume.manifest.id === branchId) await files.record("preparing");
    void this.run.start();
    return { runId };
  }

  /** A run of the library, where it stood, paused. */
  async open(runId: string): Promise<{ runId: string }> {
    check.id("runId", runId);
    if (this.run?.options.runId === runId) return { runId };
    const record = await new RunStore(this.parts.storage()).load(runId);
    const recipe = validateRecipe(record.recipe);
    const { manifests } = await this.parts.checkpoints().list(runId);
    const newest = manifests.at(-1);
    const originId = record.extra?.["originId"];
    const from = typeof originId === "string" ? await this.parts.shelf.content(originId) : null;
    const resume = newest ? await this.parts.checkpoints().load(newest.id) : null;
    const lastStage = newest?.stage.index === recipe.stages.length - 1 && newest.stage.finished;
    const ended = lastStage ? "finished" : newest && record.phase === "stopped" ? "stopped" : undefined;
    const branch = record.extra?.["branchId"];
    const branchId = typeof branch === "string" ? branch : null;
    // A fork that has saved nothing yet stands where it began.
    const stands = resume ?? (branchId === null ? null : await this.parts.checkpoints().load(branchId));
    return this.#begin(runId, { recipe, from, paused: true, resume: stands, ended, branchId });
  }

  /** A run of its own, from a checkpoint of another with its optimizer state. @throws NestlingError COMMAND where nothing is left to train from there */
  async fork(checkpointId: string): Promise<{ runId: string }> {
    const resume = await this.parts.shelf.content(check.id("checkpointId", checkpointId));
    const { manifest } = resume;
    if (!manifest.resume) throw new NestlingError("COMMAND", `"${manifest.name}" holds no optimizer state, so it cannot go on where it stood. Fine-tune it instead.`, { checkpointId });
    if (manifest.stage.finished && manifest.stage.index === manifest.recipe.stages.length - 1) throw new NestlingError("COMMAND", `"${manifest.name}" is the end of its recipe, so nothing is left to train. Fork an earlier checkpoint, or fine-tune this one.`, { checkpointId });
    const checkpoints = this.parts.checkpoints();
    await checkpoints.pin(checkpointId, true);
    const runs = new RunStore(this.parts.storage());
    const originId = await runs.load(manifest.runId).then((record) => record.extra?.["originId"], () => undefined);
    const from = typeof originId === "string" ? await this.parts.shelf.content(originId) : null;
    const runId = crypto.randomUUID();
    // The parent's run writes what it has logged before it is copied.
    if (this.run?.options.runId === manifest.runId) await this.run.destroy();
    await runs.copyLog(manifest.runId, runId, manifest.globalStep);
    return this.#begin(runId, { recipe: manifest.recipe, from, paused: true, resume, branchId: checkpointId });
  }

  /** To the checkpoint before, in a run of its own: what is taken back is kept. */
  async undo(): Promise<{ runId: string }> {
    const run = this.current;
    const { manifests } = await this.parts.checkpoints().list();
    const back = await checkpointBefore({ runId: run.options.runId, globalStep: run.globalStep, recipe: run.recipe }, manifests, new RunStore(this.parts.storage()));
    if (back === undefined) throw new NestlingError("COMMAND", `There is no checkpoint before step ${run.globalStep} to go back to. One is saved every 60 s, at a pause, before a knob is turned, and at the end of a stage; the newest two, the best of a stage and those before the last ten turns are kept.`);
    return this.fork(back);
  }

  async close(): Promise<void> {
    await this.run?.destroy();
    this.run = null;
  }
}

function originOf(content: CheckpointContent, firstStage: number): Origin {
  const { manifest } = content;
  return { checkpointId: manifest.id, key: manifest.key, config: manifest.model, tokenizer: tokenizerOf(manifest), weights: plainWeights(content), recipe: manifest.recipe, lineage: lineageOf(manifest), tokens: manifest.tokens, firstStage };
}

/** The stages that made a checkpoint, its own last; of one from before they were kept, those of its recipe. */
function lineageOf({ extra, recipe, stage }: CheckpointContent["manifest"]): readonly Stage[] {
  const kept = extra?.["lineage"];
  return Array.isArray(kept) ? (kept as readonly Stage[]) : recipe.stages.slice(0, stage.index + 1);
}

/** From a checkpoint, training begins with the first stage that needs one; from nothing, with the first of all. */
function firstStage(recipe: Recipe): number {
  const index = recipe.stages.findIndex(hasParent);
  if (index < 0) throw new NestlingError("CONFIG_RANGE", `The recipe "${recipe.name}" has no stage after pre-training, so there is nothing to do from a checkpoint. Use "${presetByName("first-light")!.name}", or start from nothing.`, { field: "stages" });
  return index;
}
