/** The recipe of the run in hand, one line a field, and what it costs. Read only: a running recipe does not change. */
import { LitElement, css, html, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { RunState, Stage } from "../../protocol/index.ts";
import { formatBytes, formatCount, formatShort, formatSmall, plural, safeName } from "../shared/format.ts";
import { stageColor } from "../train/learning-data.ts";
import { cssVars } from "../shared/css-vars.ts";
import { isLive } from "../page-state.ts";
import "../shared/panel-frame.ts";
import { methodLine } from "./recipe-method.ts";
import { base, controls, panelHost } from "../shared/shared-styles.ts";

/**
 * @fires show-profile - a step of this run, taken apart
 * @fires new-run - back to the start cards, once the run has ended
 * @fires save-recipe - {detail: Recipe}
 */
@customElement("recipe-panel")
export class RecipePanel extends LitElement {
  static override styles = [
    base,
    controls,
    panelHost,
    css`
      section + section {
        margin-top: var(--s4);
      }
      h3 {
        font-size: var(--t-s);
        font-weight: 600;
        padding-bottom: var(--s1);
        border-bottom: 1px solid var(--line);
        margin-bottom: var(--s1);
      }
      h3 i {
        display: inline-block;
        width: 0.55rem;
        height: 0.55rem;
        border-radius: 50%;
        background: var(--hue);
        margin-right: 0.45rem;
      }
      dl {
        display: grid;
        grid-template-columns: auto 1fr;
        gap: 0.1rem var(--s3);
        font-size: var(--t-s);
        line-height: 1.65;
      }
      dt {
        color: var(--ink-3);
      }
      dd {
        text-align: right;
        overflow-wrap: anywhere;
      }
    `,
  ];

  @property({ attribute: false }) run!: RunState;

  override render(): unknown {
    const { recipe, parameters, memory } = this.run;
    const { n_layer, n_head, n_embd, block_size, dropout } = recipe.model;
    return html`<panel-frame heading="Recipe" scrolls>
      ${this.run.canSample ? html`<button class="plain small" slot="actions" data-testid="show-profile" title="One training step taken apart: every launch with its time, and the memory it lives in" @click=${() => this.dispatchEvent(new CustomEvent("show-profile", { bubbles: true, composed: true }))}>profile</button>` : nothing}
      <button class="plain small" slot="actions" data-testid="save-run-recipe" title="This run's recipe as a file, with every knob that was turned: it repeats the run" @click=${() => this.dispatchEvent(new CustomEvent("save-recipe", { detail: recipe, bubbles: true, composed: true }))}>save</button>
      <section>
        <h3>${safeName(recipe.name)}</h3>
        <dl>
          ${this.line("parameters", parameters === undefined ? undefined : formatShort(parameters))}
          ${this.line("layers × heads", `${n_layer} × ${n_head}`)} ${this.line("width", formatCount(n_embd))} ${this.line("context", plural(block_size, "token"))}
          ${dropout > 0 ? this.line("dropout", formatSmall(dropout)) : nothing}
          ${this.line("tokens are", recipe.tokenizer.kind === "char" ? "characters" : `${formatCount(recipe.tokenizer.vocab_size)} word pieces`)}
          ${this.line("seed", String(recipe.seed))} ${this.line("memory", memory === undefined ? undefined : formatBytes(memory.totalBytes))}
        </dl>
      </section>
      ${recipe.stages.map((stage, i) => this.stage(stage, i === this.run.stageIndex ? this.run.leftOut : undefined))}
      ${this.kernels()}
      ${isLive(this.run) ? nothing : html`<button class="primary" slot="foot" data-testid="new-run" @click=${this.onNew}>Begin another run</button>`}
    </panel-frame>`;
  }

  private stage(stage: Stage, leftOut: string | undefined): unknown {
    const { optimizer } = stage;
    const rows = stage.batch_size * stage.gradient_accumulation_steps;
    return html`<section>
      <h3 ${cssVars({ "--hue": `var(${stageColor(stage.kind)})` })}><i></i>${safeName(stage.name)}</h3>
      <dl>
        ${this.line("text", stage.data.map((source) => (source.corpus.startsWith("own") ? "your text" : source.corpus)).join(" + "))}
        ${this.line("steps", formatCount(stage.max_iters))} ${this.line("rows a step", formatCount(rows))}
        ${optimizer.type === undefined ? nothing : this.line("optimizer", optimizer.type)}
        ${this.line("learning rate", `${formatSmall(optimizer.learning_rate)}, ${optimizer.schedule}`)}
        ${stage.kind === "pretrain" ? nothing : this.line("trains", methodLine(stage.method))}
        ${stage.kind !== "pretrain" && stage.method.type === "lora" ? this.line("adapts", stage.method.target_modules.join(", ")) : nothing}
        ${stage.dtype === undefined ? nothing : this.line("stored as", stage.dtype)}
        ${optimizer.weight_decay > 0 ? this.line("weight decay", formatSmall(optimizer.weight_decay)) : nothing}
      </dl>
      ${leftOut === undefined ? nothing : html`<p class="small quiet" data-testid="left-out">${leftOut}</p>`}
    </section>`;
  }

  /** How the kernels were chosen for this GPU, and what was found wrong on it. */
  private kernels(): unknown {
    const { kernels } = this.run;
    if (!kernels) return nothing;
    const { sites, timed, remembered, spentMs, budgetMs, comparedMs, rows, wrong } = kernels;
    return html`<section data-testid="kernels">
      <h3 title="Before the first step each kernel's variants are checked against the plain one and timed at this model's sizes; the choice holds for the whole run">Kernels for this GPU</h3>
      <dl>
        ${this.line("timed", `${timed} of ${sites} in ${(spentMs / 1000).toFixed(1)} s (budget ${formatSmall(budgetMs / 1000)} s)`)} ${this.line("compared", `with the plain variants, in ${(comparedMs / 1000).toFixed(1)} s`)} ${remembered > 0 ? this.line("remembered", `${remembered} of ${sites}`) : nothing}
        ${rows.map(({ kernel, dims, variant, speedup }) => html`<dt title="${kernel} ${Object.entries(dims).map(([name, size]) => `${name} ${size}`).join(", ")}">${kernel}</dt><dd>${variant}, ${speedup.toFixed(1)}×</dd>`)}
      </dl>
      ${wrong.map(({ variant, why }) => html`<p class="small quiet">${variant} is not used here: ${safeName(why)}.</p>`)}
    </section>`;
  }

  private line(name: string, value: string | undefined): unknown {
    return value === undefined ? nothing : html`<dt>${name}</dt><dd>${value}</dd>`;
  }

  private readonly onNew = (): void => {
    this.dispatchEvent(new CustomEvent("new-run", { bubbles: true, composed: true }));
  };
}

declare global {
  interface HTMLElementTagNameMap {
    "recipe-panel": RecipePanel;
  }
}
