/** What the page does when the bench view asks: the engine's command, files in and out, two results compared. Draws nothing. */
import { compareResults } from "../../bench/compare.ts";
import { NestlingError } from "../../core/errors.ts";
import { MOST_RESULT_BYTES, parseResult, toCsv, toJson, toMarkdown } from "../../bench/writers.ts";
import type { BenchRequest, BenchResult } from "../../protocol/index.ts";
import type { ShelvedResult } from "./bench-shelf.ts";
import type { BenchView, SavedAs } from "./bench-view.ts";
import type { NestlingApp } from "../nestling-app.ts";
import { saveBlob } from "../page-files.ts";
import { formatBytes, safeName } from "../shared/format.ts";
import { readError } from "../run-controller.ts";

const WRITERS = {
  json: { write: toJson, type: "application/json" },
  csv: { write: toCsv, type: "text/csv" },
  md: { write: toMarkdown, type: "text/markdown" },
} as const satisfies Record<SavedAs, { write: (result: BenchResult) => string; type: string }>;

/** Results that stand beside the one that is shown; the oldest goes. */
const MOST_ASIDE = 4;

const differ = (a: BenchResult, b: BenchResult): boolean => a.device.backend !== b.device.backend || a.device.adapter !== b.device.adapter;

export function benchActions(app: NestlingApp): Readonly<Record<string, (detail: never) => void>> {
  const view = (): BenchView | null => app.renderRoot.querySelector("bench-view");

  let aside: readonly ShelvedResult[] = [];
  let shownName = "";

  const show = (panel: BenchView, result: BenchResult | null, name = ""): void => {
    panel.result = result;
    shownName = name;
    panel.aside = aside.map((one) => one.name);
    panel.comparisons = result === null ? [] : aside.map((one) => ({ name: one.name, devices: differ(one.result, result), rows: compareResults(one.result, result, differ(one.result, result)) }));
  };

  /** A name that none of those set aside has. */
  const named = (name: string, count = 1): string => {
    const full = count === 1 ? name : `${name} (${count})`;
    return aside.some((one) => one.name === full) ? named(name, count + 1) : full;
  };

  /** What was measured or opened is not lost to what comes after it. */
  const setAside = (one: ShelvedResult): void => {
    aside = [...aside.filter(({ name }) => name !== one.name), one].slice(-MOST_ASIDE);
  };

  const run = async (request: BenchRequest): Promise<void> => {
    const panel = view();
    if (panel === null || panel.running) return;
    if (panel.result !== null) setAside({ name: shownName, result: panel.result });
    let hidden = document.hidden;
    const watch = (): void => void (hidden ||= document.hidden);
    document.addEventListener("visibilitychange", watch);
    panel.running = true;
    panel.startedMs = performance.now();
    panel.lastProgress = panel.progress;
    panel.error = null;
    show(panel, null);
    const found = await app.run.tried((api) => api.bench(request, {}));
    document.removeEventListener("visibilitychange", watch);
    panel.running = false;
    if ("code" in found) panel.error = found;
    else show(panel, { ...found, device: { ...found.device, hidden } }, named(`${found.device.adapter}, ${new Date().toTimeString().slice(0, 8)}`));
  };

  const take = (one: ShelvedResult): void => {
    const panel = view();
    if (panel === null) return;
    panel.error = null;
    if (panel.result === null) return show(panel, one.result, one.name);
    setAside(one);
    show(panel, panel.result, shownName);
  };

  const put = (name: string | null): void => {
    const panel = view();
    if (panel === null) return;
    if (name === null && panel.result !== null) setAside({ name: shownName, result: panel.result });
    else aside = aside.filter((one) => one.name !== name);
    show(panel, name === null ? null : panel.result, shownName);
  };

  /** One that was set aside, in the place of the one that is shown. */
  const showAgain = (name: string): void => {
    const panel = view();
    const one = aside.find((each) => each.name === name);
    if (panel === null || one === undefined) return;
    aside = aside.filter((each) => each !== one);
    show(panel, one.result, one.name);
  };

  const open = async (file: File): Promise<void> => {
    try {
      if (file.size > MOST_RESULT_BYTES) throw new NestlingError("COMMAND", `${safeName(file.name)} has ${formatBytes(file.size)}; a result of the bench has at most ${formatBytes(MOST_RESULT_BYTES)}. Choose a file that "Save as JSON" or npm run bench wrote.`);
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
    show(panel, { ...panel.result, device: name === "" ? device : { ...device, label: name } }, shownName);
  };

  return {
    "run-bench": (request: BenchRequest) => void run(request),
    "stop-bench": () => void app.run.attempt((api) => api.stopBench()),
    "open-bench": (file: File) => void open(file),
    "take-result": take,
    "label-bench": label,
    "close-bench": put,
    "show-bench": showAgain,
    "want-shelf": () => void fillShelf(),
    "save-bench": (as: SavedAs) => {
      const result = view()?.result;
      if (!result) return;
      const { write, type } = WRITERS[as];
      saveBlob(new Blob([write(result)], { type }), `nestling-bench-${result.device.backend}-${result.date.slice(0, 10)}.${as}`);
    },
  };
}
