/** Looking inside a model, in a dialog as large as the page: a prompt, and what a forward pass over it does. Computes nothing. */
import { LitElement, css, html, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import type { ErrorReport, GradientNorms, InsideView, RunState } from "../../protocol/index.ts";
import "./attention-map.ts";
import { cssVars } from "../shared/css-vars.ts";
import { drawerStyles } from "../shared/drawer-styles.ts";
import { formatCount } from "../shared/format.ts";
import "./gradient-bars.ts";
import * as icons from "../shared/icons.ts";
import "./lens-table.ts";
import { base, controls } from "../shared/shared-styles.ts";
import type { SideChoice } from "../models/sides.ts";

/** While the model trains, it is looked at anew this often. */
const AGAIN_MS = 3000;

export interface LookDetail {
  readonly id: string;
  readonly prompt: string;
}

/**
 * @fires look-inside - {detail: LookDetail} the answer comes back as `view` or `error`
 * @fires measure-gradients - the answer comes back as `norms`
 */
@customElement("inside-panel")
export class InsidePanel extends LitElement {
  static override styles = [
    base,
    controls,
    drawerStyles,
    css`
      dialog {
        width: 100%;
        border: 0;
      }
      form {
        display: flex;
        flex-wrap: wrap;
        gap: var(--s2);
      }
      form input {
        flex: 1 1 20rem;
        font: 400 var(--t-l) / 1.3 var(--serif) !important;
      }
      .status {
        min-height: 1.6em;
        margin: var(--s1) 0 var(--s3);
        font-size: var(--t-s);
        color: var(--ink-3);
      }
      .status.bad {
        color: var(--bad);
      }
      .parts {
        display: grid;
        grid-template-columns: minmax(0, 46rem) minmax(0, 1fr);
        gap: var(--s5) var(--s6);
        align-items: start;
      }
      .right {
        display: grid;
        gap: var(--s5);
        min-width: 0;
      }
      @media (max-width: 1000px) {
        dialog {
          padding: var(--s3);
        }
        .parts {
          grid-template-columns: minmax(0, 1fr);
        }
      }
    `,
  ];

  @property({ attribute: false }) run: RunState | null = null;
  @property({ attribute: false }) choices: readonly SideChoice[] = [];
  /** Changes when the page's colours do. */
  @property() theme = "";
  @property({ attribute: false }) view: InsideView | null = null;
  @property({ attribute: false }) error: ErrorReport | null = null;
  @property({ attribute: false }) norms: GradientNorms | null = null;

  @state() private model = "";
  @state() private prompt = "";
  @query("dialog") private dialog!: HTMLDialogElement;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asked = { step: -1, atMs: 0 };

  /** Opens it on a prompt; the model in training is chosen where there is one. */
  show(prompt: string): void {
    this.prompt = prompt;
    this.model = this.choices.find(({ id }) => id === this.model)?.id ?? this.choices[0]?.id ?? "";
    if (this.run !== null && this.choices[0]?.id === "live") this.model = "live";
    this.dialog.showModal();
    this.ask();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.timer);
  }

  protected override updated(): void {
    if (!this.dialog.open || this.run === null) return;
    const due = this.run.phase !== "running" || performance.now() - this.asked.atMs >= AGAIN_MS;
    if (this.run.phase !== "preparing" && this.run.step !== this.asked.step && due) this.ask();
  }

  override render(): unknown {
    const { view, error } = this;
    const pretrains = this.model !== "live" || this.run?.stages[this.run.stageIndex]?.kind === "pretrain";
    const status = error !== null ? `${error.message} ${error.code}` : view === null ? "Looking." : `Step ${formatCount(view.step)}${this.model === "live" && this.run?.phase === "running" ? ", looked at again every few seconds" : ""}. ${view.note ?? ""}`;
    return html`<dialog aria-label="Look inside" data-testid="inside" @close=${this.onClose} ${cssVars({ "--hue": `var(${pretrains ? "--base" : "--tuned"})` })}>
      <header role="none">
        <h2>Look inside</h2>
        <button class="plain icon" aria-label="Close" data-testid="close-inside" @click=${() => this.dialog.close()}>${icons.close()}</button>
      </header>
      <form @submit=${this.onSubmit}>
        <input type="text" maxlength="2000" aria-label="Text to look at" placeholder="Write a sentence" data-testid="inside-prompt" .value=${this.prompt} @input=${this.onInput} />
        <select aria-label="Model" data-testid="inside-model" @change=${this.onModel}>
          ${this.choices.map(({ id, label }) => html`<option value=${id} ?selected=${id === this.model}>${label}</option>`)}
        </select>
      </form>
      <p class="status ${error === null ? "" : "bad"}" role="status" data-testid="inside-status">${this.choices.length === 0 ? "There is no model to look into yet." : status}</p>
      ${view === null ? nothing : html`<div class="parts">
        <attention-map .view=${view} .theme=${this.theme}></attention-map>
        <div class="right">
          <lens-table .view=${view}></lens-table>
          ${this.model === "live" && this.run !== null ? html`<gradient-bars .norms=${this.norms}></gradient-bars>` : nothing}
        </div>
      </div>`}
    </dialog>`;
  }

  private ask(): void {
    this.asked = { step: this.run?.step ?? -1, atMs: performance.now() };
    if (this.model === "") return;
    this.fire("look-inside", { id: this.model, prompt: this.prompt } satisfies LookDetail);
    if (this.model === "live") this.fire("measure-gradients", null);
  }

  private fire(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  private readonly onClose = (): void => {
    clearTimeout(this.timer);
    this.fire("close-inside", null);
  };

  private readonly onInput = (event: Event): void => {
    this.prompt = (event.target as HTMLInputElement).value;
    clearTimeout(this.timer);
    // A pause in typing: each prompt costs the engine a pass through the model and the lens at every depth.
    this.timer = setTimeout(() => this.ask(), 300);
  };

  private readonly onSubmit = (event: Event): void => {
    event.preventDefault();
    clearTimeout(this.timer);
    this.ask();
  };

  private readonly onModel = (event: Event): void => {
    this.model = (event.target as HTMLSelectElement).value;
    this.view = null;
    this.ask();
  };
}

declare global {
  interface HTMLElementTagNameMap {
    "inside-panel": InsidePanel;
  }
}
