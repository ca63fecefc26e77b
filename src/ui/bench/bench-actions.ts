/** What the page does when the bench view asks: the engine's command, files in and out, two results compared. Draws nothing. */
import { compareResults } from "../../bench/compare.ts";
import { parseResult, toCsv, toJson, toMarkdown } from "../../bench/writers.ts";
import type { BenchRequest, BenchResult } from "../../protocol/index.ts";
import type { ShelvedResult } from "./bench-shelf.ts";
import type { BenchView, SavedAs } from "./bench-view.ts";
import type { NestlingApp } from "../nestling-app.ts";
import { saveBlob } from "../page-files.ts";
import { readError } from "../run-controller.ts";

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

  const take = ({ name, result }: ShelvedResult): void => {
    const panel = view();
    if (panel === null) return;
    panel.error = null;
    if (panel.result === null) panel.result = result;
    else panel.comparison = { name, rows: compareResults(result, panel.result) };
  };

  const open = async (file: File): Promise<void> => {
    try {
      take({ name: file.name, result: parseResult(await file.text()) });
    } catch (error) {
      const panel = view();
      if (panel !== null) panel.error = readError(error);
    }
  };

  /** Those of the repository, read when the bench is first looked at. */
  const fillShelf = async (): Promise<void> => {
    const files = import.meta.glob<string>("../../../bench/results/*.json", { query: "?raw", import: "default" });
    const shelf = await Promise.all(Object.entries(files).map(async ([path, read]) => ({ name: path.slice(path.lastIndexOf("/") + 1, -".json".length), result: parseResult(await read()) })));
    const panel = view();
    if (panel !== null) panel.shelf = shelf;
  };

  const label = (name: string): void => {
    const panel = view();
    if (panel?.result == null) return;
    const { label: _before, ...device } = panel.result.device;
    panel.result = { ...panel.result, device: name === "" ? device : { ...device, label: name } };
  };

  return {
    "run-bench": (request: BenchRequest) => void run(request),
    "stop-bench": () => void app.run.attempt((api) => api.stopBench()),
    "open-bench": (file: File) => void open(file),
    "take-result": take,
    "label-bench": label,
    "want-shelf": () => void fillShelf(),
    "save-bench": (as: SavedAs) => {
      const result = view()?.result;
      if (!result) return;
      const { write, type } = WRITERS[as];
      saveBlob(new Blob([write(result)], { type }), `nestling-bench-${result.device.backend}-${result.date.slice(0, 10)}.${as}`);
    },
  };
}
