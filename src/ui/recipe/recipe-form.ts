/** Chooses a preset, a seed and the person's own text. Holds no recipe: it says what was chosen. */
import { LitElement, type PropertyValues, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import type { CorpusSummary, Recipe } from "../../protocol/index.ts";
import { distance, nearest } from "../../protocol/recipe-diff.ts";
import { forTravel } from "../../protocol/recipe-link.ts";
import "../data/data-own.ts";
import { formatBytes, formatShort, plural, safeName } from "../shared/format.ts";
import type { Given } from "../page-files.ts";
import { recipeFormStyles } from "./recipe-form-styles.ts";
import type { Method } from "./recipe-method.ts";
import "./recipe-method.ts";
import { base, controls, disclosure } from "../shared/shared-styles.ts";

/** What a preset is, for a person; a preset without an entry is described by its numbers alone. */
const WORDS: Readonly<Record<string, { readonly title: string; readonly text: string }>> = {
  "first-light": { title: "Stories and a small world", text: "Children's books and a made-up place, then questions about it" },
  "shakespeare-char": { title: "Shakespeare", text: "Three plays, letter by letter, no fine-tuning" },
  "your-text": { title: "Your text", text: "Anything you drop or paste here" },
  "your-tuning": { title: "Your fine-tuning", text: "A base, and then your text" },
  "stories-llama": { title: "Stories, as a Llama", text: "The same with the other architecture, to lay beside the first" },
  "gpu-10m": { title: "Ten million", text: "About 10 M parameters, for a real GPU" },
};

/** What a recipe is called before a person. */
export const recipeTitle = ({ name }: Recipe): string => WORDS[name]?.title ?? safeName(name);

/** The three ways in; others stand behind *More recipes*. */
const FEATURED = ["first-light", "shakespeare-char", "your-text"];

const PASTED = "Pasted text";

const MOST_SEED = 0xffff_ffff;

/**
 * @fires choose-preset - {detail: string} the preset's name
 * @fires choose-seed - {detail: number}
 * @fires show-editor - every field is wanted
 * @fires give-text - {detail: readonly Given[]}
 */
@customElement("recipe-form")
export class RecipeForm extends LitElement {
  static override styles = [base, controls, disclosure, recipeFormStyles];

  @property({ attribute: false }) presets: readonly Recipe[] = [];
  @property({ attribute: false }) recipe!: Recipe;
  @property({ attribute: false }) ownText: { readonly title: string; readonly bytes: number } | null = null;
  /** All that the person has brought, from the newest visit and before. */
  @property({ attribute: false }) own: readonly CorpusSummary[] = [];

  /** How fine-tuning moves the weights; null = nothing here fine-tunes. */
  @property({ attribute: false }) method: Method | null = null;
  @property() family: Recipe["model"]["family"] = "gpt2";

  @state() private pasting = false;
  /** What was typed for a seed and is none. */
  @state() private badSeed: string | null = null;

  /** The box closes when its text was taken: a refused one stays there to be mended. */
  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("ownText") && this.ownText?.title === PASTED) this.pasting = false;
    if (changed.has("recipe") && changed.get("recipe")?.seed !== this.recipe.seed) this.badSeed = null;
  }

  override render(): unknown {
    const chosen = nearest(this.recipe, this.presets);
    const edits = distance({ ...chosen, seed: this.recipe.seed }, forTravel(this.recipe));
    const { cards, more } = split(this.presets);
    return html`
      <fieldset aria-label="Recipe">
        <div class="presets">${cards.map((preset) => this.preset(preset))}</div>
        ${more.length === 0 ? nothing : html`<details ?open=${more.some((preset) => preset === chosen)}><summary>More recipes</summary><div class="presets">${more.map((preset) => this.preset(preset))}</div></details>`}
      </fieldset>
      <div class="line">
        <label class="seed">Seed <input type="text" inputmode="numeric" autocomplete="off" data-testid="seed" .value=${this.badSeed ?? String(this.recipe.seed)} aria-invalid=${this.badSeed !== null} aria-describedby=${this.badSeed === null ? nothing : "seed-problem"} title="A whole number from 0 to ${MOST_SEED}" @change=${this.onSeed} /></label>
        ${this.badSeed === null ? nothing : html`<p id="seed-problem" class="problem" role="alert" data-testid="seed-problem">The seed must be a whole number from 0 to ${MOST_SEED}; ${this.recipe.seed} stays.</p>`}
        <span class="quiet">${this.summary()}${edits === 0 ? "" : "; changed from its preset"}</span>
        <button data-testid="edit-recipe" @click=${() => this.emit("show-editor", undefined)}>Edit the recipe</button>
      </div>
      ${this.method === null ? nothing : html`<div class="line method"><span>Fine-tuning changes</span><recipe-method .method=${this.method} .family=${this.family}></recipe-method></div>`}
      <div class="line">
        <button data-testid="pick-text" @click=${this.pick}>Choose files</button>
        <button @click=${() => (this.pasting = !this.pasting)} aria-expanded=${this.pasting}>Paste text</button>
        <span class="quiet">${this.ownText === null ? "or drop some anywhere on the page (.txt, .md, .csv, .jsonl, .gz)" : html`Own text: ${safeName(this.ownText.title)}, ${formatBytes(this.ownText.bytes)}`}</span>
        <input type="file" accept=".txt,.md,.csv,.tsv,.jsonl,.ndjson,.gz,text/plain,text/markdown" multiple hidden data-testid="text-file" @change=${this.onFile} />
      </div>
      ${this.pasting ? this.pasteBox() : nothing}
      <data-own .corpora=${this.own}></data-own>
    `;
  }

  private preset(preset: Recipe): unknown {
    const words = WORDS[preset.name];
    return html`<label>
      <input type="radio" name="preset" data-testid="preset-${preset.name}" .checked=${live(preset === nearest(this.recipe, this.presets))} @change=${() => this.emit("choose-preset", preset.name)} />
      <b>${recipeTitle(preset)}</b>${words?.text ?? modelLine(preset)}
    </label>`;
  }

  private summary(): string {
    const steps = this.recipe.stages.reduce((sum, stage) => sum + stage.max_iters, 0);
    return `${modelLine(this.recipe)}; ${formatShort(steps)} steps in ${plural(this.recipe.stages.length, "stage")}`;
  }

  private pasteBox(): unknown {
    return html`<div class="paste">
      <textarea aria-label="Your text" placeholder="Paste a few pages or more; a page is about 2,000 characters" data-testid="paste-text"></textarea>
      <button data-testid="use-pasted" @click=${this.usePasted}>Use this text</button>
    </div>`;
  }

  private readonly pick = (): void => this.renderRoot.querySelector<HTMLInputElement>("input[type=file]")?.click();

  private readonly onFile = (event: Event): void => {
    const input = event.target as HTMLInputElement;
    const files = [...(input.files ?? [])].map((file): Given => ({ name: file.name, data: file }));
    if (files.length > 0) this.emit("give-text", files);
    input.value = "";
  };

  private readonly usePasted = (): void => {
    const text = this.renderRoot.querySelector("textarea")?.value ?? "";
    this.emit("give-text", [{ name: PASTED, data: new Blob([text], { type: "text/plain" }) }]);
  };

  private readonly onSeed = (event: Event): void => {
    const input = event.target as HTMLInputElement;
    const seed = input.value.trim() === "" ? NaN : Number(input.value);
    const good = Number.isInteger(seed) && seed >= 0 && seed <= MOST_SEED;
    this.badSeed = good ? null : input.value;
    if (good) this.emit("choose-seed", seed);
  };

  private emit(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

/** Three cards, the featured ones first; what is left stands behind *More recipes*. */
function split(presets: readonly Recipe[]): { cards: readonly Recipe[]; more: readonly Recipe[] } {
  const featured = FEATURED.flatMap((name) => presets.find((preset) => preset.name === name) ?? []);
  const cards = [...featured, ...presets.filter((preset) => !featured.includes(preset))].slice(0, 3);
  return { cards, more: presets.filter((preset) => !cards.includes(preset)) };
}

/** The model of a recipe in one line. */
export function modelLine(recipe: Recipe): string {
  const { n_layer, n_embd, block_size } = recipe.model;
  const tokens = recipe.tokenizer.kind === "char" ? "characters" : `${formatShort(recipe.tokenizer.vocab_size)} word pieces`;
  return `${plural(n_layer, "layer")}, ${n_embd} wide, context ${block_size}, ${tokens}`;
}

declare global {
  interface HTMLElementTagNameMap {
    "recipe-form": RecipeForm;
  }
}
