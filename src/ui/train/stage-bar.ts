/** The stages of a run as one bar: widths in proportion to expected time, filled as they are done. */
import { LitElement, css, html, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { RunState, StageProgress } from "../../protocol/index.ts";
import { cssVars } from "../shared/css-vars.ts";
import { formatCount, formatDuration, safeName } from "../shared/format.ts";
import { stageColor } from "./learning-data.ts";
import { isLive } from "../page-state.ts";
import { base } from "../shared/shared-styles.ts";

/** Of a person's own data it is not said whether it asks and answers. */
function doing({ recipe, stages, stageIndex }: RunState): string {
  const { kind } = stages[stageIndex];
  if (kind === "pretrain" || kind === "continue") return "Learning to predict the next piece of text";
  if (kind === "dpo") return "Learning what is preferred";
  return recipe.stages[stageIndex]?.data.every(({ corpus }) => corpus.startsWith("own")) ? "Learning what you gave it" : "Learning to answer";
}

@customElement("stage-bar")
export class StageBar extends LitElement {
  static override styles = [
    base,
    css`
      .bar {
        align-items: flex-start;
        display: flex;
        gap: 3px;
      }
      li {
        flex: var(--share) 1 0;
        /* Many stages on a narrow screen share it, rather than pass its edge. */
        min-width: min(5.4rem, calc(100% / var(--count) - 3px));
      }
      .track {
        flex: 1;
        display: block;
        height: 0.55rem;
        border-radius: 0.3rem;
        background: color-mix(in oklab, var(--hue) 18%, var(--sunken));
        overflow: hidden;
      }
      .fill {
        display: block;
        height: 100%;
        width: calc(var(--done) * 100%);
        background: var(--hue);
        border-radius: inherit;
      }
      .track.busy .fill {
        width: 30%;
        animation: slide 1.6s ease-in-out infinite alternate;
      }
      @keyframes slide {
        to {
          transform: translateX(233%);
        }
      }
      @media (prefers-reduced-motion: reduce) {
        .track.busy .fill {
          animation: none;
          width: 100%;
          opacity: 0.4;
        }
      }
      .label {
        display: flex;
        flex-wrap: wrap;
        gap: 0 var(--s2);
        margin-top: 0.35rem;
        font-size: var(--t-xs);
        color: var(--ink-3);
        white-space: nowrap;
        overflow: hidden;
        max-height: 1.5em;
      }
      .label b {
        max-width: 100%;
        overflow: hidden;
        text-overflow: ellipsis;
        color: var(--ink-2);
        font-weight: 600;
      }
      .now b {
        color: var(--ink);
      }
      .state {
        font-size: var(--t-s);
        color: var(--ink-2);
        margin-bottom: 0.3rem;
        min-height: 1.4em;
      }
    `,
  ];

  @property({ attribute: false }) run: RunState | null = null;

  override render(): unknown {
    const { run } = this;
    if (run === null) return html`<p class="state quiet">Nothing is training. Choose how to begin below.</p>`;
    if (run.phase === "preparing") return this.preparing(run);
    const shares = expectedShares(run.stages);
    return html`
      <p class="state" data-testid="run-state">${this.sentence(run)}</p>
      <ol class="bar" ${cssVars({ "--count": run.stages.length })}>
        ${run.stages.map((stage, i) => this.stage(stage, shares[i], i === run.stageIndex, isLive(run)))}
      </ol>
    `;
  }

  private stage(stage: StageProgress, share: number, now: boolean, live: boolean): unknown {
    const done = stage.steps === 0 ? 1 : stage.done / stage.steps;
    return html`<li class=${now ? "now" : ""} title=${stage.name} ${cssVars({ "--share": Math.max(0.08, share), "--done": Math.min(1, done), "--hue": `var(${stageColor(stage.kind)})` })}>
      <span class="track" role="progressbar" aria-label=${stage.name} aria-valuemin="0" aria-valuemax=${stage.steps} aria-valuenow=${stage.done}><span class="fill"></span></span>
      <span class="label"><b>${stage.name}</b><span>${formatCount(stage.done)} of ${formatCount(stage.steps)}</span>
        ${live && stage.remainingMs !== undefined && stage.done < stage.steps ? html`<span>${formatDuration(stage.remainingMs)} left</span>` : nothing}</span>
    </li>`;
  }

  private preparing(run: RunState): unknown {
    const what = run.preparing?.what ?? "getting ready";
    const share = run.preparing?.share;
    return html`
      <p class="state" data-testid="run-state">Preparing: ${what}</p>
      <div class="bar">
        <span class="track ${share === undefined ? "busy" : ""}" role="progressbar" aria-label="Preparing" ${cssVars({ "--done": share ?? 0, "--hue": "var(--ink-3)" })}>
          <span class="fill"></span>
        </span>
      </div>
    `;
  }

  private sentence(run: RunState): unknown {
    const stage = run.stages[run.stageIndex];
    const saved = run.saved === undefined ? nothing : html` <span class="quiet">· saved at step ${formatCount(run.saved.step)}${run.saved.stage === stage.name && run.phase !== "finished" ? "" : ` of ${safeName(run.saved.stage)}`}</span>`;
    switch (run.phase) {
      case "running":
        return html`${doing(run)}, step ${formatCount(run.step)}${saved}`;
      case "paused":
        return html`Paused at step ${formatCount(run.step)} of ${stage.name}${saved}`;
      case "finished":
        return html`Finished. Ask it something, or begin again${saved}`;
      case "stopped":
        return html`Stopped at step ${formatCount(run.step)} of ${stage.name}${saved}`;
      case "failed":
        return html`This run failed at step ${formatCount(run.step)} of ${stage.name}${saved}`;
      default:
        return "";
    }
  }
}

/** Each stage's expected time; while any stage has no figure, tokens to train on stand in for all of them. */
function expectedShares(stages: readonly StageProgress[]): number[] {
  const times = stages.map((stage) => stage.spentMs + (stage.remainingMs ?? 0));
  const known = stages.every((stage) => stage.remainingMs !== undefined || stage.done >= stage.steps);
  const parts = known ? times : stages.map((stage) => stage.steps * stage.tokensPerStep);
  const total = parts.reduce((sum, part) => sum + part, 0) || 1;
  return parts.map((part) => part / total);
}

declare global {
  interface HTMLElementTagNameMap {
    "stage-bar": StageBar;
  }
}
