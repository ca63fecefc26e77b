/** A view whose content is not built yet: says what will stand there, and that it does not yet. */
import { LitElement, css, html } from "lit";
import { customElement } from "lit/decorators.js";
import { base } from "./shared/shared-styles.ts";

const WORDS = {
  title: "Labs are not here yet",
  text: "Each will put one claim about pre-training or fine-tuning to the test, live, with the engine of this page: what is varied, what is measured, and a verdict computed from the run. A lab may come out against its claim, and will say so.",
} as const;

@customElement("coming-view")
export class ComingView extends LitElement {
  static override styles = [
    base,
    css`
      :host {
        display: grid;
        place-content: center;
        padding: var(--s6) var(--s5);
        min-height: 60vh;
      }
      div {
        max-width: 34rem;
      }
      h1 {
        font: 500 var(--t-2xl) / 1.15 var(--serif);
        letter-spacing: -0.015em;
      }
      p {
        margin-top: var(--s3);
        font: 400 var(--t-l) / 1.6 var(--serif);
        color: var(--ink-2);
        text-wrap: pretty;
      }
    `,
  ];

  override render(): unknown {
    const { title, text } = WORDS;
    return html`<div data-testid="coming"><h1>${title}</h1><p>${text}</p></div>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "coming-view": ComingView;
  }
}
