/** Every view of the page under axe, at both sizes, light and dark: no violation of its rules. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { deflateRawSync } from "node:zlib";
import type { AxeResults } from "axe-core";
import type { Page } from "puppeteer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LaunchedBrowser } from "../../src/cli/browser.ts";
import { launchBrowser } from "../../src/cli/browser.ts";
import { reportHtml } from "../../src/cli/report-html.ts";
import type { MetricRow } from "../../src/protocol/index.ts";
import { presetByName } from "../../src/protocol/presets.ts";
import type { StubSite } from "./stub-site.ts";
import { serveStub } from "./stub-site.ts";

let site: StubSite;
let launched: LaunchedBrowser;
let axe: string;
/** One page for all views: each is loaded afresh into it, which spares forty starts of a renderer. */
let page: Page;
beforeAll(async () => {
  [site, launched, axe] = await Promise.all([serveStub(), launchBrowser(), readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")]);
  page = await launched.browser.newPage();
  page.on("dialog", (dialog) => void dialog.accept());
}, 120_000);
afterAll(async () => {
  await launched?.close();
  await site?.close();
});

const by = (id: string): string => `>>> [data-testid="${id}"]`;

interface View {
  readonly name: string;
  readonly query: string;
  readonly open?: (page: Page) => Promise<void>;
  /** Of a phone, which shows one of three tabs at a time; elsewhere all stand side by side. */
  readonly tab?: "watch" | "ask";
}

const press = (key: "m" | "?" | "2" | "3") => async (page: Page): Promise<void> => {
  await page.keyboard.press(key);
};

/** A file of this name, dropped: the stub reads out of it what is wrong with it. */
const dropped = (name: string, wait: string, then?: string) => async (page: Page): Promise<void> => {
  await page.evaluate((name) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(["x".repeat(90_000)], name));
    for (const type of ["dragover", "drop"]) window.app.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, composed: true, cancelable: true }));
  }, name);
  await page.waitForFunction((phase) => window.app.intake?.phase === phase, { polling: 50 }, wait);
  if (then !== undefined) await page.locator(by(then)).click();
};

/** Once an element is there, whichever shadow root it grew in. */
async function there(page: Page, id: string): Promise<void> {
  while (!(await page.$(by(id)))) await new Promise((resolve) => setTimeout(resolve, 50));
}

async function openLab(page: Page): Promise<void> {
  await page.keyboard.press("3");
  await there(page, "bench-lab");
  await page.$eval(by("bench-lab"), (radio) => (radio as HTMLElement).click());
  await there(page, "lab-text");
}

const VIEWS: readonly View[] = [
  { name: "start", query: "scene=empty" },
  { name: "start without models", query: "scene=no-models" },
  { name: "preparing", query: "scene=preparing" },
  { name: "pre-training", query: "scene=running", tab: "watch" },
  { name: "fine-tuning", query: "scene=tuning&steps=1" },
  { name: "finished", query: "scene=finished", tab: "ask" },
  { name: "failed", query: "scene=failed" },
  { name: "dead", query: "scene=dead" },
  { name: "models", query: "scene=finished", open: press("m") },
  { name: "keys", query: "scene=paused", open: press("?") },
  { name: "bench", query: "scene=empty", open: press("3") },
  { name: "bench, run", query: "scene=empty", open: async (page) => {
    await page.keyboard.press("3");
    await page.waitForSelector(by("bench-run"));
    await page.$eval(by("bench-run"), (button) => (button as HTMLElement).click());
    await page.waitForFunction(() => window.app.shadowRoot!.querySelector("bench-view")?.shadowRoot?.querySelector("roofline-plot") !== null, { polling: 100 });
  } },
  { name: "kernel lab, an error", query: "scene=empty", open: async (page) => {
    await openLab(page);
    await page.$eval(by("lab-text"), (field) => {
      (field as HTMLTextAreaElement).value = (field as HTMLTextAreaElement).value.replace("fn main(", "fn main main(");
      field.dispatchEvent(new InputEvent("input", { bubbles: true, composed: true }));
    });
    await page.$eval(by("lab-check"), (button) => (button as HTMLElement).click());
    await there(page, "lab-mark");
    await page.evaluate(() => localStorage.removeItem("nestling-kernel"));
  } },
  { name: "kernel lab, trained", query: "scene=empty", open: async (page) => {
    await openLab(page);
    await page.select(by("lab-kernel"), "geluBackward");
    await there(page, "lab-header");
    await page.$eval(by("lab-train"), (button) => (button as HTMLElement).click());
    await there(page, "lab-curves");
    await page.evaluate(() => localStorage.removeItem("nestling-kernel"));
  } },
  { name: "kernel lab, a stranger's text", query: `scene=empty#kernel=1.${deflateRawSync(JSON.stringify({ kernel: "softmax", variant: "thread-per-row", source: "fn main() {}\n" })).toString("base64url")}`, open: (page) => there(page, "lab-foreign") },
  { name: "labs", query: "scene=empty", open: press("2") },
  { name: "recipe editor", query: "scene=empty", open: (page) => page.locator(by("edit-recipe")).click() },
  { name: "data, looking", query: "scene=empty", open: dropped("slow.txt", "looking") },
  { name: "data, chosen", query: "scene=empty", open: dropped("table.csv", "ready") },
  { name: "data, problem", query: "scene=empty", open: dropped("latin.txt", "ready") },
  { name: "data, reading", query: "scene=empty", open: dropped("big.txt", "ready", "data-take") },
  { name: "examples", query: "scene=empty", open: async (page) => page.locator(by("own-examples")).click() },
  { name: "examples, filled", query: "scene=empty", open: async (page) => {
    await page.evaluate(() => localStorage.setItem("nestling-examples", JSON.stringify(Array.from({ length: 5 }, (_, i) => ({ question: `What is ${i}?`, answer: `It is ${i}.` })))));
    await page.$eval(by("own-examples"), (button) => (button as HTMLElement).click());
    await page.waitForSelector(">>> examples-dialog >>> .learned .marker");
    await page.evaluate(() => localStorage.removeItem("nestling-examples"));
  } },
  { name: "inside", query: "scene=paused", open: async (page) => {
    // Its button stands behind a tab on a phone.
    await page.$eval(by("show-inside"), (button) => (button as HTMLElement).click());
    await page.waitForSelector(by("gradients"));
  } },
  { name: "step profile", query: "scene=paused", open: async (page) => {
    await page.$eval(by("show-profile"), (button) => (button as HTMLElement).click());
    await page.waitForSelector(by("flame"));
  } },
  { name: "table", query: "scene=finished", tab: "watch", open: async (page) => {
    await page.locator(by("keep")).click();
    await page.locator(by("keep-table")).click();
  } },
];

const SIZES = [{ width: 1440, height: 900 }, { width: 390, height: 844 }] as const;

/** Rule, what is wrong, and where: one line a place. */
function linesOf({ violations }: AxeResults): string[] {
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target.flat().join(" >>> ")}: ${failureSummary?.split("\n")[1]?.trim() ?? ""}`));
}

/** What axe finds in a view, in both themes: a theme changes colours alone, so the page is loaded once and its contrast judged twice. */
async function violations(view: View, size: (typeof SIZES)[number]): Promise<string[]> {
  const dress = (theme: "light" | "dark"): Promise<void> => page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: theme }, { name: "prefers-reduced-motion", value: "reduce" }]);
  await page.setViewport(size);
  await dress("light");
  await page.goto(`${site.url}?${view.query}`);
  // Where there is a run answers stream in and panels fade: the page is judged as it stands.
  await new Promise((resolve) => setTimeout(resolve, /scene=(empty|no-models|preparing|dead)/.test(view.query) ? 100 : 400));
  if (view.tab !== undefined) await page.evaluate((tab) => void (window.app.tab = tab), view.tab);
  await view.open?.(page);
  await page.evaluate(axe);
  const found: string[] = [];
  for (const theme of ["light", "dark"] as const) {
    await dress(theme);
    // Nothing moves under reduced motion: two frames after the change the new colours stand.
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    // Of what passes only the number is asked.
    const rules = { resultTypes: ["violations"], preload: false, ...(theme === "light" ? {} : { runOnly: ["color-contrast"] }) };
    const results = await page.evaluate((options) => (window as unknown as { axe: { run(options: object): Promise<AxeResults> } }).axe.run(options), rules);
    expect(results.passes.length).toBeGreaterThan(theme === "light" ? 5 : 0);
    found.push(...linesOf(results).map((line) => `${theme}: ${line}`));
  }
  return found;
}

describe("axe", () => {
  it.each(VIEWS.flatMap((view) => SIZES.map((size) => ({ view, size, label: `${view.name}, ${size.width} wide` }))))("finds nothing wrong: $label", async ({ view, size }) => {
    expect(await violations(view, size)).toEqual([]);
  }, 60_000);

  it.each(SIZES)("finds nothing wrong in the report of a run, $width wide", async (size) => {
    await page.setViewport(size);
    const row = (globalStep: number): MetricRow => ({ stageIndex: 0, step: globalStep, globalStep, tokens: globalStep * 64, trainMs: globalStep, "train/loss": 5 / globalStep, lr: 1e-3 });
    const recipe = presetByName("first-light")!;
    const summary = { recipe: recipe.name, seed: 1, backend: "cpu", device: "CPU", outcome: "finished", stages: [{ stage: "Pre-training", steps: 9, train_ms: 65_000 }], "train/loss": 1.25, wall_ms: 1, checkpoints: [] } as const;
    await page.goto("about:blank");
    await page.setContent(reportHtml({ recipe, summary, rows: Array.from({ length: 9 }, (_, i) => row(i + 1)), samples: [{ stageIndex: 0, step: 9, globalStep: 9, tokens: 9, prompt: "Once", text: "upon" }], answers: [{ prompt: "Who?", expected: "Dora.", base: "and", tuned: "Dora." }] }));
    await page.evaluate(axe);
    for (const theme of ["light", "dark"]) {
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: theme }]);
      const results = await page.evaluate(() => (window as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run());
      expect(results.passes.length).toBeGreaterThan(5);
      expect(linesOf(results)).toEqual([]);
    }
  }, 60_000);
});
