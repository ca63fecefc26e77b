/** One field of a recipe: its name, what it does, its range, what is wrong with it, and the way back to the preset's value. */
import { LitElement, css, html, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import { type FieldSpec, allowedText } from "../../protocol/recipe-fields.ts";
import { formatSmall, safeName } from "../shared/format.ts";
import * as icons from "../shared/icons.ts";
import { readTyped } from "./recipe-draft.ts";
import { base, controls } from "../shared/shared-styles.ts";

const shown = (value: unknown): string => (typeof value === "number" ? (Number.isInteger(value) ? String(value) : formatSmall(value)) : safeName(String(value)));

/** A field's range in a few letters; nothing where the control itself shows what is allowed. */
function rangeText(spec: FieldSpec): string {
  if (spec.type === "choice" || spec.type === "boolean") return "";
  if (spec.type === "text") return `Up to ${spec.max} characters.`;
  const [least, most] = spec.usual ?? [];
  const usual = least === undefined ? "" : `, usually ${least === most ? least : `${least} to ${most}`}`;
  return `From ${spec.min} to ${spec.max}${usual}.`;
}

/** @fires edit-field - {detail: {path: string, value: unknown}} */
@customElement("recipe-field")
export class RecipeField extends LitElement {
  static override styles = [
    base,
    controls,
    css`
      :host {
        display: grid;
        grid-template-columns: minmax(0, 1fr) 8.5rem;
        gap: 0 var(--s3);
        align-items: center;
        padding: 0.35rem 0 0.35rem var(--s2);
        border-left: 2px solid transparent;
      }
      :host([changed]) {
        border-left-color: var(--tuned);
      }
      label {
        font: 500 var(--t-s) / 1.4 var(--mono);
        overflow-wrap: anywhere;
      }
      input:not([type="checkbox"]),
      select {
        width: 100%;
      }
      input[type="checkbox"] {
        width: 1.15rem;
        height: 1.15rem;
        justify-self: start;
      }
      p {
        grid-column: 1 / -1;
        margin-top: 0.2rem;
        font-size: var(--t-xs);
        line-height: 1.4;
        color: var(--ink-3);
      }
      .problem {
        color: var(--bad);
      }
      .back {
        min-height: 1.5rem;
        margin-left: var(--s2);
        padding: 0 var(--s1);
        font: 400 var(--t-xs) / 1.2 var(--sans);
        color: var(--tuned);
      }
      .back svg {
        width: 0.85rem;
        height: 0.85rem;
      }
    `,
  ];

  @property({ attribute: false }) spec!: FieldSpec;
  @property() path = "";
  @property() name = "";
  @property({ attribute: false }) value: unknown;
  /** The preset's value; undefined = it has none here. */
  @property({ attribute: false }) preset: unknown;
  @property() problem = "";
  @property({ type: Boolean, reflect: true }) changed = false;

  /** A field in hand keeps what is being typed ("0." on the way to 0.5); any other shows the recipe. */
  protected override updated(): void {
    const control = this.renderRoot.querySelector<HTMLInputElement | HTMLSelectElement>("input, select")!;
    if (control instanceof HTMLInputElement && control.type === "checkbox") control.checked = this.value === true;
    else if (readTyped(this.spec, control.value) !== this.value) control.value = String(this.value ?? "");
  }

  override render(): unknown {
    const { spec, name, problem } = this;
    return html`
      <div>
        <label for="value">${name}</label>
        ${this.changed && this.preset !== undefined
          ? html`<button class="plain back" data-testid="back-${this.path}" title="Back to the preset's value" aria-label="was ${shown(this.preset)}: put ${name} back" @click=${() => this.emit(this.preset)}>${icons.again()} was ${shown(this.preset)}</button>`
          : nothing}
      </div>
      ${this.control()}
      <p id="about">${spec.meaning} ${rangeText(spec)}</p>
      ${problem === "" ? nothing : html`<p class="problem" role="alert" id="problem" data-testid="problem-${this.path}">${problem}</p>`}
    `;
  }

  private control(): unknown {
    const { spec, path, problem } = this;
    const id = `field-${path}`;
    if (spec.type === "choice")
      return html`<select id="value" data-testid=${id} aria-describedby="about" @change=${this.onText}>${spec.choices!.map((choice) => html`<option value=${choice}>${choice}</option>`)}</select>`;
    if (spec.type === "boolean") return html`<input id="value" type="checkbox" data-testid=${id} aria-describedby="about" @change=${(event: Event) => this.emit((event.target as HTMLInputElement).checked)} />`;
    return html`<input id="value" type="text" inputmode=${spec.type === "text" ? "text" : "decimal"} autocomplete="off" spellcheck="false" data-testid=${id} title=${allowedText(spec)} aria-describedby=${problem === "" ? "about" : "about problem"} aria-invalid=${problem !== ""} @input=${this.onText} />`;
  }

  private readonly onText = (event: Event): void => this.emit(readTyped(this.spec, (event.target as HTMLInputElement | HTMLSelectElement).value));

  private emit(value: unknown): void {
    this.dispatchEvent(new CustomEvent("edit-field", { detail: { path: this.path, value }, bubbles: true, composed: true }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "recipe-field": RecipeField;
  }
}
