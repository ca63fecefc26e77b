/** What the page does when a part of it asks: one handler per event, for `nestling-app` alone. Draws nothing. */
import type { CheckpointSummary, KnobChange, Pace, Recipe } from "../protocol/index.ts";
import type { ViewName } from "./app-bar.ts";
import type { AskDetail } from "./answers/ask-panel.ts";
import { ASK_DEFAULTS } from "./answers/ask-panel.ts";
import { benchActions } from "./bench/bench-actions.ts";
import { dataActions } from "./data/data-actions.ts";
import type { MeasureExample } from "./data/examples-dialog.ts";
import { examplesRecipe, rowsToJsonl, type ExampleRow } from "./data/examples-rows.ts";
import { insideActions } from "./inside/inside-actions.ts";
import { kernelActions } from "./bench/kernel-actions.ts";
import { actionOf } from "./keys.ts";
import type { OpenModel } from "./models/models-drawer.ts";
import type { NestlingApp } from "./nestling-app.ts";
import { fileName, givenFrom, modelName, saveBlob } from "./page-files.ts";
import type { Side } from "./page-state.ts";
import type { PhoneTab } from "./phone-bar.ts";
import { recipeActions } from "./recipe/recipe-actions.ts";
import { withMethod } from "./recipe/recipe-choice.ts";
import { allChoices, wantsText, withOwnText } from "./models/sides.ts";
import type { StartChoice } from "./train/start-panel.ts";

export interface AppActions {
  attach(): void;
  detach(): void;
  /** Looks after what follows from state: the first question, calibration, the watched prompt. */
  afterUpdate(firstQuestion: string): void;
}

export function appActions(app: NestlingApp): AppActions {
  const controller = app.run;
  let asked = false;
  let watched = "";

  const ask = (detail: AskDetail): void => {
    const { run, checkpoints } = controller.state;
    const labels = new Map(allChoices(run, checkpoints).map(({ id, label }) => [id, label]));
    const sides = (["base", "tuned"] as const)
      .map((side) => ({ side, checkpointId: app.answering[side], model: labels.get(app.answering[side]) ?? "" }))
      .filter(({ checkpointId }) => checkpointId !== "");
    void controller.ask({ ...detail, sides });
  };

  const start = async (choice: StartChoice): Promise<void> => {
    app.starting = true;
    app.linkNote = "";
    if (await controller.startRun(choice.recipe, choice.fromCheckpoint)) app.tab = "watch";
    app.starting = false;
    app.sides = {};
  };

  const tuneFrom = (id: string): void => {
    const from = controller.state.checkpoints.find((item) => item.id === id);
    const tuning = from === undefined ? null : app.tuning(from);
    if (tuning !== null) void start({ recipe: tuning.recipe, fromCheckpoint: tuning.base.id });
  };

  const tuneExamples = async (rows: readonly ExampleRow[]): Promise<void> => {
    const tuning = app.tuning();
    if (tuning === null) return;
    const added = await controller.addText("your-examples.jsonl", new Blob([rowsToJsonl(rows)], { type: "application/jsonl" }));
    if (added === undefined) return;
    // How many steps fit into a minute is measured, where it is not known yet: about two seconds.
    app.starting = true;
    await controller.calibrate(tuning.recipe);
    const calibration = controller.state.calibrations[JSON.stringify(tuning.recipe)];
    const speed = calibration?.status === "done" ? calibration.value.tokensPerSec : undefined;
    await start({ recipe: examplesRecipe(tuning.recipe, added, rows, speed), fromCheckpoint: tuning.base.id });
  };

  const previewExample = async ({ question, answer }: ExampleRow): Promise<void> => {
    const base = app.tuning()?.base.id;
    app.examplePieces = base === undefined || (question === "" && answer === "") ? [] : await controller.chatPieces(base, question, answer);
  };

  const measureExample = async ({ question, answer, tell }: MeasureExample): Promise<void> => {
    const base = app.tuning()?.base.id;
    const pieces = base === undefined ? [] : await controller.chatPieces(base, question, answer);
    if (pieces.length > 0) tell(pieces.length);
  };

  const recipes = recipeActions(app);
  const kernels = kernelActions(app);

  const choose = (preset: Recipe | undefined): void => {
    if (preset === undefined) return;
    app.linkNote = "";
    const seeded = withMethod({ ...preset, seed: app.recipe.seed }, app.method);
    app.chosen = app.ownText !== null && preset.name === "your-text" ? withOwnText(seeded, app.ownText.id) : seeded;
  };

  const data = dataActions(app, { start, choose, openRecipe: recipes.openFile });

  const download = async (item: CheckpointSummary): Promise<void> => {
    app.downloading = item.id;
    const blob = await controller.exportModel(item.id);
    app.downloading = "";
    if (blob !== undefined) saveBlob(blob, fileName(item.name, item.step));
  };

  const on: Readonly<Record<string, (detail: never) => void>> = {
    ...benchActions(app),
    ...insideActions(app),
    ...recipes.on,
    ...kernels.on,
    ...data.on,
    "choose-view": (view: ViewName) => (app.view = view),
    "choose-tab": (tab: PhoneTab) => (app.tab = tab),
    "choose-preset": (name: string) => choose(app.presets.find((preset) => preset.name === name)),
    "choose-seed": (seed: number) => (app.chosen = { ...app.recipe, seed }),
    "choose-model": ({ side, id }: { side: Side; id: string }) => (app.sides = { ...app.sides, [side]: id }),
    "open-model": ({ files, refuse }: OpenModel) => void controller.importModel(modelName(files), files).then((error) => refuse(error === null ? "" : `${error.message} ${error.code}`)),
    "download-model": (item: CheckpointSummary) => void download(item),
    "delete-model": (id: string) => void controller.deleteModel(id),
    "tune-from": tuneFrom,
    "show-examples": () => app.examples.show(),
    "preview-example": (row: ExampleRow) => void previewExample(row),
    "measure-example": (row: MeasureExample) => void measureExample(row),
    "tune-examples": (rows: readonly ExampleRow[]) => void tuneExamples(rows),
    "start-run": (choice: StartChoice) => void start(choice),
    "new-run": () => controller.clearRun(),
    "toggle-play": () => void controller.togglePlay(),
    "single-step": () => void controller.singleStep(),
    "set-pace": (pace: Pace) => void controller.attempt((api) => api.setPace(pace)),
    "turn-knobs": (knobs: Omit<KnobChange, "step">) => void controller.turnKnobs(knobs),
    "undo-run": () => void controller.undo(),
    "fork-run": (id: string) => void controller.fork(id),
    "stop-run": () => void app.dialog.show("stop"),
    "confirm-stop": () => void controller.stop(),
    "show-models": () => app.drawer.show(),
    "show-keys": () => void app.dialog.show("keys"),
    "show-pieces": () => app.piecesView.show(),
    "next-theme": () => app.theme.next(),
    "focus-ask": () => {
      app.tab = "ask";
      void app.updateComplete.then(() => app.askPanel.focusInput());
    },
    "view-train": () => (app.view = "train"),
    "view-labs": () => (app.view = "labs"),
    "view-bench": () => (app.view = "bench"),
    dismiss: (id: number) => controller.dismissNotice(id),
    ask,
    "stop-answer": () => void controller.stopAnswer(),
    "watch-prompt": (prompt: string) => {
      app.prompt = prompt;
      watched = "";
    },
    tokenize: (text: string) => {
      const { base, tuned } = app.answering;
      void controller.tokenize(base || tuned, text).then((pieces) => (app.pieces = pieces));
    },
  };

  const onEvent = (event: Event): void => on[event.type]((event as CustomEvent).detail as never);

  const onKey = (event: KeyboardEvent): void => {
    const action = actionOf(event);
    // A modal dialog has the keys to itself.
    if (action === undefined || event.composedPath().some((node) => node instanceof HTMLDialogElement)) return;
    if ((action === "stop-run" || action === "undo-run") && (controller.state.run === null || !["preparing", "running", "paused"].includes(controller.state.run.phase))) return;
    event.preventDefault();
    on[action](undefined as never);
  };

  const onDrag = (event: DragEvent): void => {
    const files = event.dataTransfer?.types.some((type) => type === "Files" || type === "text/plain") ?? false;
    const intoField = event.composedPath().some((node) => node instanceof HTMLTextAreaElement || node instanceof HTMLInputElement);
    if (!files || intoField) return;
    event.preventDefault();
    app.classList.add("dragging");
  };

  const endDrag = (event: DragEvent): void => {
    if (event.type === "dragleave" && event.relatedTarget !== null) return;
    app.classList.remove("dragging");
  };

  const onDrop = (event: DragEvent): void => {
    if (event.defaultPrevented || event.dataTransfer === null || !app.classList.contains("dragging")) return;
    endDrag(event);
    event.preventDefault();
    data.give(givenFrom(event.dataTransfer));
  };

  const readLinks = (): void => {
    recipes.readLink();
    kernels.readLink();
  };

  const pageEvents = { keydown: onKey, dragover: onDrag, dragleave: endDrag, drop: onDrop, paste: data.onPaste, hashchange: readLinks } as const;

  return {
    attach(): void {
      for (const name of Object.keys(on)) app.addEventListener(name, onEvent);
      for (const [name, handler] of Object.entries(pageEvents)) window.addEventListener(name, handler as EventListener);
      readLinks();
    },
    detach(): void {
      for (const name of Object.keys(on)) app.removeEventListener(name, onEvent);
      for (const [name, handler] of Object.entries(pageEvents)) window.removeEventListener(name, handler as EventListener);
    },
    afterUpdate(firstQuestion: string): void {
      recipes.afterUpdate();
      data.afterUpdate();
      const { state } = controller;
      // Another engine has been asked nothing yet.
      if (state.link === "connecting") [asked, watched] = [false, ""];
      if (state.link !== "ready") return;
      if (!asked && state.checkpoints.length > 0 && state.run === null) {
        asked = true;
        ask({ ...ASK_DEFAULTS, prompt: firstQuestion, chat: true });
      }
      const from = state.run === null ? "idle" : `${state.run.runId} ${state.run.canSample}`;
      if (watched !== `${from} ${app.prompt}` && (state.run === null ? state.checkpoints.length > 0 : state.run.canSample)) {
        watched = `${from} ${app.prompt}`;
        void controller.watchNextWord(app.prompt);
      }
      if ((state.run === null || (app.intake !== null && state.run.phase !== "running" && state.run.phase !== "preparing")) && app.presets.length > 0) calibrateInTurn();
    },
  };

  /** One calibration at a time: two at once would measure each other. */
  function calibrateInTurn(): void {
    const { calibrations, exchange } = controller.state;
    const answering = exchange?.answers.some((answer) => answer.status !== "done") ?? false;
    if (answering || Object.values(calibrations).some((entry) => entry.status === "measuring")) return;
    const shown = controller.state.run === null ? [app.tuning()?.recipe, app.recipe] : [];
    // A recipe that waits for a text is measured once data is there.
    const settled = shown.filter((recipe) => recipe !== undefined && !wantsText(recipe)) as Recipe[];
    const next = [...data.measured(), ...settled].find((recipe) => calibrations[JSON.stringify(recipe)] === undefined);
    if (next !== undefined) void controller.calibrate(next);
  }
}
