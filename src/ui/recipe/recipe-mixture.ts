/** What a stage reads: its sources and their weights. Holds no mixture: it says what was chosen. */
import { LitElement, css, html, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { CorpusSummary, DataSource } from "../../protocol/index.ts";
import { formatPercent, safeName } from "../shared/format.ts";
import * as icons from "../shared/icons.ts";
import { base, controls } from "../shared/shared-styles.ts";

const MOST_SOURCES = 16;

/** @fires choose-data - {detail: readonly DataSource[]} */
@customElement("recipe-mixture")
export class RecipeMixture extends LitElement {
  static override styles = [
    base,
    controls,
    css`
      :host {
        padding: 0.35rem 0 0.35rem var(--s2);
      }
      b {
        font: 500 var(--t-s) / 1.4 var(--mono);
      }
      p {
        font-size: var(--t-xs);
        line-height: 1.4;
        color: var(--ink-3);
      }
      .problem {
        color: var(--bad);
      }
      .source {
        display: grid;
        grid-template-columns: minmax(0, 1fr) 4.5rem 2.6rem 2.15rem;
        gap: var(--s2);
        align-items: center;
        margin-top: var(--s1);
        font-size: var(--t-s);
      }
      .source span {
        color: var(--ink-3);
        text-align: right;
      }
      .add {
        margin-top: var(--s1);
      }
    `,
  ];

  @property({ attribute: false }) data: readonly DataSource[] = [];
  /** What can be read; a source that is not among them is offered under its id. */
  @property({ attribute: false }) corpora: readonly Pick<CorpusSummary, "id" | "title">[] = [];
  @property() problem = "";
  /** Where the mixture stands, for test ids. */
  @property() path = "";

  override render(): unknown {
    const sum = this.data.reduce((total, { weight }) => total + (typeof weight === "number" ? weight : 0), 0);
    return html`
      <b>data</b>
      <p>What the stage reads, drawn in proportion to the weights, by tokens. A weight is above 0 and at most 1000.</p>
      ${this.data.map((source, i) => this.source(source, i, sum))}
      ${this.problem === "" ? nothing : html`<p class="problem" role="alert" data-testid="problem-${this.path}">${this.problem}</p>`}
      <button class="plain add" ?disabled=${this.data.length >= MOST_SOURCES} data-testid="add-source-${this.path}" @click=${this.onAdd}>Add a source</button>
    `;
  }

  private source({ corpus, weight }: DataSource, i: number, sum: number): unknown {
    const known = this.corpora.some(({ id }) => id === corpus) ? this.corpora : [{ id: corpus, title: corpus === "own" ? "your text" : corpus }, ...this.corpora];
    return html`<div class="source">
      <select aria-label="Source ${i + 1}" data-testid="source-${this.path}-${i}" @change=${(event: Event) => this.put(i, { corpus: (event.target as HTMLSelectElement).value, weight })}>
        ${known.map(({ id, title }) => html`<option value=${id} .selected=${id === corpus}>${safeName(title)}</option>`)}
      </select>
      <input type="text" inputmode="decimal" aria-label="Weight of source ${i + 1}" data-testid="weight-${this.path}-${i}" .value=${String(weight)} @change=${(event: Event) => this.onWeight(i, corpus, event)} />
      <span>${formatPercent(sum > 0 && typeof weight === "number" ? weight / sum : undefined)}</span>
      <button class="plain icon" aria-label="Remove source ${i + 1}" ?disabled=${this.data.length < 2} @click=${() => this.emit(this.data.filter((_, other) => other !== i))}>${icons.trash()}</button>
    </div>`;
  }

  private onWeight(i: number, corpus: string, event: Event): void {
    const { value } = event.target as HTMLInputElement;
    // What is no number stays as typed: the recipe's own check names it.
    this.put(i, { corpus, weight: (value.trim() === "" || Number.isNaN(Number(value)) ? value : Number(value)) as number });
  }

  private readonly onAdd = (): void => {
    const free = this.corpora.find(({ id }) => !this.data.some(({ corpus }) => corpus === id)) ?? { id: this.data[0]!.corpus };
    this.emit([...this.data, { corpus: free.id, weight: 1 }]);
  };

  private put(i: number, source: DataSource): void {
    this.emit(this.data.map((old, other) => (other === i ? source : old)));
  }

  private emit(detail: readonly DataSource[]): void {
    this.dispatchEvent(new CustomEvent("choose-data", { detail, bubbles: true, composed: true }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "recipe-mixture": RecipeMixture;
  }
}
