/** A text with line numbers and its errors marked, in a plain field: every key does what it does in any field, and Tab leaves it. Knows no WGSL. */
import { LitElement, css, html, nothing } from "lit";
import { customElement, property, query } from "lit/decorators.js";
import type { CompileError } from "../../protocol/index.ts";
import { cssVars } from "../shared/css-vars.ts";
import { base, controls } from "../shared/shared-styles.ts";

/** @fires lab-edit - {detail: string} the text, as it is now */
@customElement("kernel-editor")
export class KernelEditor extends LitElement {
  static override styles = [
    base,
    controls,
    css`
      .frame {
        --row: 1.3rem;
        position: relative;
        display: flex;
        height: clamp(16rem, 52vh, 40rem);
        overflow: hidden;
        border: 1px solid var(--line-strong);
        border-radius: var(--r-s);
        background: var(--raised);
        font: 400 var(--t-s) / var(--row) var(--mono);
        tab-size: 2;
      }
      .frame:focus-within {
        outline: 2px solid var(--focus);
        outline-offset: 2px;
      }
      .gutter {
        flex: none;
        overflow: hidden;
        padding: var(--s2) var(--s2) 0;
        background: var(--sunken);
        color: var(--ink-3);
        text-align: right;
        user-select: none;
      }
      .numbers {
        white-space: pre;
        transform: translateY(calc(-1 * var(--top, 0px)));
      }
      .mark {
        position: absolute;
        left: 0;
        right: 0;
        top: calc(var(--s2) + (var(--line) - 1) * var(--row) - var(--top, 0px));
        height: var(--row);
        border-left: 3px solid var(--bad);
        background: color-mix(in oklch, var(--bad) 14%, transparent);
        pointer-events: none;
      }
      textarea:focus-visible {
        outline: none;
      }
      textarea {
        flex: 1;
        min-width: 0;
        margin: 0;
        padding: var(--s2);
        border: 0;
        border-radius: 0;
        resize: none;
        overflow: auto;
        white-space: pre;
        background: transparent;
        font: inherit;
        scrollbar-width: thin;
      }
    `,
  ];

  @property() text = "";
  /** What the text is, for those who do not see it. */
  @property() label = "";
  @property({ attribute: false }) errors: readonly CompileError[] = [];
  @property({ type: Boolean }) locked = false;

  @query("textarea") private field!: HTMLTextAreaElement;
  @query(".frame") private frame!: HTMLElement;

  override render(): unknown {
    const count = this.text.split("\n").length;
    return html`<div class="frame">
      <div class="gutter" aria-hidden="true"><div class="numbers">${Array.from({ length: count }, (_, i) => i + 1).join("\n")}</div></div>
      ${[...new Set(this.errors.map(({ line }) => line))].map((line) => html`<div class="mark" data-testid="lab-mark" data-line=${line} ${cssVars({ "--line": line })}></div>`)}
      <textarea
        data-testid="lab-text" wrap="off" spellcheck="false" autocomplete="off" autocapitalize="off" aria-label=${this.label} aria-invalid=${this.errors.length > 0 ? "true" : nothing}
        ?readonly=${this.locked} .value=${this.text} @input=${this.onInput} @scroll=${this.onScroll}
      ></textarea>
    </div>`;
  }

  /** Puts the cursor at a place of the text, both counted from 1, and brings it into view. */
  goTo(line: number, column: number): void {
    const lines = this.text.split("\n");
    const at = lines.slice(0, line - 1).reduce((sum, { length }) => sum + length + 1, 0) + Math.min(column - 1, lines[line - 1]?.length ?? 0);
    this.field.focus();
    this.field.setSelectionRange(at, at);
    const row = this.field.scrollHeight / Math.max(1, lines.length);
    this.field.scrollTop = Math.max(0, (line - 1) * row - this.field.clientHeight / 2);
  }

  private readonly onInput = (): void => void this.dispatchEvent(new CustomEvent("lab-edit", { detail: this.field.value, bubbles: true, composed: true }));

  private readonly onScroll = (): void => this.frame.style.setProperty("--top", `${this.field.scrollTop}px`);
}

declare global {
  interface HTMLElementTagNameMap {
    "kernel-editor": KernelEditor;
  }
}
