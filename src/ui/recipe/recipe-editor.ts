/** Every field of the recipe in one dialog, with what it costs and what is wrong. Edits a draft; hands on only what is within range; starts nothing. */
import { LitElement, html, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { keyed } from "lit/directives/keyed.js";
import type { CorpusSummary, DataSource, Recipe, Stage } from "../../protocol/index.ts";
import { nearest } from "../../protocol/recipe-diff.ts";
import { plural, safeName } from "../shared/format.ts";
import * as icons from "../shared/icons.ts";
import type { CalibrationState } from "../page-state.ts";
import "./recipe-cost.ts";
import { type DraftField, edited, fieldsUnder, fieldValue, History, MOST_STAGES, problemsOf, valueAt, withoutStage, withStage } from "./recipe-draft.ts";
import { recipeEditorStyles } from "./recipe-editor-styles.ts";
import "./recipe-field.ts";
import type { Method } from "./recipe-method.ts";
import "./recipe-method.ts";
import "./recipe-mixture.ts";
import { base, controls, sheet } from "../shared/shared-styles.ts";
import { wantsText } from "../models/sides.ts";

/** Keys come faster than a machine can be measured; a pause in them sends the recipe on. */
const QUIET_MS = 350;

/** What a stage of each kind does, and how one is added. */
const STAGE_WORDS: Readonly<Record<Stage["kind"], string>> = { pretrain: "reading", continue: "reading on", sft: "practice in answering", dpo: "preferences" };
const ADDS = { pretrain: "Add a pre-training stage", continue: "Add reading on", sft: "Add a fine-tuning stage", dpo: "Add preferences" } as const satisfies Record<Stage["kind"], string>;

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** A file to be opened as a recipe, and whom to tell why it is none. */
export interface OpenRecipe {
  readonly file: File;
  readonly refuse: (why: string) => void;
}

/**
 * @fires edit-recipe - {detail: Recipe} within range
 * @fires save-recipe - {detail: Recipe}
 * @fires open-recipe - {detail: OpenRecipe}
 */
@customElement("recipe-editor")
export class RecipeEditor extends LitElement {
  static override styles = [base, controls, sheet, recipeEditorStyles];

  @property({ attribute: false }) recipe!: Recipe;
  @property({ attribute: false }) presets: readonly Recipe[] = [];
  @property({ attribute: false }) corpora: readonly CorpusSummary[] = [];
  @property({ attribute: false }) calibrations: Readonly<Record<string, CalibrationState>> = {};
  /** Where the recipe came from, if from elsewhere. */
  @property() note = "";
  /** Why the file that was opened last is none; "" = it was one. */
  @state() private refused = "";

  @state() private draft!: Recipe;
  @query("dialog") private dialog!: HTMLDialogElement;
  private readonly history = new History();
  private sent: Recipe | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  show(): void {
    this.refused = "";
    if (!this.dialog.open) this.dialog.showModal();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.timer);
  }

  /** A recipe from elsewhere replaces the draft; the editor's own coming back does not. */
  protected override willUpdate(changed: Map<PropertyKey, unknown>): void {
    if (!changed.has("recipe") || same(this.recipe, this.sent) || same(this.recipe, this.draft)) return;
    clearTimeout(this.timer);
    [this.draft, this.sent] = [this.recipe, null];
    this.history.clear();
  }

  override render(): unknown {
    const { draft } = this;
    const problems = problemsOf(draft);
    const preset = nearest(draft, this.presets);
    return html`<dialog aria-label="Recipe" data-testid="recipe-editor" @close=${this.onClose} @edit-field=${this.onField}>
      <header>
        <h2>${safeName(draft.name)}</h2>
        <button data-testid="undo-edit" ?disabled=${this.history.length === 0} @click=${this.onUndo}>Undo</button>
        <button data-testid="reset-recipe" ?disabled=${same(draft, preset)} title="All fields as in ${safeName(preset.name)}" @click=${() => this.put(preset)}>Reset to preset</button>
        <button class="file" data-testid="save-recipe" ?disabled=${problems.size > 0} @click=${() => this.emit("save-recipe", draft)}>Save as a file</button>
        <button class="file" data-testid="open-recipe" @click=${() => this.renderRoot.querySelector<HTMLInputElement>("input[type=file]")!.click()}>Open a file</button>
        <button class="plain icon" aria-label="Close" @click=${this.close}>${icons.close()}</button>
        <input type="file" accept=".json,application/json" hidden data-testid="recipe-file" @change=${this.onFile} />
      </header>
      ${this.refused !== "" ? html`<p class="came refused" role="alert" data-testid="file-refused">${this.refused}</p>` : this.note === "" ? nothing : html`<p class="came" role="status">${this.note}</p>`}
      <recipe-cost .recipe=${draft} .calibration=${this.calibrations[JSON.stringify(draft)]} ?wrong=${problems.size > 0} ?waits=${wantsText(draft)}></recipe-cost>
      <div class="fields" tabindex="-1" autofocus>
        ${this.group("Run", "", preset, problems)} ${this.group("Model", "model.", preset, problems)} ${this.group("Tokenizer", "tokenizer.", preset, problems)}
        ${draft.stages.map((stage, i) => keyed(`${i} ${stage.kind} ${draft.stages.length}`, this.stage(stage, i, preset, problems)))}
        <div class="add">
          ${(Object.keys(ADDS) as Stage["kind"][]).map((kind) => html`<button data-testid="add-${kind}" ?disabled=${draft.stages.length >= MOST_STAGES} @click=${() => this.put(withStage(draft, kind, this.presets))}>${ADDS[kind]}</button>`)}
        </div>
      </div>
      <footer>
        <span class="says" role="status" data-testid="editor-says">${problems.size === 0 ? `Nearest preset: ${safeName(preset.name)}. A coloured edge marks what was changed.` : `${plural(problems.size, "field")} to mend: ${[...problems.values()][0]}`}</span>
        <button class="primary" data-testid="close-editor" @click=${this.close}>${problems.size === 0 ? "Done" : "Close, keep the last that fits"}</button>
      </footer>
    </dialog>`;
  }

  private group(title: string, prefix: string, preset: Recipe, problems: ReadonlyMap<string, string>, tools: unknown = nothing, more: unknown = nothing): unknown {
    const fields = fieldsUnder(this.draft, prefix);
    return html`<section data-testid="group-${prefix}"><h3>${title}${tools}</h3>${fields.map((field) => this.field(field, preset, problems))}${more}</section>`;
  }

  private field({ path, name, spec }: DraftField, preset: Recipe, problems: ReadonlyMap<string, string>): unknown {
    const value = fieldValue(this.draft, { path, spec });
    const original = fieldValue(preset, { path, spec });
    return html`<recipe-field .spec=${spec} .path=${path} .name=${name} .value=${value} .preset=${original} .problem=${problems.get(path) ?? ""} ?changed=${value !== original}></recipe-field>`;
  }

  private stage(stage: Stage, i: number, preset: Recipe, problems: ReadonlyMap<string, string>): unknown {
    const at = `stages.${i}.`;
    const dataPath = `${at}data`;
    const kind = stage.kind === "sft" ? "chat" : stage.kind === "dpo" ? "preferences" : "text";
    const remove = html`<button class="plain" data-testid="remove-stage-${i}" ?disabled=${this.draft.stages.length < 2} aria-label="Remove stage ${i + 1}" @click=${() => this.put(withoutStage(this.draft, i))}>${icons.trash()} Remove</button>`;
    const dataProblem = [...problems].find(([path]) => path.startsWith(dataPath))?.[1] ?? "";
    const rest = [...problems].find(([path]) => path.startsWith(at) && !path.startsWith(dataPath) && valueAt(this.draft, path) === undefined)?.[1];
    return this.group(`Stage ${i + 1}: ${STAGE_WORDS[stage.kind]}`, at, preset, problems, remove, html`
      <recipe-mixture .path=${dataPath} .data=${stage.data} .corpora=${this.corpora.filter((corpus) => corpus.kind === kind)} .problem=${dataProblem} @choose-data=${(event: CustomEvent<readonly DataSource[]>) => this.edit(dataPath, event.detail)}></recipe-mixture>
      ${stage.kind !== "pretrain" ? html`<div class="method"><b>method</b><recipe-method .method=${stage.method} .family=${this.draft.model.family} @choose-method=${(event: CustomEvent<Method>) => this.onMethod(event, `${at}method`)}></recipe-method></div>` : nothing}
      ${rest === undefined ? nothing : html`<p class="problem" role="alert">${rest}</p>`}`);
  }

  private readonly onField = (event: CustomEvent<{ path: string; value: unknown }>): void => this.edit(event.detail.path, event.detail.value);

  private onMethod(event: CustomEvent<Method>, path: string): void {
    // The page's own choice of method stands outside; this one is of one stage.
    event.stopPropagation();
    this.edit(path, event.detail);
  }

  private edit(path: string, value: unknown): void {
    if (!same(valueAt(this.draft, path), value)) this.put(edited(this.draft, path, value), path);
  }

  private put(recipe: Recipe, path = ""): void {
    if (same(recipe, this.draft)) return;
    this.history.push(this.draft, path);
    this.take(recipe);
  }

  private readonly onUndo = (): void => {
    const before = this.history.pop();
    if (before !== undefined) this.take(before);
  };

  private take(recipe: Recipe): void {
    this.draft = recipe;
    clearTimeout(this.timer);
    this.timer = setTimeout(this.send, QUIET_MS);
  }

  private readonly send = (): void => {
    clearTimeout(this.timer);
    if (same(this.draft, this.recipe) || problemsOf(this.draft).size > 0) return;
    this.sent = this.draft;
    this.emit("edit-recipe", this.draft);
  };

  private readonly close = (): void => this.dialog.close();

  private readonly onClose = (): void => {
    this.send();
    if (problemsOf(this.draft).size > 0) this.draft = this.sent ?? this.recipe;
  };

  private readonly onFile = (event: Event): void => {
    const input = event.target as HTMLInputElement;
    const file = input.files?.[0];
    this.refused = "";
    if (file !== undefined) this.emit("open-recipe", { file, refuse: (why) => (this.refused = why) } satisfies OpenRecipe);
    input.value = "";
  };

  private emit(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "recipe-editor": RecipeEditor;
  }
}
