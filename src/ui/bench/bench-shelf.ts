/** Results that came with the page, of the devices that people have sent: how fast each trains, to look at or to set beside one's own. */
import { LitElement, css, html, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { BenchResult } from "../../protocol/index.ts";
import { cssVars } from "../shared/css-vars.ts";
import { formatShort, safeName } from "../shared/format.ts";
import { base, controls } from "../shared/shared-styles.ts";

export interface ShelvedResult {
  /** Of its file, without what stands before and after. */
  readonly name: string;
  readonly result: BenchResult;
}

const speedOf = ({ result }: ShelvedResult, training: string): number | undefined => result.rows.find(({ suite, name, status }) => suite === "step" && name === training && status === "ok")?.tokens_per_sec;

/** @fires take-result - {detail: ShelvedResult} */
@customElement("bench-shelf")
export class BenchShelf extends LitElement {
  static override styles = [
    base,
    controls,
    css`
      h2 {
        margin: var(--s5) 0 var(--s2);
        font-size: var(--t-l);
        font-weight: 600;
      }
      p {
        max-width: 70ch;
        color: var(--ink-2);
      }
      ul {
        display: grid;
        gap: var(--s2);
        margin-top: var(--s3);
      }
      li {
        display: grid;
        grid-template-columns: minmax(0, 16rem) minmax(0, 1fr) auto;
        align-items: center;
        gap: var(--s1) var(--s4);
        padding: var(--s2) 0;
        border-bottom: 1px solid var(--line);
      }
      .what {
        overflow-wrap: anywhere;
      }
      small {
        display: block;
        color: var(--ink-2);
        font-size: var(--t-s);
      }
      .bar {
        display: grid;
        grid-template-columns: 3rem minmax(0, 1fr) 4.5rem;
        align-items: center;
        gap: var(--s2);
        font-size: var(--t-s);
        color: var(--ink-2);
        font-variant-numeric: tabular-nums;
      }
      .bar i {
        height: 0.6rem;
        width: calc(var(--share) * 100%);
        min-width: 2px;
        border-radius: 0.15rem;
        background: var(--base);
      }
      .software .bar i {
        background: var(--ink-3);
      }
      @media (max-width: 760px) {
        li {
          grid-template-columns: minmax(0, 1fr) auto;
        }
        .bars {
          grid-column: 1 / -1;
          grid-row: 2;
        }
      }
    `,
  ];

  @property({ attribute: false }) results: readonly ShelvedResult[] = [];
  /** One's own is there to be compared with. */
  @property({ type: Boolean }) beside = false;

  override render(): unknown {
    if (this.results.length === 0) return nothing;
    const trainings = ["small", "tiny"] as const;
    const most = new Map(trainings.map((training) => [training, Math.max(...this.results.map((one) => speedOf(one, training) ?? 0))]));
    // Real devices first, the fastest at the top; a software adapter says nothing of a GPU.
    const order = this.results.toSorted((a, b) => Number(a.result.device.software) - Number(b.result.device.software) || (speedOf(b, "small") ?? 0) - (speedOf(a, "small") ?? 0));
    return html`<h2>Other devices</h2>
      <p>Tokens a second of the two reference trainings, as people measured them. Yours joins them by a pull request that adds its JSON to <code>bench/results</code>.</p>
      <ul data-testid="bench-shelf">${order.map((one) => this.row(one, trainings.map((training) => [training, speedOf(one, training), most.get(training)!])))}</ul>`;
  }

  private row(one: ShelvedResult, bars: readonly (readonly [string, number | undefined, number])[]): unknown {
    const { device, date } = one.result;
    const name = safeName(device.label ?? device.adapter);
    return html`<li class=${device.software ? "software" : ""}>
      <span class="what">${name}<small>${device.backend === "cpu" ? "processor, WebAssembly" : device.software ? "WebGPU on a software adapter" : "WebGPU"}; ${date.slice(0, 10)}</small></span>
      <span class="bars">${bars.map(([training, speed, most]) => (speed === undefined ? nothing : html`<span class="bar"><span>${training}</span><i ${cssVars({ "--share": speed / most })}></i><span>${formatShort(speed)}</span></span>`))}</span>
      <button class="plain" aria-label="${this.beside ? "Compare with" : "Show"} ${name}" @click=${() => this.take(one)}>${this.beside ? "Compare" : "Show"}</button>
    </li>`;
  }

  private take(detail: ShelvedResult): void {
    this.dispatchEvent(new CustomEvent("take-result", { detail, bubbles: true, composed: true }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "bench-shelf": BenchShelf;
  }
}
