/** What the page does when the bench view asks: the engine's command, files in and out, two results compared. Draws nothing. */
import { compareResults } from "../bench/compare.ts";
import { parseResult, toCsv, toJson, toMarkdown } from "../bench/writers.ts";
import type { BenchRequest, BenchResult } from "../protocol/index.ts";
import type { BenchView, SavedAs } from "./bench-view.ts";
import type { NestlingApp } from "./nestling-app.ts";
import { saveBlob } from "./page-files.ts";
import { readError } from "./run-controller.ts";

const WRITERS = {
  json: { write: toJson, type: "application/json" },
  csv: { write: toCsv, type: "text/csv" },
  md: { write: toMarkdown, type: "text/markdown" },
} as const satisfies Record<SavedAs, { write: (result: BenchResult) => string; type: string }>;

export function benchActions(app: NestlingApp): Readonly<Record<string, (detail: never) => void>> {
  const view = (): BenchView | null => app.renderRoot.querySelector("bench-view");

  const run = async (request: BenchRequest): Promise<void> => {
    const panel = view();
    if (panel === null) return;
    let hidden = document.hidden;
    const watch = (): void => void (hidden ||= document.hidden);
    document.addEventListener("visibilitychange", watch);
    panel.running = true;
    panel.error = null;
    panel.result = null;
    const found = await app.run.tried((api) => api.bench(request, {}));
    document.removeEventListener("visibilitychange", watch);
    panel.running = false;
    if ("code" in found) panel.error = found;
    else panel.result = { ...found, device: { ...found.device, hidden } };
  };

  const open = async (file: File): Promise<void> => {
    const panel = view();
    if (panel === null) return;
    try {
      const opened = parseResult(await file.text());
      panel.error = null;
      if (panel.result === null) panel.result = opened;
      else panel.comparison = { name: file.name, rows: compareResults(opened, panel.result) };
    } catch (error) {
      panel.error = readError(error);
    }
  };

  return {
    "run-bench": (request: BenchRequest) => void run(request),
    "stop-bench": () => void app.run.attempt((api) => api.stopBench()),
    "open-bench": (file: File) => void open(file),
    "save-bench": (as: SavedAs) => {
      const result = view()?.result;
      if (!result) return;
      const { write, type } = WRITERS[as];
      saveBlob(new Blob([write(result)], { type }), `nestling-bench-${result.device.backend}-${result.date.slice(0, 10)}.${as}`);
    },
  };
}
