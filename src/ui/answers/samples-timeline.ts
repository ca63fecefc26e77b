/** Samples taken while training, on a timeline to scrub from gibberish to sense. */
import { LitElement, css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { RunState, SampleView } from "../../protocol/index.ts";
import { formatCount, formatShort } from "../shared/format.ts";
import "../shared/panel-frame.ts";
import { base, controls, panelHost, voice } from "../shared/shared-styles.ts";

@customElement("samples-timeline")
export class SamplesTimeline extends LitElement {
  static override styles = [
    base,
    controls,
    panelHost,
    voice,
    css`
      .voice {
        flex: 1;
        min-height: 3.2em;
        mask-image: linear-gradient(#000 calc(100% - 0.9em), #0000);
        padding-bottom: 0.7em;
        overflow: auto;
        scrollbar-width: thin;
      }
      .voice span {
        color: var(--ink-3);
      }
      .scrub {
        display: grid;
        grid-template-columns: 1fr auto;
        align-items: center;
        gap: var(--s3);
        padding-top: var(--s2);
      }
      .scrub input {
        width: 100%;
      }
      .scrub button {
        min-height: 1.8rem;
      }
      .empty {
        color: var(--ink-3);
        font-size: var(--t-s);
      }
    `,
  ];

  @property({ attribute: false }) samples: readonly SampleView[] = [];
  @property({ attribute: false }) run: RunState | null = null;

  /** Which sample is shown; null follows the newest. */
  @state() private at: number | null = null;

  override render(): unknown {
    const { samples } = this;
    const index = Math.min(this.at ?? samples.length - 1, samples.length - 1);
    const sample = samples[index];
    return html`<panel-frame heading="What it writes">
      ${sample === undefined
        ? html`<p class="empty">From time to time it writes a few lines. They collect here, so that you can go back to its first ones.</p>`
        : html`<span class="small quiet" slot="actions" data-testid="sample-where" title="${formatShort(sample.tokens)} tokens read by then">${this.where(sample)}</span>
            <p class="voice" data-testid="sample" tabindex="0"><span>${sample.prompt}</span>${this.isAnswer(sample) ? " " : ""}${sample.text}</p>
            <div class="scrub">
              <input type="range" min="0" max=${samples.length - 1} step="1" .value=${String(index)} aria-label="Sample" aria-valuetext=${this.where(sample)} data-testid="scrubber" @input=${this.onScrub} ?disabled=${samples.length < 2} />
              ${this.at === null ? nothing : html`<button class="plain" @click=${() => (this.at = null)}>Newest</button>`}
            </div>`}
    </panel-frame>`;
  }

  /** A continuation stands right behind its prompt, an answer a space away. */
  private isAnswer(sample: SampleView): boolean {
    const kind = this.run?.stages[sample.stageIndex]?.kind;
    return (kind === "sft" || kind === "dpo") && !sample.text.startsWith(" ");
  }

  private where(sample: SampleView): string {
    const stage = this.run?.stages[sample.stageIndex]?.name;
    return `${stage === undefined ? "" : `${stage}, `}step ${formatCount(sample.step)}`;
  }

  private readonly onScrub = (event: Event): void => {
    const at = Number((event.target as HTMLInputElement).value);
    this.at = at === this.samples.length - 1 ? null : at;
  };
}

declare global {
  interface HTMLElementTagNameMap {
    "samples-timeline": SamplesTimeline;
  }
}
