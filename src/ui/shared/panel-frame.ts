/** One panel of the page: a title, room for controls, and the body. Any panel goes full screen for a projector. */
import { LitElement, css, html } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { ifDefined } from "lit/directives/if-defined.js";
import * as icons from "./icons.ts";
import { base, controls } from "./shared-styles.ts";

/**
 * @slot - the panel's body
 * @slot actions - controls beside the title
 * @slot foot - what stays in sight below the body
 * @csspart header - the title row
 * @csspart body - the scrolling part
 */
@customElement("panel-frame")
export class PanelFrame extends LitElement {
  static override styles = [
    base,
    controls,
    css`
      :host {
        display: flex;
        flex-direction: column;
        min-height: 0;
        background: var(--panel);
        border: 1px solid var(--line);
        border-radius: var(--r-l);
        box-shadow: var(--lift);
      }
      header {
        display: flex;
        align-items: center;
        gap: var(--s1) var(--s3);
        padding: var(--s2) var(--s2) 0 var(--s4);
        min-height: 2.7rem;
      }
      ::slotted([slot="actions"]) {
        min-width: 0;
      }
      ::slotted(span[slot="actions"]) {
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      h2 {
        white-space: nowrap;
        font-size: var(--t-s);
        font-weight: 600;
        letter-spacing: 0.005em;
        color: var(--ink-2);
        margin-right: auto;
      }
      .body {
        flex: 1;
        min-height: 0;
        padding: var(--s1) var(--s4) var(--s4);
        overflow: auto;
        scrollbar-width: thin;
        display: flex;
        flex-direction: column;
      }
      button.icon {
        color: var(--ink-3);
        width: 1.9rem;
        min-height: 1.9rem;
      }
      button.icon svg {
        width: 15px;
        height: 15px;
      }
      ::slotted([slot="foot"]) {
        margin: 0 var(--s4) var(--s3);
      }
      @media (max-width: 760px) {
        header {
          flex-wrap: wrap;
        }
        ::slotted(.wide) {
          order: 3;
          flex: 1 0 100%;
        }
      }
      :host(:fullscreen) {
        border: 0;
        border-radius: 0;
        padding: 2vmin 3vmin;
      }
    `,
  ];

  /** The panel's name. */
  @property() heading = "";

  /** What is in it may be longer than it is high: the keyboard must reach it to scroll. */
  @property({ type: Boolean }) scrolls = false;

  @state() private full = false;

  override connectedCallback(): void {
    super.connectedCallback();
    this.addEventListener("fullscreenchange", this.onFullscreen);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.removeEventListener("fullscreenchange", this.onFullscreen);
  }

  override render(): unknown {
    const label = this.full ? `Leave full screen` : `${this.heading}: full screen`;
    return html`
      <header part="header">
        <h2>${this.heading}</h2>
        <slot name="actions"></slot>
        <button class="plain icon" title=${label} aria-label=${label} @click=${this.toggle}>${this.full ? icons.close() : icons.expand()}</button>
      </header>
      <div class="body" part="body" tabindex=${ifDefined(this.scrolls ? 0 : undefined)} role=${ifDefined(this.scrolls ? "group" : undefined)} aria-label=${ifDefined(this.scrolls ? this.heading : undefined)}><slot></slot></div>
      <slot name="foot"></slot>
    `;
  }

  /** Fills the screen with this panel, or gives it back. */
  readonly toggle = (): void => {
    const change = this.full ? document.exitFullscreen() : this.requestFullscreen();
    // A browser may refuse (no gesture, a frame without permission): the panel then stays as it is.
    change.catch(() => undefined);
  };

  private readonly onFullscreen = (): void => {
    this.full = this.matches(":fullscreen");
    document.documentElement.classList.toggle("projecting", this.full);
  };
}

declare global {
  interface HTMLElementTagNameMap {
    "panel-frame": PanelFrame;
  }
}
