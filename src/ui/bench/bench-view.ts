/** The bench: what to time, how far it is, what came of it. Times nothing itself. */
import { LitElement, html, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import type { BenchRequest, BenchResult, BenchRow, DeviceReport, ErrorReport } from "../../protocol/index.ts";
import { DTYPES, MOST_SIZE, SUITES, type Suite } from "../../protocol/bench.ts";
import type { ShelvedResult } from "./bench-shelf.ts";
import "./bench-shelf.ts";
import { cellOf, NUMBERS, MEANINGS, short } from "./bench-columns.ts";
import { benchStyles } from "./bench-styles.ts";
import { browserName, formatDuration, safeName } from "../shared/format.ts";
import "./kernel-lab.ts";
import type { BenchProgress, LabProgress } from "../page-state.ts";
import "./roofline-plot.ts";
import { base, controls, numberTable, working } from "../shared/shared-styles.ts";

export type SavedAs = "json" | "csv" | "md";

/** A result beside another, row by row. */
export interface ShownComparison {
  readonly name: string;
  /** The two are of different devices: what each trains with stands side by side, whatever its variant is called. */
  readonly devices: boolean;
  readonly rows: readonly { readonly suite: string; readonly name: string; readonly shape: string; readonly variant: string; readonly before_ms?: number; readonly after_ms?: number; readonly ratio?: number; readonly verdict: string }[];
}

/** When a quick run stops beginning new rows. */
const QUICK_MS = 30_000;

/**
 * @fires run-bench - {detail: BenchRequest}
 * @fires stop-bench
 * @fires open-bench - {detail: File} a result, to look at or to compare with
 * @fires save-bench - {detail: SavedAs}
 * @fires label-bench - {detail: string} the person's name for the device
 * @fires close-bench - {detail: string | null} puts away one that stands beside, by name, for good; null = sets the one that is shown aside
 * @fires show-bench - {detail: string} one that was set aside, by name
 * @fires want-shelf - it stands, and wants the results that came with the page
 */
@customElement("bench-view")
export class BenchView extends LitElement {
  static override styles = [base, controls, working, numberTable, benchStyles];

  @property({ attribute: false }) device: DeviceReport | undefined;
  @property({ attribute: false }) progress: BenchProgress | null = null;
  /** Why it cannot start now, as a sentence; "" = it can. */
  @property() blocked = "";
  @property({ attribute: false }) result: BenchResult | null = null;
  /** Names of results that were set aside. */
  @property({ attribute: false }) aside: readonly string[] = [];
  /** Each of them beside the one that is shown. */
  @property({ attribute: false }) comparisons: readonly ShownComparison[] = [];
  @property({ attribute: false }) error: ErrorReport | null = null;
  @property({ type: Boolean }) running = false;
  /** When the bench that runs was begun, by `performance.now()`. */
  @property({ attribute: false }) startedMs = 0;
  /** How far the bench before had come when this one was begun. */
  @property({ attribute: false }) lastProgress: BenchProgress | null = null;
  @property({ attribute: false }) shelf: readonly ShelvedResult[] = [];
  /** Which half is shown: the suites, or one kernel under trial. */
  @property() side: "suites" | "lab" = "suites";
  @property({ attribute: false }) lab: LabProgress | null = null;

  @state() private suites: ReadonlySet<Suite> = new Set<Suite>(["matmul", "softmax", "norms", "step"]);
  @query("form") private form!: HTMLFormElement;
  @query("input[type=file]") private file!: HTMLInputElement;

  override connectedCallback(): void {
    super.connectedCallback();
    this.emit("want-shelf");
  }

  override render(): unknown {
    return html`
      <div class="head"><h1>Bench</h1>
        <fieldset class="choice"><legend class="visually-hidden">What is shown</legend>${([["suites", "Suites"], ["lab", "Kernel lab"]] as const).map(([side, name]) => html`<label><input type="radio" name="side" data-testid="bench-${side}" .checked=${this.side === side} @change=${() => (this.side = side)} />${name}</label>`)}</fieldset></div>
      ${this.side === "lab" ? html`<kernel-lab .progress=${this.lab} .blocked=${this.blocked}></kernel-lab>` : this.suitesPart()}`;
  }

  private suitesPart(): unknown {
    const { device, result, error } = this;
    const progress = this.progress === this.lastProgress ? null : this.progress;
    // Rows of a bench that did not come to its end are all there is of it.
    const rows = result?.rows ?? (this.running || error !== null ? progress?.rows : undefined) ?? [];
    const status = error !== null ? `${error.message} ${error.code}` : this.running ? (progress === null ? "Beginning" : `${progress.done} of ${progress.total}: ${progress.what}${this.left(progress)}`) : this.blocked;
    return html`
      <p class="lead">Times the very kernels that train, on ${safeName(device?.name ?? "this device")}: each only after its result was checked against its formula in double precision. Compilation and read-back are left out; every number is a median, and the A/A row shows how far two timings of one thing lie apart.</p>
      <form @submit=${this.onSubmit}>
        <fieldset><legend>Suites</legend>${SUITES.map((suite) => html`<label><input type="checkbox" name="suite" .checked=${this.suites.has(suite)} @change=${() => this.toggle(suite)} />${suite}</label>`)}</fieldset>
        <fieldset class="sizes"><legend>Sizes of your own</legend>${["M", "N", "K"].map((name) => html`<label>${name} <input type="number" name=${name} min="1" max=${MOST_SIZE} step="1" aria-label="${name} of one more product" @input=${this.onSize} /></label>`)}
          <label>T of attention <input type="text" name="contexts" inputmode="numeric" pattern="\\s*0*[1-9]\\d*(\\s*,\\s*0*[1-9]\\d*)*\\s*" title="Whole numbers from 1 on with commas between them, such as 128, 2048; nothing takes the usual ones" /></label></fieldset>
        <div class="go">
          <label title="Fewer shapes and samples; what is not reached in 30 s is said to be left out"><input type="checkbox" name="quick" .checked=${true} />quick, about 30 s</label>
          <label title="How the training steps that are timed, and those whose launches are, store weights and activations">numbers <select name="dtype"><option value="float32">float32</option><option value="bfloat16">bfloat16</option><option value="float16">float16</option><option value="all">all three</option></select></label>
          <label title="Four sets of buffers in turn, so that caches do not hold them"><input type="checkbox" name="rotating" />rotating buffers</label>
          <label title="The other device is opened for this bench alone">on <select name="backend" data-testid="bench-backend"><option value="">what trains</option><option value="webgpu">WebGPU</option><option value="cpu">the processor</option></select></label>
          ${this.running
            ? html`<progress aria-label="The bench" max=${progress?.total ?? 1} .value=${progress?.done ?? 0}></progress><button type="button" data-testid="bench-stop" @click=${() => this.emit("stop-bench")}>Stop</button>`
            : html`<button class="primary" data-testid="bench-run" ?disabled=${this.blocked !== "" || this.suites.size === 0}>Run</button>`}
          <button type="button" class="plain" @click=${() => this.file.click()}>${this.result === null ? "Open a result…" : "Compare with a result…"}</button><input type="file" hidden accept=".json,application/json" data-testid="bench-open" @change=${this.onOpen} />
        </div>
        <p class="status ${error === null ? "" : "bad"}" role="status" data-testid="bench-status">${status}</p>
      </form>
      ${result === null || this.running ? nothing : this.summary(result)}
      ${this.running ? nothing : this.comparisons.map((one) => this.compared(one))}
      ${[...new Set(rows.map(({ suite }) => suite))].map((suite) => this.table(suite, rows.filter((row) => row.suite === suite)))}
      ${result !== null || this.running || this.aside.length === 0 ? nothing : html`<p class="go">Set aside: ${this.aside.map((name) => html`<button @click=${() => this.emit("show-bench", name)}>Show ${safeName(name)}</button>`)}</p>`}
      ${rows.length === 0 && !this.running ? html`<p class="lead" data-testid="bench-empty">No numbers yet. Choose suites and run, or open a result that was saved.</p>` : nothing}
      <bench-shelf .results=${this.shelf} .beside=${result !== null}></bench-shelf>`;
  }

  private summary({ device, date, rows }: BenchResult): unknown {
    const ways: readonly [SavedAs, string][] = [["json", "JSON"], ["csv", "CSV"], ["md", "Markdown"]];
    return html`<h2>${safeName(device.label ?? device.adapter)}</h2>
      <p class="lead">${device.backend}${device.software ? ", a software adapter: its figures say nothing of a GPU" : ""}; ${browserName(device.browser)}; ${date.slice(0, 10)}. Measured peaks ${short(device.peak.gflops)} GFLOP/s and ${short(device.peak.gbps)} GB/s; clock ${short(device.timer_quantum_ms)} ms.${device.hidden ? " The page was hidden for part of the time: do not trust these." : ""}</p>
      <div class="summary"><label>This device is called <input type="text" maxlength="200" data-testid="bench-label" placeholder=${safeName(device.adapter)} .value=${device.label ?? ""} @change=${(event: Event) => this.emit("label-bench", (event.target as HTMLInputElement).value.trim())} /></label>
      <div class="go">${ways.map(([as, name]) => html`<button data-testid="bench-save-${as}" @click=${() => this.emit("save-bench", as)}>Save as ${name}</button>`)}<button class="plain" data-testid="bench-close" @click=${() => this.emit("close-bench", null)}>Set aside</button></div></div>
      <roofline-plot .rows=${rows} .peak=${device.peak}></roofline-plot>`;
  }

  private table(suite: string, rows: readonly BenchRow[]): unknown {
    const columns = NUMBERS.filter(([field]) => rows.some((row) => row[field] !== undefined));
    return html`<h2>${suite}</h2><div class="scroll" tabindex="0" role="region" aria-label="Rows of ${suite}"><table data-testid="bench-${suite}">
      <thead><tr><th scope="col" class="text">name</th><th scope="col" class="text">shape</th><th scope="col" class="text">variant</th><th scope="col" class="text">status</th>${columns.map(([field, name]) => html`<th scope="col" title=${MEANINGS[field] ?? nothing}>${name}</th>`)}</tr></thead>
      <tbody>${rows.map((row) => html`<tr class="${row.status === "A/A" ? "aa" : row.chosen ? "chosen" : ""}"><td class="text">${row.name}</td><td class="text">${row.shape}</td><td class="text">${row.variant}</td><td class="text">${row.status}${row.chosen && row.status === "ok" ? ", trains" : ""}</td>${columns.map(([field]) => html`<td>${cellOf(row, field)}</td>`)}</tr>`)}</tbody>
    </table></div>`;
  }

  private compared({ name, devices, rows }: ShownComparison): unknown {
    return html`<h2>Beside ${safeName(name)} <button class="plain small" aria-label="Put ${safeName(name)} away" data-testid="bench-put-away" @click=${() => this.emit("close-bench", name)}>Put away</button></h2>
      <p class="lead">${devices ? "Another device: what each trains with, side by side." : "The same variants, row by row."} A difference within the noise of both is called none.</p><div class="scroll" tabindex="0" role="region" aria-label="Comparison with ${safeName(name)}"><table data-testid="bench-comparison">
      <thead><tr><th scope="col" class="text">name</th><th scope="col" class="text">shape</th><th scope="col" class="text">variant</th><th scope="col">there, ms</th><th scope="col">here, ms</th><th scope="col">times as fast</th><th scope="col" class="text">beyond the noise</th></tr></thead>
      <tbody>${rows.map((row) => html`<tr><td class="text">${row.name}</td><td class="text">${row.shape}</td><td class="text">${row.variant}</td><td>${short(row.before_ms)}</td><td>${short(row.after_ms)}</td><td>${short(row.ratio)}</td><td class="text ${row.verdict}">${row.verdict}</td></tr>`)}</tbody>
    </table></div>`;
  }

  /** In words, from the second part on; a quick run gets no new row after its half minute. */
  private left({ done, total }: BenchProgress): string {
    const goneMs = performance.now() - this.startedMs;
    const forecast = (goneMs / done) * (total - done);
    return done === 0 ? "" : `; about ${formatDuration(this.renderRoot.querySelector<HTMLInputElement>("[name=quick]")!.checked ? Math.max(0, Math.min(forecast, QUICK_MS - goneMs)) : forecast)} left`;
  }

  private toggle(suite: Suite): void {
    const next = new Set(this.suites);
    if (!next.delete(suite)) next.add(suite);
    this.suites = next;
  }

  private readonly onSubmit = (event: Event): void => {
    event.preventDefault();
    const data = new FormData(this.form);
    const backend = data.get("backend");
    const [M, N, K] = ["M", "N", "K"].map((name) => Number(data.get(name)));
    const contexts = String(data.get("contexts")).split(",").map(Number).filter((T) => T > 0);
    const dtype = data.get("dtype");
    const detail: BenchRequest = {
      suites: SUITES.filter((suite) => this.suites.has(suite)), quick: data.has("quick"), buffers: data.has("rotating") ? "rotating" : "hot",
      ...(M && N && K ? { product: { M, N, K } } : {}), ...(contexts.length > 0 ? { contexts } : {}), ...(dtype === "float32" ? {} : { dtypes: dtype === "all" ? DTYPES : DTYPES.filter((each) => each === dtype) }),
      ...(backend === "webgpu" || backend === "cpu" ? { backend } : {}),
    };
    this.emit("run-bench", detail);
  };

  /** A product has all three sides, or none is asked for. */
  private readonly onSize = (): void => {
    const sides = [...this.renderRoot.querySelectorAll<HTMLInputElement>(".sizes input[type=number]")];
    const some = sides.some(({ value }) => value !== "");
    for (const side of sides) side.setCustomValidity(some && side.value === "" && !side.validity.badInput ? "A product needs M, N and K. Fill in all three, or none." : "");
  };

  private readonly onOpen = (event: Event): void => {
    const input = event.target as HTMLInputElement;
    const [file] = input.files ?? [];
    input.value = "";
    if (file) this.emit("open-bench", file);
  };

  private emit(name: string, detail?: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "bench-view": BenchView;
  }
}
