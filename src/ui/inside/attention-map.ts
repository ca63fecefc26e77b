/** One head's attention as a heat map with the tokens on both sides: a canvas, a read-out, arrow keys, and the same as a table. */
import type { PropertyValues } from "lit";
import { LitElement, html } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import type { InsideView } from "../../protocol/index.ts";
import { cssVars } from "../shared/css-vars.ts";
import { formatPercent } from "../shared/format.ts";
import type { Place } from "./inside-maths.ts";
import { cellSize, headTable, moved, shade, tokenLabel, topKeys } from "./inside-maths.ts";
import { insideStyles, mapStyles } from "./inside-styles.ts";
import { base, controls } from "../shared/shared-styles.ts";

/** Tokens up to which the table holds every number; beyond it, each row's largest. */
const TABLE_TOKENS = 64;
const TABLE_MOST = 8;

@customElement("attention-map")
export class AttentionMap extends LitElement {
  static override styles = [
    base,
    controls,
    insideStyles,
    mapStyles,
  ];

  @property({ attribute: false }) view!: InsideView;
  /** Changes when the page's colours do. */
  @property() theme = "";

  @state() private layer = 0;
  @state() private head = 0;
  @state() private place: Place = { row: 0, column: 0 };
  @state() private asTable = false;
  @state() private room = 400;
  @query("canvas") private canvas?: HTMLCanvasElement;
  private readonly resizes = new ResizeObserver(([entry]) => (this.room = Math.min(entry!.contentRect.width, 760) - 120));

  override connectedCallback(): void {
    super.connectedCallback();
    this.resizes.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.resizes.disconnect();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    const { layers, heads, tokens } = this.view;
    this.layer = Math.min(this.layer, layers - 1);
    this.head = Math.min(this.head, heads - 1);
    // Another text is looked at from its end, which is where the model goes on.
    if (changed.has("view") && changed.get("view")?.tokens.length !== tokens.length) this.place = { row: tokens.length - 1, column: tokens.length - 1 };
  }

  protected override updated(): void {
    this.draw();
  }

  private get cell(): number {
    return cellSize(this.view.tokens.length, this.room);
  }

  override render(): unknown {
    const { layers, heads } = this.view;
    const options = (count: number, chosen: number): unknown => Array.from({ length: count }, (_, i) => html`<option value=${i} ?selected=${i === chosen}>${i + 1}</option>`);
    return html`<div class="head">
        <h3>Attention</h3>
        <label>Layer <select data-testid="layer" @change=${(event: Event) => (this.layer = chosen(event))}>${options(layers, this.layer)}</select></label>
        <label>Head <select data-testid="head" @change=${(event: Event) => (this.head = chosen(event))}>${options(heads, this.head)}</select></label>
        <button class="plain small" data-testid="attention-table" aria-pressed=${this.asTable ? "true" : "false"} @click=${() => (this.asTable = !this.asTable)}>${this.asTable ? "show as map" : "show as table"}</button>
      </div>
      <p class="why">Each row is a token that looks back: the stronger a square's colour, the more it takes from the token of that column.</p>
      <p class="readout" aria-live="polite" data-testid="attention-readout">${this.readout()}</p>
      ${this.asTable ? this.table() : this.map()}`;
  }

  private readout(): unknown {
    const { tokens } = this.view;
    const { row, column } = this.place;
    const table = headTable(this.view, this.layer, this.head);
    const P = tokens.length;
    const name = (i: number): unknown => html`<b>${tokenLabel(tokens[i]!)}</b>`;
    const most = topKeys(table, P, row, 3).map(({ key, p }, i) => html`${i === 0 ? "" : ", "}${name(key)} ${formatPercent(p)}`);
    const here = column > row ? html`${name(row)} cannot see ${name(column)}, which comes later.` : html`${name(row)} (token ${row + 1}) looks at ${name(column)} (token ${column + 1}): ${formatPercent(table[row * P + column])}.`;
    return html`${here} Most at ${most}.`;
  }

  private map(): unknown {
    const { tokens } = this.view;
    const { row, column } = this.place;
    const names = (on: number): unknown => tokens.map((text, i) => html`<span class=${i === on ? "on" : ""}>${tokenLabel(text)}</span>`);
    const label = `Attention of layer ${this.layer + 1}, head ${this.head + 1}, ${tokens.length} tokens. Arrow keys move; the numbers are read out.`;
    return html`<div class="scroll">
      <div class="map" role="application" tabindex="0" aria-label=${label} data-testid="attention-map" ${cssVars({ "--cell": `${this.cell}px`, "--row": row, "--column": column })} @keydown=${this.onKey}>
        <div class="columns" aria-hidden="true">${names(column)}</div>
        <div class="rows" aria-hidden="true">${names(row)}</div>
        <div class="field" @pointermove=${this.onPointer} @pointerdown=${this.onPointer}><canvas aria-hidden="true"></canvas><i></i></div>
      </div>
    </div>`;
  }

  private table(): unknown {
    const { tokens } = this.view;
    const P = tokens.length;
    const table = headTable(this.view, this.layer, this.head);
    const whole = P <= TABLE_TOKENS;
    const cells = (t: number): unknown => whole
      ? tokens.map((_, s) => html`<td>${s > t ? "" : formatPercent(table[t * P + s])}</td>`)
      : topKeys(table, P, t, TABLE_MOST).map(({ key, p }) => html`<td><span class="token">${tokenLabel(tokens[key]!)}</span> (${key + 1}) ${formatPercent(p)}</td>`);
    return html`<div class="scroll" tabindex="0" role="region" aria-label="Attention as a table"><table data-testid="attention-numbers">
      <thead><tr><th scope="col">looks at</th>${whole ? tokens.map((text) => html`<th scope="col" class="token">${tokenLabel(text)}</th>`) : html`<th scope="col">most</th>`}</tr></thead>
      <tbody>${tokens.map((text, t) => html`<tr><th scope="row" class="token">${tokenLabel(text)}</th>${cells(t)}</tr>`)}</tbody>
    </table></div>`;
  }

  private draw(): void {
    const { canvas, cell } = this;
    const context = canvas?.getContext("2d");
    if (!canvas || !context) return;
    const P = this.view.tokens.length;
    const scale = devicePixelRatio;
    canvas.width = canvas.height = Math.round(P * cell * scale);
    canvas.style.width = canvas.style.height = `${P * cell}px`;
    context.scale(scale, scale);
    context.fillStyle = getComputedStyle(canvas).color;
    headTable(this.view, this.layer, this.head).forEach((p, i) => {
      context.globalAlpha = shade(p);
      context.fillRect((i % P) * cell, Math.floor(i / P) * cell, cell, cell);
    });
  }

  private readonly onPointer = (event: PointerEvent): void => {
    const { left, top } = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const at = (distance: number): number => Math.max(0, Math.min(this.view.tokens.length - 1, Math.floor(distance / this.cell)));
    this.place = { row: at(event.clientY - top), column: at(event.clientX - left) };
  };

  private readonly onKey = (event: KeyboardEvent): void => {
    const P = this.view.tokens.length;
    const place = moved(this.place, event.key, P, P);
    if (place === null) return;
    event.preventDefault();
    this.place = place;
    void this.updateComplete.then(() => this.renderRoot.querySelector(".field i")?.scrollIntoView({ block: "nearest", inline: "nearest" }));
  };
}

const chosen = (event: Event): number => Number((event.target as HTMLSelectElement).value);

declare global {
  interface HTMLElementTagNameMap {
    "attention-map": AttentionMap;
  }
}
