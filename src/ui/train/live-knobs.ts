/** Knobs of the stage in training, and the way back. Turns nothing itself: it says what was asked for. */
import { LitElement, css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { KnobChange, Pace, RunState, Stage } from "../../protocol/index.ts";
import { KNOBS } from "../../protocol/recipe-fields.ts";
import { formatSmall } from "../shared/format.ts";
import { base, controls } from "../shared/shared-styles.ts";

type Knob = "learning_rate" | "grad_clip" | "temperature";

const NAMES: Readonly<Record<Knob, { readonly label: string; readonly step: string }>> = {
  learning_rate: { label: "rate", step: "any" },
  grad_clip: { label: "clip", step: "0.1" },
  temperature: { label: "temperature", step: "0.1" },
};

/** What a knob of a stage stands at: as last turned, else as the recipe has it; samples are drawn at 0.8. */
export function knobValue(stage: Stage, knob: Knob): number {
  const turned = stage.changes?.findLast((change) => change[knob] !== undefined)?.[knob];
  return turned ?? (knob === "temperature" ? 0.8 : stage.optimizer[knob]);
}

/** A value as its field holds it. */
const shown = (value: number): string => formatSmall(value).replace("−", "-");

/**
 * @fires turn-knobs - {detail: Omit<KnobChange, "step">}
 * @fires set-pace - {detail: Pace}
 * @fires undo-run - back to the checkpoint before this
 */
@customElement("live-knobs")
export class LiveKnobs extends LitElement {
  static override styles = [
    base,
    controls,
    css`
      :host {
        display: block;
        background: var(--panel);
        border: 1px solid var(--line);
        border-radius: var(--r-l);
        padding: var(--s3) var(--s4);
        font-size: var(--t-s);
      }
      label {
        display: flex;
        align-items: center;
        gap: var(--s2);
      }
      label + label {
        margin-top: var(--s1);
      }
      span {
        flex: 1;
        color: var(--ink-2);
      }
      input {
        width: 5.2rem;
        padding: 0 var(--s2);
        text-align: right;
        appearance: textfield;
      }
      input::-webkit-inner-spin-button {
        appearance: none;
        margin: 0;
      }
      label.pace {
        margin-top: var(--s2);
        min-height: 1.6rem;
      }
      @media (pointer: coarse) {
        label.pace {
          min-height: 2.6rem;
        }
      }
      .pace input {
        width: auto;
      }
      .last {
        display: flex;
        align-items: center;
        justify-content: space-between;
        gap: var(--s2);
        margin-top: var(--s2);
        color: var(--ink-3);
      }
      .problem {
        margin-top: var(--s2);
        color: var(--bad);
      }
      .factor {
        min-width: 0;
        padding: 0 var(--s2);
      }
    `,
  ];

  @property({ attribute: false }) run!: RunState;
  /** What was typed last and is out of range, as a sentence; "" = nothing. */
  @state() private problem = "";

  override render(): unknown {
    const { recipe, stageIndex, phase } = this.run;
    const stage = recipe.stages[stageIndex];
    const still = phase !== "running" && phase !== "paused";
    if (stage === undefined) return nothing;
    const count = stage.changes?.length ?? 0;
    return html`
      ${(Object.keys(NAMES) as Knob[]).map((knob) => this.row(stage, knob, still))}
      ${this.problem === "" ? nothing : html`<p class="problem" role="alert" data-testid="knob-problem">${this.problem}</p>`}
      ${this.run.pace === undefined
        ? nothing
        : html`<label class="pace" title="Keeps the GPU busy for up to 250 ms at a time instead of 30 ms: somewhat faster, but this page and everything else on the screen may stutter. It changes no result.">
            <span>full speed</span><input type="checkbox" data-testid="full-speed" .checked=${this.run.pace === "full"} @change=${this.onPace} />
          </label>`}
      <div class="last">
        <span>${count === 0 ? "Knobs turn while it trains" : `turned at ${count === 1 ? "step" : "steps"} ${stage.changes!.slice(-3).map(({ step }) => step).join(", ")}`}</span>
        <button class="plain" data-testid="undo" ?disabled=${still} title="Back to the last checkpoint before this, as a run of its own; this one stays among the models (Z)" @click=${() => this.emit("undo-run")}>Undo <kbd>Z</kbd></button>
      </div>
    `;
  }

  private row(stage: Stage, knob: Knob, still: boolean): unknown {
    const { label, step } = NAMES[knob];
    const { meaning, min, max } = KNOBS.find(({ path }) => path === knob)!;
    const value = knobValue(stage, knob);
    const times = (factor: number): unknown => html`<button class="plain factor" data-testid="${knob}-x${factor}" ?disabled=${still} aria-label="×${factor === 0.5 ? "½" : factor} ${label}" @click=${() => this.turn(knob, value * factor)}>×${factor === 0.5 ? "½" : factor}</button>`;
    return html`<label title=${meaning}>
      <span>${label}</span>
      ${knob === "learning_rate" ? [times(0.5), times(2)] : nothing}
      <input type="number" data-testid=${knob} min=${min!} max=${max!} step=${step} .value=${shown(value)} ?disabled=${still} @change=${(event: Event) => this.onInput(knob, value, event)} />
    </label>`;
  }

  private onInput(knob: Knob, was: number, event: Event): void {
    const input = event.target as HTMLInputElement;
    const { min, max } = KNOBS.find(({ path }) => path === knob)!;
    // What is no number reaches here as "".
    const fits = input.value !== "" && Number(input.value) >= min! && Number(input.value) <= max!;
    this.problem = fits ? "" : `${NAMES[knob].label} ${input.value === "" ? "was no number" : `was ${input.value.slice(0, 20)}`}; from ${min} to ${max} is allowed. It stays ${formatSmall(was)}.`;
    if (!fits) {
      input.value = String(was);
      return;
    }
    // The number that stood there, as it is shown, turns nothing: no mark, no checkpoint.
    if (Number(input.value) !== Number(shown(was))) this.turn(knob, Number(input.value));
  }

  private turn(knob: Knob, value: number): void {
    const { min, max } = KNOBS.find(({ path }) => path === knob)!;
    const detail: Omit<KnobChange, "step"> = { [knob]: Math.min(max!, Math.max(min!, value)) };
    this.dispatchEvent(new CustomEvent("turn-knobs", { detail, bubbles: true, composed: true }));
  }

  private readonly onPace = (event: Event): void => {
    const detail: Pace = (event.target as HTMLInputElement).checked ? "full" : "room";
    this.dispatchEvent(new CustomEvent("set-pace", { detail, bubbles: true, composed: true }));
  };

  private emit(name: string): void {
    this.dispatchEvent(new CustomEvent(name, { bubbles: true, composed: true }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "live-knobs": LiveKnobs;
  }
}
