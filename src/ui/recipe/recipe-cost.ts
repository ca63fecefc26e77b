/** What a recipe would cost: parameters and memory at once, the memory as a bar in miniature, and time once this machine was measured with it. */
import { type PropertyValues, LitElement, css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { ErrorReport, MemoryReport, Recipe } from "../../protocol/index.ts";
import { cssVars } from "../shared/css-vars.ts";
import { formatBytes, formatPercent, formatShort, safeName } from "../shared/format.ts";
import type { CalibrationState } from "../page-state.ts";
import { sizesFit } from "./recipe-draft.ts";
import { expectedTime, parameterCount, trainedCount, vocabularyOf } from "./recipe-size.ts";
import { base } from "../shared/shared-styles.ts";

/** Keys come faster than an engine answers. */
const QUIET_MS = 200;
/** So long an older recipe's memory stays in sight, so that it does not flicker with each key. */
const STALE_MS = 600;
/** What an engine that has not begun says; it is asked again after a while. */
const NOT_YET = ["COMMAND", "WORKER_DEAD"];
const AGAIN_MS = 1000;

export interface PlanDetail {
  readonly recipe: Recipe;
  readonly tell: (found: readonly MemoryReport[] | ErrorReport) => void;
}

/** @fires plan-memory - {detail: PlanDetail} */
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
        text-wrap: balance;
      }
      @media (max-width: 480px) {
        dd {
          font-size: var(--t-m);
        }
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

  /** Of the recipe as it last was within range; a newer one takes its place when it is planned. */
  @state() private plan: readonly MemoryReport[] | ErrorReport | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private fading: ReturnType<typeof setTimeout> | undefined;
  private planned = "";

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.timer);
    clearTimeout(this.fading);
    this.planned = "";
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (!changed.has("recipe") && !changed.has("wrong")) return;
    clearTimeout(this.timer);
    if (!this.wrong && JSON.stringify(this.recipe) !== this.planned) this.timer = setTimeout(this.ask, QUIET_MS);
  }

  private readonly ask = (): void => {
    const { recipe } = this;
    const key = JSON.stringify(recipe);
    this.planned = key;
    // What is shown belongs to an older recipe, and a large one takes long to plan.
    clearTimeout(this.fading);
    this.fading = setTimeout(() => (this.plan = null), STALE_MS);
    const tell: PlanDetail["tell"] = (found) => {
      if (this.planned !== key) return;
      clearTimeout(this.fading);
      if (!("code" in found) || !NOT_YET.includes(found.code)) this.plan = found;
      else if (this.isConnected) this.timer = setTimeout(this.ask, AGAIN_MS);
    };
    this.dispatchEvent(new CustomEvent<PlanDetail>("plan-memory", { detail: { recipe, tell }, bubbles: true, composed: true }));
  };

  override render(): unknown {
    const { recipe, wrong, calibration } = this;
    const V = vocabularyOf(recipe);
    const sized = sizesFit(recipe);
    const tuned = recipe.stages.find((stage) => stage.kind === "sft");
    const plan = wrong ? null : this.plan;
    const refusal = plan !== null && "code" in plan ? plan : !wrong && calibration?.status === "failed" ? calibration.error : undefined;
    const done = !wrong && refusal === undefined && calibration?.status === "done" ? calibration.value : undefined;
    const pending = wrong ? "mend the fields first" : refusal !== undefined ? "will not start here" : this.waits ? "once your text is here" : "measuring this machine";
    const largest = plan === null || "code" in plan ? undefined : plan.reduce<{ memory: MemoryReport; stage: number } | undefined>((most, memory, stage) => (most !== undefined && most.memory.totalBytes >= memory.totalBytes ? most : { memory, stage }), undefined);
    return html`
      <dl aria-live="polite">
        <div><dt>Parameters</dt><dd data-testid="cost-parameters">${sized ? formatShort(parameterCount(recipe.model, V)) : html`…<small>mend the fields first</small>`}
          ${sized && tuned?.method.type === "lora" ? html`<small>LoRA moves ${formatShort(trainedCount(recipe.model, V, tuned.method))}</small>` : nothing}</dd></div>
        <div><dt>Memory</dt><dd data-testid="cost-memory" title="Stages are in memory one after another, never together">${largest === undefined ? "…" : formatBytes(largest.memory.totalBytes)}
          <small>${largest === undefined ? (wrong || refusal !== undefined ? pending : "planning") : `${recipe.stages.length > 1 ? "largest stage" : "stage"}: ${safeName(recipe.stages[largest.stage]?.name ?? "")}`}</small></dd></div>
        <div><dt>Time here</dt><dd data-testid="cost-time">${done === undefined ? "…" : expectedTime(done.stageMs.reduce((sum, ms) => sum + ms, 0))}
          <small>${done === undefined ? pending : `${formatShort(Math.round(done.tokensPerSec))} tokens/s`}</small></dd></div>
      </dl>
      ${largest === undefined ? nothing : this.map(largest.memory)}
      ${refusal === undefined ? nothing : html`<p class="refused" role="status" data-testid="cost-refused">${refusal.message}</p>`}
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
