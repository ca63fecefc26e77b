/** The two banners over the page: the run failed, the engine died. Templates for `nestling-app` alone. */
import { html, nothing } from "lit";
import type { ErrorReport } from "../protocol/index.ts";
import type { RunController } from "./run-controller.ts";

/** @param goesOn the error did not end the run */
export function failedBanner(error: ErrorReport, goesOn: boolean, run: RunController): unknown {
  return html`<div class="dead" role="alert" data-testid="run-error">
    <p>${error.message} <code>${error.code}</code></p>
    ${goesOn ? nothing : html`<button @click=${() => run.clearRun()}>Begin another run</button>`}
    ${error.code === "GPU_LOST" ? html`<button class="primary" data-testid="reload-lost" @click=${() => location.reload()}>Reload, and go on from what was saved</button>` : nothing}
  </div>`;
}

export function deadBanner(error: ErrorReport | undefined, run: RunController): unknown {
  return html`<div class="dead" role="alert" data-testid="dead">
    <p>${error?.message ?? "The engine is not running."} <code>${error?.code}</code></p>
    <button @click=${() => run.reconnect()}>Start the engine again</button>
    <button class="primary" @click=${() => location.reload()}>Reload the page</button>
  </div>`;
}
