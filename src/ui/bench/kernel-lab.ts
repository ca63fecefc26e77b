/** The kernel lab: choose a kernel, edit its text, have it checked, timed and trained with. Compiles nothing and keeps nothing itself. */
import { LitElement, html, nothing } from "lit";
import { customElement, property, query } from "lit/decorators.js";
import type { ErrorReport, KernelList, KernelParity, KernelText, KernelTrial, KernelVerdict, ShippedKernel, ShippedVariant } from "../../protocol/index.ts";
import { plural } from "../shared/format.ts";
import type { KernelEditor } from "./kernel-editor.ts";
import "./kernel-editor.ts";
import { kernelLabStyles } from "./kernel-lab-styles.ts";
import "./kernel-results.ts";
import type { LabProgress } from "../page-state.ts";
import { base, controls, working } from "../shared/shared-styles.ts";

/** The text at hand, and what undo brings back. */
export interface LabDraft {
  readonly text: KernelText;
  /** Where it came from, while nobody has let it run here; "" = it is one's own. */
  readonly foreign: string;
  readonly before: Omit<LabDraft, "before"> | null;
}

export type LabTask = "check" | "time" | "train";

export interface LabOutcome {
  /** The text that it is about. */
  readonly of: KernelText;
  readonly verdict: KernelVerdict | null;
  readonly parity: KernelParity | null;
  readonly error: ErrorReport | null;
}

/**
 * @fires lab-ready - it stands, and wants its kernels and its text
 * @fires lab-edit - {detail: string}
 * @fires lab-choose - {detail: {kernel, variant}} a shipped text in place of this one
 * @fires lab-undo - the text before
 * @fires lab-allow - what came from elsewhere may be compiled
 * @fires lab-run - {detail: LabTask}
 * @fires stop-bench
 * @fires lab-link
 * @fires lab-save
 * @fires lab-file - {detail: File}
 */
@customElement("kernel-lab")
export class KernelLab extends LitElement {
  static override styles = [base, controls, working, kernelLabStyles];

  @property({ attribute: false }) list: KernelList | null = null;
  @property({ attribute: false }) draft: LabDraft | null = null;
  @property({ attribute: false }) outcome: LabOutcome | null = null;
  @property({ attribute: false }) progress: LabProgress | null = null;
  @property({ attribute: false }) running: LabTask | null = null;
  /** Why nothing can be tried now, as a sentence. */
  @property() blocked = "";
  /** What a link or file could not bring, as a sentence. */
  @property() refused = "";

  @query("kernel-editor") private editor!: KernelEditor;
  @query("input[type=file]") private file!: HTMLInputElement;

  override connectedCallback(): void {
    super.connectedCallback();
    this.emit("lab-ready");
  }

  override render(): unknown {
    const { list, draft } = this;
    const kernel = list?.kernels.find(({ name }) => name === draft?.text.kernel);
    const variant = kernel?.variants.find(({ name }) => name === draft?.text.variant);
    if (list === null || draft === null || kernel === undefined || variant === undefined) return html`<p class="lead" role="status">${this.refused || "Reading the kernels…"}</p>`;
    const errors = this.outcome !== null && this.outcome.of === draft.text ? (this.outcome.verdict?.errors ?? []) : [];
    return html`
      <p class="lead">The text of a kernel as it is compiled, yours to change. It must give what its formula gives in double precision at every shape before it is timed, in turns with what is shipped, or trained with. It runs with the shipped variant's count of workgroups, one launch at a time, and first with every loop bounded. A text that still holds the GPU is given up after 10 s; where the system resets the GPU, the page says so: reload it, and what was saved is kept.</p>
      ${this.choices(list, kernel, variant)}
      ${draft.foreign === "" ? nothing : this.foreign(draft)}
      ${variant.header === "" ? nothing : html`<p class="small">Before it stand, by shape:</p><pre class="header" tabindex="0" role="region" aria-label="Constants before the text" data-testid="lab-header">${variant.header.trimEnd()}</pre>`}
      <kernel-editor .text=${draft.text.source} .label="Text of ${kernel.name}, variant ${variant.name}, as WGSL" .errors=${errors} ?locked=${draft.foreign !== "" || this.running !== null}></kernel-editor>
      ${this.buttons(kernel, variant, draft)}
      ${this.status()}
      ${errors.length === 0 ? nothing : html`<div class="errors" data-testid="lab-errors">${errors.map(({ line, column, message }) => html`<button class="plain" @click=${() => this.editor.goTo(line, column)}>line ${line}, column ${column}: ${message}</button>`)}</div>`}
      <kernel-results .rows=${this.rows()} .parity=${this.running === null ? (this.outcome?.parity ?? null) : null}></kernel-results>`;
  }

  /** As they come; afterwards those of the outcome, or what was there when it was broken off. */
  private rows(): readonly KernelTrial[] {
    const { running, outcome, progress } = this;
    if (outcome?.verdict) return outcome.verdict.rows;
    return running !== null || ["CANCELLED", "GPU_LOST"].includes(outcome?.error?.code ?? "") ? (progress?.rows ?? []) : [];
  }

  private choices({ kernels }: KernelList, kernel: ShippedKernel, variant: ShippedVariant): unknown {
    return html`<div class="row">
      <label>Kernel <select data-testid="lab-kernel" ?disabled=${this.running !== null} @change=${(event: Event) => this.chooseKernel((event.target as HTMLSelectElement).value)}>${kernels.map(({ name }) => html`<option .selected=${name === kernel.name}>${name}</option>`)}</select></label>
      <label>Variant <select data-testid="lab-variant" ?disabled=${this.running !== null} @change=${(event: Event) => this.emit("lab-choose", { kernel: kernel.name, variant: (event.target as HTMLSelectElement).value })}>${kernel.variants.map(({ name }) => html`<option .value=${name} .selected=${name === variant.name}>${name}${name === kernel.usual ? " (usual)" : ""}</option>`)}</select></label>
    </div>`;
  }

  private foreign({ foreign, text }: LabDraft): unknown {
    return html`<div class="foreign" role="region" aria-label="A text from elsewhere" data-testid="lab-foreign">
      <p><strong>This text is not yours.</strong> ${foreign} It is shown as it came, ${plural(text.source.split("\n").length, "line")} for ${text.kernel}/${text.variant}, and nothing of it has been compiled. Read it first.</p>
      <button data-testid="lab-allow" @click=${() => this.emit("lab-allow")}>I have read it: it may be compiled here</button>
    </div>`;
  }

  private buttons(kernel: ShippedKernel, variant: ShippedVariant, { text, foreign, before }: LabDraft): unknown {
    const stop = foreign !== "" || this.blocked !== "" || (this.list?.blocked ?? "") !== "" || variant.unusable !== "";
    const run = (task: LabTask, name: string, title: string, off = false): unknown => html`<button class=${task === "check" ? "primary" : ""} data-testid="lab-${task}" title=${title} ?disabled=${stop || off} @click=${() => this.emit("lab-run", task)}>${name}</button>`;
    return html`<div class="row">
        ${this.running === null
          ? html`${run("check", "Check", "Compile it and judge it at every shape")} ${run("time", "Check and time", "And time it in turns with what is shipped")}
            ${run("train", "Train with it", kernel.trains ? "50 steps of the tiny reference training beside the shipped kernels" : `No step of the reference training launches ${kernel.name}`, !kernel.trains)}`
          : html`<progress aria-label="The kernel lab" max=${this.progress?.total || 1} .value=${this.progress?.done ?? 0}></progress><button data-testid="lab-stop" @click=${() => this.emit("stop-bench")}>Stop</button>`}
      </div>
      <div class="row">
        <button class="plain" data-testid="lab-shipped" ?disabled=${this.running !== null || text.source === variant.source} @click=${() => this.emit("lab-choose", { kernel: kernel.name, variant: variant.name })}>Back to the shipped text</button>
        <button class="plain" data-testid="lab-undo" ?disabled=${this.running !== null || before === null} @click=${() => this.emit("lab-undo")}>Bring back the text before</button>
        <button class="plain" data-testid="lab-link" @click=${() => this.emit("lab-link")}>Copy a link</button>
        <button class="plain" data-testid="lab-save" @click=${() => this.emit("lab-save")}>Save as a file</button>
        <button class="plain" ?disabled=${this.running !== null} @click=${() => this.file.click()}>Open a file…</button><input type="file" hidden accept=".json,application/json" data-testid="lab-open" @change=${this.onFile} />
      </div>`;
  }

  private status(): unknown {
    const { outcome, draft, progress } = this;
    const blocked = this.list?.blocked || this.blocked || this.list?.kernels.find(({ name }) => name === draft?.text.kernel)?.variants.find(({ name }) => name === draft?.text.variant)?.unusable || "";
    const stale = outcome !== null && outcome.of !== draft?.text ? " It is about the text before your last change." : "";
    const say = (words: string, kind = ""): unknown => html`<p class="status ${kind}" role="status" data-testid="lab-status">${words}</p>`;
    if (this.running !== null) return say(progress === null ? "Beginning" : `${progress.done} of ${progress.total}: ${progress.what}`);
    if (this.refused !== "") return say(this.refused, "bad");
    if (outcome === null) return say(blocked);
    if (outcome.error !== null) return say(`${outcome.error.message} ${outcome.error.code}${stale}`, "bad");
    const { errors, rows, right } = outcome.verdict!;
    const tried = rows.filter(({ status }) => status !== "left out").length;
    if (errors.length > 0) return say(`It does not compile: ${plural(errors.length, "error")}.${stale}`, "bad");
    const after = outcome.parity === null ? "" : outcome.parity.pass ? " Trained with it, the losses agree." : " Trained with it, the losses do not agree.";
    return right ? say(`Right at all ${plural(tried, "shape")} that ${tried === 1 ? "was" : "were"} tried, of ${rows.length}.${after}${stale}`, "good") : say(`Not right: ${plural(rows.filter(({ status }) => status !== "right" && status !== "left out").length, "shape")} of ${tried} failed.${stale}`, "bad");
  }

  private chooseKernel(name: string): void {
    const kernel = this.list?.kernels.find((one) => one.name === name);
    if (kernel) this.emit("lab-choose", { kernel: name, variant: kernel.usual });
  }

  private readonly onFile = (event: Event): void => {
    const input = event.target as HTMLInputElement;
    const [file] = input.files ?? [];
    input.value = "";
    if (file) this.emit("lab-file", file);
  };

  private emit(name: string, detail?: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "kernel-lab": KernelLab;
  }
}
