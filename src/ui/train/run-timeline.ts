/** A run from its first step to its last as a thin rail: where it was saved, where a knob was turned. A checkpoint can be forked from here. */
import { LitElement, css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { CheckpointSummary, RunState } from "../../protocol/index.ts";
import { stepsOf } from "../../protocol/stage-steps.ts";
import { cssVars } from "../shared/css-vars.ts";
import { formatCount, heldOutText } from "../shared/format.ts";
import { turnsOf } from "./learning-data.ts";
import { base, controls } from "../shared/shared-styles.ts";
import { marksOf } from "../models/sides.ts";

/** @fires fork-run - {detail: string} a checkpoint's id */
@customElement("run-timeline")
export class RunTimeline extends LitElement {
  static override styles = [
    base,
    controls,
    css`
      :host {
        display: block;
        margin-top: var(--s1);
      }
      .rail {
        position: relative;
        height: 1.5rem;
        /* The chart's own margins (chart-options.ts), so that a mark stands under its step. */
        margin: 0 1.36em 0 3.2em;
      }
      .rail::before {
        content: "";
        position: absolute;
        inset: 50% 0 auto;
        border-top: 1px solid var(--line);
      }
      .rail > * {
        position: absolute;
        left: var(--at);
        top: 50%;
        translate: -50% -50%;
      }
      button.dot {
        width: 1.5rem;
        height: 1.5rem;
        min-height: 0;
        padding: 0;
        border: 0;
        background: none;
        box-shadow: none;
      }
      button.dot::before {
        content: "";
        display: block;
        width: 0.6rem;
        height: 0.6rem;
        margin: auto;
        border-radius: 50%;
        border: 2px solid var(--ink-2);
        background: var(--panel);
      }
      button.dot[aria-pressed="true"]::before {
        background: var(--ink-2);
      }
      /* Above the rail: a checkpoint is saved before each turn, at the same step. */
      .rail > .knob {
        top: 0.25rem;
        width: 0.5rem;
        height: 0.5rem;
        rotate: 45deg;
        background: var(--tuned);
      }
      p {
        font-size: var(--t-xs);
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: var(--s2) var(--s3);
        color: var(--ink-2);
      }
    `,
  ];

  @property({ attribute: false }) run: RunState | null = null;
  @property({ attribute: false }) checkpoints: readonly CheckpointSummary[] = [];
  /** Where a step over all stages stands in the chart above: 0 = its left edge, 1 = its right; outside of these it is not in view. */
  @property({ attribute: false }) placeOf: (globalStep: number) => number = () => 0;
  @state() private chosen = "";

  override render(): unknown {
    const { run } = this;
    if (run === null) return nothing;
    const own = marksOf(run, this.checkpoints);
    const turns = turnsOf(run);
    if (own.length === 0 && turns.length === 0) return nothing;
    const total = run.recipe.stages.reduce((sum, stage) => sum + stepsOf(stage), 0);
    const chosen = own.find(({ id }) => id === this.chosen);
    const inView = ({ globalStep }: { readonly globalStep: number }): boolean => this.placeOf(globalStep) >= -1e-6 && this.placeOf(globalStep) <= 1 + 1e-6;
    const place = (step: number): unknown => cssVars({ "--at": `${(100 * this.placeOf(step)).toFixed(2)}%` });
    return html`<div class="rail" role="group" aria-label="Timeline of the run: checkpoints and turned knobs">
        ${turns.filter(inView).map(({ globalStep, text }) => html`<i class="knob" data-testid="knob-mark" role="img" aria-label="Step ${globalStep}: ${text}" title="Step ${formatCount(globalStep)}: ${text}" ${place(globalStep)}></i>`)}
        ${own.filter(inView).map(
          (item) => html`<button class="dot" data-testid="checkpoint-mark" aria-pressed=${item.id === this.chosen} aria-label="Checkpoint of step ${item.globalStep}" title="Saved at step ${formatCount(item.globalStep)}" ${place(item.globalStep)}
            @click=${() => (this.chosen = this.chosen === item.id ? "" : item.id)}></button>`,
        )}
      </div>
      ${chosen === undefined ? nothing : this.about(chosen, chosen.globalStep >= total)}`;
  }

  private about(item: CheckpointSummary, ended: boolean): unknown {
    return html`<p>
      <span>Saved at step ${formatCount(item.globalStep)}${item.valLoss === undefined ? "" : `, ${heldOutText(item)}`}</span>
      <button data-testid="fork" ?disabled=${ended || !item.resumable} title=${ended ? "The recipe ends here, so nothing is left to train" : "A run of its own from this point, paused; this one stays as it is"} @click=${() => this.fork(item.id)}>Fork here</button>
    </p>`;
  }

  private fork(id: string): void {
    this.chosen = "";
    this.dispatchEvent(new CustomEvent("fork-run", { detail: id, bubbles: true, composed: true }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "run-timeline": RunTimeline;
  }
}
