/** What the page does with data that comes: for `app-actions` alone. It leads every way in to one dialog, has it read, and sets up or starts what was chosen. */
import type { CorpusChoices, OwnFile, Recipe } from "../../protocol/index.ts";
import { nearest } from "../../protocol/recipe-diff.ts";
import type { TakeDetail } from "./data-dialog.ts";
import { isRefusal, planFor, plansFor, withoutCorpus } from "./data-plan.ts";
import { leftOutWords, titleOf } from "./data-words.ts";
import { safeName } from "../shared/format.ts";
import type { NestlingApp } from "../nestling-app.ts";
import { givenFrom, kindsOf, modelName, type Given } from "../page-files.ts";
import { isLive } from "../page-state.ts";
import type { Handlers } from "../recipe/recipe-actions.ts";
import type { StartChoice } from "../train/start-panel.ts";

/** A paste of less is a slip, and no text to learn from. */
const FEWEST_PASTED = 65;

export interface DataActions {
  readonly on: Handlers;
  give(given: { readonly files: readonly Given[]; readonly folders?: readonly string[]; readonly chosen?: boolean }): void;
  onPaste(event: ClipboardEvent): void;
  afterUpdate(): void;
  /** Recipes whose speed the dialog waits for. */
  measured(): readonly Recipe[];
}

interface Ways {
  readonly start: (choice: StartChoice) => Promise<void>;
  readonly choose: (preset: Recipe | undefined) => void;
  readonly openRecipe: (given: Given) => Promise<void>;
}

export function dataActions(app: NestlingApp, { start, choose, openRecipe }: Ways): DataActions {
  const controller = app.run;
  let looks = 0;
  let reading = "";

  /** A look at what lies there now; an older look that comes late is dropped. */
  const look = async (): Promise<void> => {
    const { intake } = app;
    if (intake === null) return;
    const mine = ++looks;
    app.intake = { ...intake, phase: "looking", error: undefined };
    const base = app.tuning()?.base.id;
    const seen = await controller.lookAtFiles(intake.files, intake.choices, base);
    if (mine !== looks || app.intake === null) return;
    app.intake = "kind" in seen ? { ...app.intake, phase: "ready", preview: seen } : { ...app.intake, phase: "ready", error: seen };
  };

  const open = (files: readonly OwnFile[], asides: readonly string[]): void => {
    const { intake } = app;
    // One more drop onto the open dialog adds to it.
    app.intake = intake === null
      ? { id: crypto.randomUUID(), files, choices: {}, phase: "looking", asides, share: 0, sinceMs: 0 }
      : { ...intake, files: [...intake.files, ...files], asides: [...intake.asides, ...asides] };
    if (files.length > 0) void look();
  };

  const give: DataActions["give"] = ({ files, folders = [], chosen = false }) => {
    if (app.intake?.phase === "reading") return;
    const texts: OwnFile[] = [];
    const asides = folders.map((name) => `${safeName(name)} is a folder. Open it and drop the files in it.`);
    const kinds = kindsOf(files);
    const parts = files.filter((_, i) => kinds[i] === "model part");
    const openModel = async (model: readonly Given[]): Promise<void> => {
      const error = await controller.importModel(modelName(model), model);
      if (error) controller.notify("error", error.code, error.message);
    };
    if (parts.length > 0) void openModel(parts);
    for (const [i, given] of files.entries()) {
      const kind = kinds[i];
      // What was chosen or pasted as a text is one, whatever its name says.
      if (kind === "text" || (chosen && kind === "other")) texts.push({ name: given.name.slice(-1000), data: given.data });
      else if (kind === "recipe") void openRecipe(given);
      else if (kind === "model") void openModel([given]);
      else if (kind === "other") asides.push(`${safeName(given.name)} is neither a text (.txt, .md, .csv, .jsonl, or one of these as .gz), nor a model (.zip, or .safetensors with its .json files), nor a recipe (.json). Nothing was changed.`);
    }
    for (const words of asides) controller.notify("error", "DATA_KIND", words);
    if (texts.length > 0) open(texts, asides);
  };

  const onPaste = (event: ClipboardEvent): void => {
    const intoField = event.composedPath().some((node) => node instanceof HTMLTextAreaElement || node instanceof HTMLInputElement || node instanceof HTMLDialogElement);
    if (event.defaultPrevented || intoField || event.clipboardData === null) return;
    const { files } = givenFrom(event.clipboardData);
    const text = event.clipboardData.getData("text/plain");
    const real = files.filter(({ data }) => data instanceof File);
    if (real.length > 0) give({ files: real });
    else if (text.trim().length >= FEWEST_PASTED) give({ files: [{ name: "Pasted text", data: new Blob([text], { type: "text/plain" }) }], chosen: true });
    else return;
    event.preventDefault();
  };

  const take = async ({ use, wish, start: atOnce }: TakeDetail): Promise<void> => {
    const { intake } = app;
    if (intake?.preview === undefined || intake.phase !== "ready") return;
    const { files, choices, preview } = intake;
    reading = crypto.randomUUID();
    app.intake = { ...intake, phase: "reading", error: undefined, share: 0, sinceMs: performance.now() };
    const title = titleOf(files);
    const kept = await controller.keepFiles(title, files, choices, reading);
    reading = "";
    if (!("id" in kept)) {
      if (app.intake !== null) app.intake = { ...app.intake, phase: "ready", ...(kept.code === "CANCELLED" ? {} : { error: kept }) };
      return;
    }
    app.intake = null;
    const left = leftOutWords(kept);
    if (left !== "") controller.notify("warning", "DATA_LEFT_OUT", left);
    if (kept.kind === "text") app.ownText = { id: kept.id, title, bytes: kept.bytes };
    // The whole of it may hold what its first part did not.
    const plan = planFor(use, { ...preview, kind: kept.kind === "text" ? "text" : "chat" }, app.setting, wish, kept.id);
    if (isRefusal(plan)) return controller.notify("info", "TEXT_ADDED", `${safeName(title)} is kept. ${plan.blocked}`);
    const live = isLive(controller.state.run);
    app.linkNote = "";
    if (atOnce && !live) {
      if (use !== "finetune") app.chosen = plan.recipe;
      return start({ recipe: plan.recipe, ...(plan.from === undefined ? {} : { fromCheckpoint: plan.from }) });
    }
    app.chosen = plan.recipe;
    if (live) return controller.notify("info", "TEXT_ADDED", `${safeName(title)} is ready, and the recipe for it is set up. It can be trained on when this run has ended.`);
    controller.clearRun();
    [app.view, app.tab] = ["train", "recipe"];
    controller.notify("info", "TEXT_ADDED", `${safeName(title)} is ready, and the recipe is set up: "${use === "finetune" ? "Fine-tune it" : "Train from nothing"}" starts it.`);
  };

  const forget = async (id: string): Promise<void> => {
    if (!(await controller.deleteText(id))) return;
    if (app.ownText?.id === id) app.ownText = null;
    if (app.recipe.stages.some(({ data }) => data.some(({ corpus }) => corpus === id))) app.chosen = withoutCorpus(app.recipe, id) ?? { ...nearest(app.recipe, app.presets), seed: app.recipe.seed };
  };

  const useAgain = (id: string): void => {
    const corpus = controller.state.corpora.find((each) => each.id === id);
    if (corpus === undefined) return;
    app.ownText = { id, title: corpus.title, bytes: corpus.bytes };
    choose(app.presets.find(({ name }) => name === "your-text"));
  };

  const change = (part: Partial<NonNullable<NestlingApp["intake"]>>): void => {
    if (app.intake === null) return;
    app.intake = { ...app.intake, ...part };
    void look();
  };

  controller.onIntake = (intakeId, share) => {
    if (intakeId === reading && app.intake !== null) app.intake = { ...app.intake, share };
  };

  return {
    give,
    onPaste,
    on: {
      "give-text": (files: readonly Given[]) => give({ files, chosen: true }),
      "choose-reading": (choices: CorpusChoices) => change({ choices }),
      "remove-file": (place: number) => {
        const files = app.intake?.files.filter((_, i) => i !== place) ?? [];
        if (files.length === 0) app.intake = null;
        else change({ files });
      },
      "take-data": (detail: TakeDetail) => void take(detail),
      "stop-reading": () => void controller.stopIntake(reading),
      "leave-data": () => (app.intake = null),
      "delete-text": (id: string) => void forget(id),
      "use-text": useAgain,
    },
    afterUpdate(): void {
      // The dialog would stand before what brings the engine back.
      if (controller.state.link === "dead" && app.intake !== null) app.intake = null;
    },
    measured(): readonly Recipe[] {
      const { intake, setting } = app;
      if (intake?.preview === undefined || intake.phase === "reading") return [];
      return plansFor(intake.preview, setting).flatMap((plan) => (isRefusal(plan) ? [] : [plan.measured]));
    },
  };
}
