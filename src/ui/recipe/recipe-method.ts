/** How fine-tuning moves the weights: all of them, or LoRA with its rank, scale and modules. Holds no method: it says what was chosen. */
import { LitElement, css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { LoraMethod, LoraTarget, Method, ModelConfig } from "../../protocol/index.ts";
import { FIELDS, LORA_DEFAULTS, LORA_MEANINGS, LORA_TARGETS, fieldProblem } from "../../protocol/recipe-fields.ts";
import { base, controls } from "../shared/shared-styles.ts";

export type { Method };
type NumberKey = "r" | "lora_alpha" | "lora_dropout" | "layers";

/** A small rank at PEFT's usual scale of two. */
export const defaultLora = (family: ModelConfig["family"]): LoraMethod => ({ type: "lora", r: 8, lora_alpha: 16, target_modules: LORA_DEFAULTS[family] });

/** A method made for one family, on a model of another: modules of the same name stay, else the family's own. */
export function methodFor(method: Method, family: ModelConfig["family"]): Method {
  if (method.type !== "lora") return method;
  const kept = method.target_modules.filter((target) => LORA_TARGETS[family].includes(target));
  return kept.length === method.target_modules.length ? method : { ...method, target_modules: kept.length > 0 ? kept : LORA_DEFAULTS[family] };
}

/** A method in a few words. */
export function methodLine(method: Method): string {
  switch (method.type) {
    case "full": return "all weights";
    case "embeddings": return "the embeddings";
    case "last_layers": return method.layers === 1 ? "the last block" : `the last ${method.layers} blocks`;
    case "lora": return `LoRA, rank ${method.r}, alpha ${method.lora_alpha}${method.lora_dropout ? `, dropout ${method.lora_dropout}` : ""}`;
  }
}

const spec = (key: string): (typeof FIELDS)[number] => FIELDS.find(({ path }) => path === `stages.*.method.${key}`)!;

/** @fires choose-method - {detail: Method} only what is within range */
@customElement("recipe-method")
export class RecipeMethod extends LitElement {
  static override styles = [
    base,
    controls,
    css`
      .numbers {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr));
        gap: var(--s2) var(--s4);
        margin-top: var(--s3);
      }
      .number {
        display: grid;
        grid-template-columns: 1fr 6.5rem;
        align-items: center;
        gap: 0.1rem var(--s2);
      }
      .number small,
      .targets small,
      .number output {
        grid-column: 1 / -1;
        font-size: var(--t-xs);
        line-height: 1.4;
        color: var(--ink-3);
      }
      .number output,
      .wrong {
        color: var(--bad);
        font-size: var(--t-xs);
      }
      code {
        font: 500 var(--t-s) / 1.4 var(--mono);
      }
      .targets {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr));
        gap: var(--s1) var(--s4);
        margin-top: var(--s3);
      }
      .targets legend {
        font-size: var(--t-s);
        padding: 0 0 var(--s1);
      }
      .targets label {
        display: grid;
        grid-template-columns: auto 1fr;
        gap: 0 var(--s2);
        align-items: center;
        padding: 0.2rem 0;
      }
      .targets small {
        grid-column: 2;
      }
    `,
  ];

  @property({ attribute: false }) method: Method = { type: "full" };
  @property() family: ModelConfig["family"] = "gpt2";
  /** What stands in a field that is out of range. */
  @state() private wrong: Partial<Record<NumberKey | "target_modules", string>> = {};
  /** Kept while all weights are chosen, so that a look at the other side costs nothing. */
  private lora: LoraMethod | null = null;

  override render(): unknown {
    const { method } = this;
    const radio = (type: Method["type"], label: string): unknown => html`<label>
      <input type="radio" name="method" data-testid="method-${type}" .checked=${method.type === type} @change=${() => this.onType(type)} />${label}</label>`;
    return html`
      <fieldset class="choice" aria-label="Fine-tuning changes">${radio("full", "All weights")}${radio("last_layers", "Last blocks")}${radio("embeddings", "Embeddings")}${radio("lora", "LoRA")}</fieldset>
      ${method.type === "last_layers" ? html`<div class="numbers">${this.number("layers", method.layers)}</div>` : nothing}
      ${method.type === "lora" ? this.options(method) : nothing}
    `;
  }

  private options(method: LoraMethod): unknown {
    return html`
      <div class="numbers">${this.number("r", method.r)}${this.number("lora_alpha", method.lora_alpha)}${this.number("lora_dropout", method.lora_dropout ?? 0)}</div>
      <fieldset class="targets">
        <legend><code>target_modules</code> <span class="quiet small">Parts of every block that get an addition.</span></legend>
        ${LORA_TARGETS[this.family].map((target) => html`<label>
          <input type="checkbox" data-testid="target-${target}" .checked=${method.target_modules.includes(target)} @change=${(event: Event) => this.onTarget(method, target, event)} />
          <code>${target}</code><small>${LORA_MEANINGS[target]}</small></label>`)}
      </fieldset>
      ${this.wrong.target_modules === undefined ? nothing : html`<p class="wrong" role="alert" data-testid="target-problem">${this.wrong.target_modules}</p>`}
    `;
  }

  private number(key: NumberKey, value: number): unknown {
    const problem = this.wrong[key];
    return html`<div class="number">
      <label for=${key}><code>${key}</code></label>
      <input id=${key} type="text" inputmode="decimal" data-testid="method-${key}" aria-describedby="about-${key}" aria-invalid=${problem !== undefined} .value=${String(value)} @input=${(event: Event) => this.onNumber(key, event)} />
      <small id="about-${key}">${spec(key).meaning} From ${spec(key).min} to ${spec(key).max}.</small>
      ${problem === undefined ? nothing : html`<output role="alert" data-testid="method-${key}-problem">${problem}</output>`}
    </div>`;
  }

  private onType(type: Method["type"]): void {
    if (this.method.type === "lora") this.lora = this.method;
    this.wrong = {};
    this.choose(type === "lora" ? methodFor(this.lora ?? defaultLora(this.family), this.family) : type === "last_layers" ? { type, layers: 1 } : { type });
  }

  private onNumber(key: NumberKey, event: Event): void {
    const text = (event.target as HTMLInputElement).value.trim();
    const value = text === "" || !Number.isFinite(Number(text)) ? text : Number(text);
    const problem = fieldProblem(spec(key), value, key);
    this.wrong = { ...this.wrong, [key]: problem };
    if (problem === undefined) this.choose({ ...this.method, [key]: value as number });
  }

  private onTarget(method: LoraMethod, target: LoraTarget, event: Event): void {
    const box = event.target as HTMLInputElement;
    const targets = LORA_TARGETS[this.family].filter((name) => (name === target ? box.checked : method.target_modules.includes(name)));
    // Nothing to adapt would train nothing: the last one stays.
    box.checked = targets.length === 0 || box.checked;
    this.wrong = { ...this.wrong, target_modules: targets.length > 0 ? undefined : `target_modules would be empty; it must name 1 to ${LORA_TARGETS[this.family].length} of these.` };
    if (targets.length > 0) this.choose({ ...method, target_modules: targets });
  }

  private choose(detail: Method): void {
    this.dispatchEvent(new CustomEvent<Method>("choose-method", { detail, bubbles: true, composed: true }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "recipe-method": RecipeMethod;
  }
}
