/** The numbers behind a chart as a table in a dialog, for whoever reads rather than looks. */
import { LitElement, css, html, nothing } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import type { Table } from "./chart-export.ts";
import { formatCount, formatSmall } from "../shared/format.ts";
import * as icons from "../shared/icons.ts";
import { base, controls, numberTable } from "../shared/shared-styles.ts";

/** Rows written between two pictures, so that a long table stalls nothing. */
const ROWS_AT_ONCE = 20;

const EMPTY: Table = { note: "", head: [], rows: [] };

/** A number in as many digits as its column's other rows have, so that figures stand below each other. */
export function textOf(cell: string | number | undefined): string {
  if (cell === undefined || typeof cell === "string") return cell ?? "";
  const magnitude = Math.abs(cell);
  if (Number.isInteger(cell) || magnitude >= 1000) return formatCount(Math.round(cell));
  return magnitude >= 0.0001 ? cell.toPrecision(3) : formatSmall(cell);
}

@customElement("chart-table")
export class ChartTable extends LitElement {
  static override styles = [
    base,
    controls,
    numberTable,
    css`
      dialog {
        margin: auto;
        max-width: min(84rem, 96%);
        max-height: 86vh;
        padding: 0;
        overflow: hidden;
        color: var(--ink);
        background: var(--panel);
        border: 1px solid var(--line);
        border-radius: var(--r-l);
      }
      dialog[open] {
        display: flex;
        flex-direction: column;
      }
      header {
        display: flex;
        align-items: center;
        justify-content: space-between;
        padding: var(--s3) var(--s4);
      }
      /* Title and column names stay, the numbers move. */
      .box {
        flex: 1;
        min-height: 0;
        overflow: auto;
        scrollbar-width: thin;
        padding: 0 var(--s4) var(--s4);
      }
      thead th {
        position: sticky;
        top: 0;
        background: var(--panel);
      }
      .note {
        padding: 0 var(--s4) var(--s2);
        font-size: var(--t-s);
        color: var(--ink-2);
      }
      h2 {
        font-size: var(--t-l);
        font-weight: 600;
      }
      th:first-child,
      td:first-child {
        text-align: left;
      }
    `,
  ];

  @state() private table = EMPTY;
  /** The rows that stand there already. */
  @state() private written: readonly (readonly string[])[] = [];
  @query("dialog") private dialog!: HTMLDialogElement;

  /** Opens at once; the table is made, and written, in the frames after it. */
  show(make: () => Table): void {
    this.table = EMPTY;
    this.written = [];
    this.dialog.showModal();
    requestAnimationFrame(() => {
      this.table = make();
      this.write();
    });
  }

  private write(): void {
    const { table, written } = this;
    if (!this.dialog.open || written.length >= table.rows.length) return;
    const next = table.rows.slice(written.length, written.length + ROWS_AT_ONCE);
    this.written = [...written, ...next.map((row) => row.map(textOf))];
    requestAnimationFrame(() => this.table === table && this.write());
  }

  override render(): unknown {
    const { head, note } = this.table;
    return html`<dialog aria-label="The curves as a table" data-testid="chart-table">
      <header role="none">
        <h2>The curves as a table</h2>
        <button class="plain icon" aria-label="Close" data-testid="close-table" @click=${() => this.dialog.close()}>${icons.close()}</button>
      </header>
      ${note === "" ? nothing : html`<p class="note" data-testid="table-note">${note}</p>`}
      <div class="box" tabindex="0" role="group" aria-label="Numbers"><table>
        <thead><tr>${head.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
        <tbody>${this.written.map((row) => html`<tr>${row.map((cell) => html`<td>${cell}</td>`)}</tr>`)}</tbody>
      </table></div>
    </dialog>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "chart-table": ChartTable;
  }
}
