/** What a recipe would cost: parameters at once, memory as a bar in miniature and time once this machine was measured with it. */
import { LitElement, css, html, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { MemoryReport, Recipe } from "../protocol/index.ts";
import { cssVars } from "./css-vars.ts";
import { formatBytes, formatPercent, formatShort } from "./format.ts";
import type { CalibrationState } from "./page-state.ts";
import { expectedTime, parameterCount, trainedCount, vocabularyOf } from "./recipe-size.ts";
import { base } from "./shared-styles.ts";

@customElement("recipe-cost")
export class RecipeCost extends LitElement {
  static override styles = [
    base,
    css`
      :host {
        font-size: var(--t-s);
      }
      dl {
        display: grid;
        grid-template-columns: repeat(3, minmax(0, 1fr));
        gap: var(--s2) var(--s3);
      }
      dt {
        font-size: var(--t-xs);
        color: var(--ink-3);
      }
      dd {
        font-size: var(--t-l);
        font-weight: 500;
        line-height: 1.3;
      }
      dd small {
        display: block;
        font-weight: 400;
        font-size: var(--t-xs);
        color: var(--ink-3);
      }
      .bar {
        display: flex;
        gap: 1px;
        height: 0.8rem;
        margin-top: var(--s2);
        border-radius: var(--r-s);
        overflow: hidden;
        background: var(--sunken);
      }
      .bar i {
        flex: var(--share) 0 0;
        background: var(--hue);
      }
      ul {
        display: flex;
        flex-wrap: wrap;
        gap: 0 var(--s3);
        margin-top: var(--s1);
        font-size: var(--t-xs);
        color: var(--ink-2);
      }
      li i {
        display: inline-block;
        width: 0.55rem;
        height: 0.55rem;
        margin-right: 0.3rem;
        border-radius: 50%;
        background: var(--hue);
      }
      .refused {
        margin-top: var(--s2);
        color: var(--bad);
      }
    `,
  ];

  /** As it stands in the editor; what is out of range shows as a dash. */
  @property({ attribute: false }) recipe!: Recipe;
  @property({ attribute: false }) calibration: CalibrationState | undefined;
  /** Something is out of range: nothing can be measured. */
  @property({ type: Boolean }) wrong = false;
  /** It reads a text that is not here: nothing can be measured yet. */
  @property({ type: Boolean }) waits = false;

  override render(): unknown {
    const V = vocabularyOf(this.recipe);
    const tuned = this.recipe.stages.find((stage) => stage.kind === "sft");
    const done = !this.wrong && this.calibration?.status === "done" ? this.calibration.value : undefined;
    const pending = this.wrong ? "mend the fields first" : this.waits ? "once your text is here" : this.calibration?.status === "failed" ? "will not start here" : "measuring this machine";
    return html`
      <dl aria-live="polite">
        <div><dt>Parameters</dt><dd data-testid="cost-parameters">${formatShort(parameterCount(this.recipe.model, V))}
          ${tuned?.method.type === "lora" ? html`<small>LoRA moves ${formatShort(trainedCount(this.recipe.model, V, tuned.method))}</small>` : nothing}</dd></div>
        <div><dt>Memory</dt><dd data-testid="cost-memory">${done === undefined ? "…" : formatBytes(done.memory.totalBytes)}<small>${done === undefined ? pending : "first stage"}</small></dd></div>
        <div><dt>Time here</dt><dd data-testid="cost-time">${done === undefined ? "…" : expectedTime(done.stageMs.reduce((sum, ms) => sum + ms, 0))}
          <small>${done === undefined ? pending : `${formatShort(Math.round(done.tokensPerSec))} tokens/s`}</small></dd></div>
      </dl>
      ${done === undefined ? nothing : this.map(done.memory)}
      ${!this.wrong && this.calibration?.status === "failed" ? html`<p class="refused" role="status" data-testid="cost-refused">${this.calibration.error.message}</p>` : nothing}
    `;
  }

  private map({ parts, totalBytes }: MemoryReport): unknown {
    if (parts.length === 0) return nothing;
    // Largest first; hues turn from the base's to the tuned's, so that each part can be told from its neighbour.
    const hue = (i: number): string => `color-mix(in oklch, var(--base), var(--tuned) ${Math.round((100 * i) / Math.max(1, parts.length - 1))}%)`;
    return html`
      <div class="bar" aria-hidden="true">${parts.map(({ bytes }, i) => html`<i ${cssVars({ "--share": bytes, "--hue": hue(i) })}></i>`)}</div>
      <ul aria-label="Memory by purpose" data-testid="cost-map">
        ${parts.map(({ name, bytes }, i) => html`<li><i ${cssVars({ "--hue": hue(i) })}></i>${name} ${formatBytes(bytes)}, ${formatPercent(bytes / totalBytes)}</li>`)}
      </ul>
    `;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "recipe-cost": RecipeCost;
  }
}
