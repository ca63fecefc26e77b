/** The texts a person has brought, which stay in the browser: use one again, or delete it after a question. Deletes nothing itself. */
import { LitElement, css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { CorpusSummary } from "../../protocol/index.ts";
import { formatBytes, safeName } from "../shared/format.ts";
import * as icons from "../shared/icons.ts";
import { base, controls, disclosure } from "../shared/shared-styles.ts";

/**
 * @fires use-text - {detail: string} its id
 * @fires delete-text - {detail: string} its id
 */
@customElement("data-own")
export class DataOwn extends LitElement {
  static override styles = [
    base,
    controls,
    disclosure,
    css`
      li {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0 var(--s3);
        padding: var(--s1) 0;
        border-bottom: 1px solid var(--line);
        font-size: var(--t-s);
      }
      li > span {
        flex: 1 1 14rem;
        overflow-wrap: anywhere;
      }
    `,
  ];

  @property({ attribute: false }) corpora: readonly CorpusSummary[] = [];
  @state() private asked = "";

  override render(): unknown {
    if (this.corpora.length === 0) return nothing;
    return html`<details data-testid="own-texts"><summary>Your texts (${this.corpora.length})</summary>
      <ul>${this.corpora.map((corpus) => this.row(corpus))}</ul>
    </details>`;
  }

  private row({ id, title, description, bytes, kind }: CorpusSummary): unknown {
    const name = safeName(title);
    if (this.asked === id) {
      return html`<li><span>Delete ${name}? Models that read it stay.</span>
        <button data-testid="keep-text" @click=${() => (this.asked = "")}>Keep it</button>
        <button class="danger" data-testid="delete-text-confirm" @click=${() => this.emit("delete-text", id)}>Delete</button></li>`;
    }
    return html`<li data-testid="own-text"><span>${name} <span class="quiet">${description} ${formatBytes(bytes)}</span></span>
      ${kind === "text" ? html`<button class="plain" data-testid="use-text" @click=${() => this.emit("use-text", id)}>Train on it</button>` : nothing}
      <button class="plain icon" aria-label="Delete ${name}" data-testid="delete-text" @click=${() => (this.asked = id)}>${icons.trash()}</button></li>`;
  }

  private emit(name: string, detail: string): void {
    this.asked = "";
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "data-own": DataOwn;
  }
}
