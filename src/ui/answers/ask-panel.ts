/** Ask: one question, two models, the same seed. Collects the question and its settings; the answers arrive as a property. */
import { LitElement, html, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import type { SamplingOptions } from "../../protocol/index.ts";
import "./answer-view.ts";
import { askStyles } from "./ask-styles.ts";
import { safeText } from "../shared/format.ts";
import * as icons from "../shared/icons.ts";
import type { Exchange, Side } from "../page-state.ts";
import "../shared/panel-frame.ts";
import { base, controls, panelHost, voice } from "../shared/shared-styles.ts";
import type { SideChoice } from "../models/sides.ts";

export interface AskDetail extends SamplingOptions {
  readonly prompt: string;
  readonly chat: boolean;
}

interface Setting {
  readonly key: keyof SamplingOptions;
  readonly label: string;
  readonly title: string;
  readonly min: number;
  readonly max: number;
  readonly step: number;
}

const SETTINGS: readonly Setting[] = [
  { key: "temperature", label: "temperature", title: "0 always takes the likeliest token; 1 draws as the model believes", min: 0, max: 2, step: 0.1 },
  { key: "top_k", label: "top-k", title: "Draw only from the k likeliest tokens; 0 = off", min: 0, max: 1000, step: 1 },
  { key: "top_p", label: "top-p", title: "Draw only from the likeliest tokens that together reach this share; 1 = off", min: 0.05, max: 1, step: 0.05 },
  { key: "max_new_tokens", label: "length", title: "Tokens at most", min: 1, max: 1000, step: 1 },
  { key: "seed", label: "seed", title: "The same seed draws the same answer", min: 0, max: 4294967295, step: 1 },
];

export const ASK_DEFAULTS: SamplingOptions = { temperature: 0.3, top_k: 40, top_p: 1, max_new_tokens: 80, seed: 1 };

/**
 * @fires ask - {detail: AskDetail}
 * @fires stop-answer
 * @fires choose-model - from the answers
 */
@customElement("ask-panel")
export class AskPanel extends LitElement {
  static override styles = [base, controls, voice, panelHost, askStyles];

  @property({ attribute: false }) exchange: Exchange | null = null;
  @property({ attribute: false }) choices: readonly SideChoice[] = [];
  @property({ attribute: false }) chosen: Readonly<Record<Side, string>> = { base: "", tuned: "" };
  /** Questions to try. */
  @property({ attribute: false }) suggestions: readonly string[] = [];
  /** Said on the tuned side while there is no tuned model. */
  @property() tunedEmpty = "";

  @state() private chat = true;
  @state() private options: SamplingOptions = ASK_DEFAULTS;
  @state() private showOptions = false;
  @query("input[data-testid=ask-input]") private field!: HTMLInputElement;

  /** Puts the caret into the question. */
  focusInput(): void {
    this.field.focus();
  }

  override render(): unknown {
    const busy = this.exchange?.answers.some((answer) => answer.status !== "done") ?? false;
    return html`<panel-frame heading="Ask">
      <fieldset class="choice" slot="actions" aria-label="How the prompt is given">
        <label title="Wrapped in the chat template, markers and all"><input type="radio" name="how" .checked=${this.chat} @change=${() => (this.chat = true)} />as a question</label>
        <label title="Given as it is, to be continued"><input type="radio" name="how" .checked=${!this.chat} @change=${() => (this.chat = false)} />as plain text</label>
      </fieldset>
      ${this.question()}
      <div class="answers" aria-live="off">${this.answer("base")} ${this.answer("tuned")}</div>
      <form @submit=${this.onSubmit}>
        <input type="text" maxlength="2000" autocomplete="off" data-testid="ask-input" aria-label="Your question" placeholder="Ask both models something" />
        ${busy
          ? html`<button type="button" data-testid="ask-stop" aria-label="Stop answering" title="Stop answering" class="icon" @click=${this.onStop}>${icons.stop()}</button>`
          : html`<button type="submit" class="primary icon" data-testid="ask-send" aria-label="Ask" title="Ask (Enter)" ?disabled=${this.noModel}>${icons.send()}</button>`}
      </form>
      <div class="under">
        <div class="chips">${this.suggestions.slice(0, 3).map((text) => html`<button class="chip" title=${text} ?disabled=${this.noModel} @click=${() => this.send(text)}>${text}</button>`)}</div>
        <button class="plain chip end" aria-expanded=${this.showOptions} data-testid="ask-options" @click=${this.onOptions}>settings</button>
      </div>
      ${this.showOptions ? html`<div class="settings">${SETTINGS.map((setting) => this.setting(setting))}</div>` : nothing}
    </panel-frame>`;
  }

  private get noModel(): boolean {
    return this.chosen.base === "" && this.chosen.tuned === "";
  }

  private question(): unknown {
    const { exchange } = this;
    if (exchange === null) return html`<p class="asked quiet small">${this.noModel ? "No model is loaded yet." : "One question, both models, the same seed."}</p>`;
    return html`<div class="asked">
      <p class="voice" data-testid="asked">${exchange.chat ? html`<span class="marker" title="&lt;|user|&gt;">user</span> ` : nothing}${safeText(exchange.prompt)}${exchange.chat ? html` <span class="marker" title="&lt;|end|&gt;">end</span>` : nothing}</p>
      <button class="plain icon" data-testid="ask-again" aria-label="Ask again with another seed" title="Ask again with another seed" @click=${this.onAgain}>${icons.again()}</button>
    </div>`;
  }

  private answer(side: Side): unknown {
    const none = side === "tuned" ? this.tunedEmpty : "No base is loaded. Train one from nothing, or open one in Models.";
    const empty = this.chosen[side] === "" ? none : "Its answer appears here.";
    const answer = this.exchange?.answers.find((candidate) => candidate.side === side) ?? null;
    return html`<answer-view side=${side} .answer=${answer} ?chat=${this.exchange?.chat ?? false} .choices=${this.choices} .chosen=${this.chosen[side]} .empty=${empty}></answer-view>`;
  }

  private setting({ key, label, title, min, max, step }: Setting): unknown {
    return html`<label title=${title}>${label}<input type="number" data-testid="ask-${key}" .value=${String(this.options[key])} min=${min} max=${max} step=${step} @change=${(event: Event) => this.onSetting(event, key, min, max)} /></label>`;
  }

  private onSetting(event: Event, key: keyof SamplingOptions, min: number, max: number): void {
    const input = event.target as HTMLInputElement;
    const value = Number(input.value);
    const usable = input.value.trim() !== "" && Number.isFinite(value);
    const bounded = usable ? Math.min(max, Math.max(min, key === "temperature" || key === "top_p" ? value : Math.round(value))) : this.options[key];
    this.options = { ...this.options, [key]: bounded };
    input.value = String(bounded);
  }

  private readonly onOptions = async (): Promise<void> => {
    this.showOptions = !this.showOptions;
    await this.updateComplete;
    // Where the panel is low they open below its edge.
    this.renderRoot.querySelector(".settings")?.scrollIntoView({ block: "nearest" });
  };

  private readonly onSubmit = (event: Event): void => {
    event.preventDefault();
    const prompt = this.field.value.trim();
    if (prompt === "" || this.noModel) return;
    this.send(prompt);
    // Ready to be typed over, and still there to be changed.
    this.field.select();
  };

  private readonly onAgain = (): void => {
    if (this.exchange === null) return;
    this.options = { ...this.options, seed: (this.options.seed + 1) >>> 0 };
    this.send(this.exchange.prompt);
  };

  private readonly onStop = (): void => {
    this.dispatchEvent(new CustomEvent("stop-answer", { bubbles: true, composed: true }));
  };

  private send(prompt: string): void {
    const detail: AskDetail = { ...this.options, prompt, chat: this.chat };
    this.dispatchEvent(new CustomEvent<AskDetail>("ask", { detail, bubbles: true, composed: true }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "ask-panel": AskPanel;
  }
}
