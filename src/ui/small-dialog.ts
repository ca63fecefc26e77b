/** The page's two small dialogs: the list of keys, and the question before a run is ended. Native dialogs, plain content. */
import { LitElement, css, html } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import { KEYS } from "./keys.ts";
import { base, controls } from "./shared/shared-styles.ts";

/** @fires confirm-stop - the run is to end */
@customElement("small-dialog")
export class SmallDialog extends LitElement {
  static override styles = [
    base,
    controls,
    css`
      dialog {
        width: min(24rem, calc(100% - 2rem));
        padding: var(--s5);
        border: 1px solid var(--line);
        border-radius: var(--r-l);
        background: var(--raised);
        color: var(--ink);
        box-shadow: var(--float);
      }
      dialog::backdrop {
        background: light-dark(oklch(0.3 0.02 80 / 0.22), oklch(0 0 0 / 0.5));
      }
      h2 {
        font-size: var(--t-l);
        font-weight: 600;
        margin-bottom: var(--s2);
      }
      p {
        color: var(--ink-2);
      }
      dl {
        display: grid;
        grid-template-columns: auto 1fr;
        gap: var(--s2) var(--s4);
        align-items: center;
        font-size: var(--t-s);
      }
      dt {
        justify-self: end;
      }
      .row {
        display: flex;
        justify-content: flex-end;
        gap: var(--s2);
        margin-top: var(--s5);
      }
    `,
  ];

  @state() private about: "keys" | "stop" = "keys";
  @query("dialog") private dialog!: HTMLDialogElement;

  /** Opens the list of keys, or asks whether to end the run. */
  async show(about: "keys" | "stop"): Promise<void> {
    this.about = about;
    await this.updateComplete;
    if (!this.dialog.open) this.dialog.showModal();
  }

  override render(): unknown {
    return html`<dialog @click=${this.onBackdrop} data-testid="dialog">${this.about === "keys" ? this.keys() : this.stop()}</dialog>`;
  }

  private keys(): unknown {
    return html`
      <h2>Keyboard</h2>
      <dl>
        ${KEYS.map((key) => html`<dt><kbd>${key.shown}</kbd></dt><dd>${key.meaning}</dd>`)}
      </dl>
      <div class="row"><button @click=${this.close}>Close</button></div>
    `;
  }

  private stop(): unknown {
    return html`
      <h2>End this run?</h2>
      <p>It ends after the step in flight. What was saved stays in Models; steps since then are lost. To go on later, pause instead.</p>
      <div class="row">
        <button @click=${this.close}>Keep training</button>
        <button class="primary" data-testid="stop-confirm" @click=${this.confirm}>End the run</button>
      </div>
    `;
  }

  private readonly close = (): void => this.dialog.close();

  private readonly confirm = (): void => {
    this.close();
    this.dispatchEvent(new CustomEvent("confirm-stop", { bubbles: true, composed: true }));
  };

  private readonly onBackdrop = (event: Event): void => {
    if (event.target === this.dialog) this.close();
  };
}

declare global {
  interface HTMLElementTagNameMap {
    "small-dialog": SmallDialog;
  }
}
