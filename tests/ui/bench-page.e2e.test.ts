/** The bench view in a real browser, with the stub in the engine's place: run, stop, save, open, compare, at both sizes. */
import { readdirSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ElementHandle, Page } from "puppeteer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { toJson } from "../../src/bench/writers.ts";
import type { LaunchedBrowser } from "../../src/cli/browser.ts";
import { launchBrowser } from "../../src/cli/browser.ts";
import { stubBench } from "./stub-bench.ts";
import type { StubSite } from "./stub-site.ts";
import { serveStub } from "./stub-site.ts";

let site: StubSite;
let launched: LaunchedBrowser;
let folder: string;
beforeAll(async () => {
  [site, launched, folder] = await Promise.all([serveStub(), launchBrowser(), mkdtemp(join(tmpdir(), "nestling-bench-"))]);
}, 120_000);
afterAll(async () => {
  await launched?.close();
  await site?.close();
  await rm(folder, { recursive: true, force: true });
});

const by = (id: string): string => `>>> [data-testid="${id}"]`;
const text = (page: Page, id: string): Promise<string> => page.$eval(by(id), (element) => element.textContent?.replace(/\s+/g, " ").trim() ?? "").catch(() => "");
const press = (page: Page, id: string): Promise<void> => page.$eval(by(id), (element) => (element as HTMLElement).click());

async function visit(scene: string, act: (page: Page) => Promise<void>, size = { width: 1440, height: 900 }): Promise<void> {
  const page = await launched.browser.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  try {
    await page.setViewport(size);
    await page.goto(`${site.url}?scene=${scene}`);
    await expect.poll(() => page.$(by("view-bench")).then(Boolean), { timeout: 10_000 }).toBe(true);
    await page.keyboard.press("3");
    await expect.poll(() => text(page, "bench-run")).toBe("Run");
    await act(page);
    expect(complaints).toEqual([]);
  } finally {
    await page.close({ runBeforeUnload: false });
  }
}

const open = async (page: Page, file: string): Promise<void> => ((await page.$(by("bench-open"))) as ElementHandle<HTMLInputElement>).uploadFile(file);

describe("the bench view", () => {
  it("runs the chosen suites, shows rows as they come, then peaks, roofline and ways to keep them", () => visit("empty", async (page) => {
    expect(await text(page, "bench-empty")).toContain("No numbers yet");
    await press(page, "bench-run");
    await expect.poll(() => text(page, "bench-status")).toMatch(/^\d of 7: /);
    await expect.poll(() => page.evaluate(() => window.stub.calls)).toContain("bench matmul,softmax,norms,step");
    await expect.poll(() => page.$$eval(by("bench-matmul"), ([table]) => table?.querySelectorAll("tbody tr").length ?? 0)).toBeGreaterThan(1);
    await expect.poll(() => page.$$eval(by("roofline"), ([plot]) => plot?.querySelectorAll("circle").length ?? 0), { timeout: 10_000 }).toBe(5);
    expect(await text(page, "bench-matmul")).toMatch(/wrong: out\[7\] is 3/);
    expect(await text(page, "bench-step")).toMatch(/tiny.*3,222.*69/);
    const saved = await page.evaluate(() => {
      const files: string[] = [];
      HTMLAnchorElement.prototype.click = function click(this: HTMLAnchorElement) {
        files.push(this.download);
      };
      for (const as of ["json", "csv", "md"]) window.app.shadowRoot!.querySelector("bench-view")!.shadowRoot!.querySelector<HTMLElement>(`[data-testid="bench-save-${as}"]`)!.click();
      return files;
    });
    expect(saved).toEqual(["nestling-bench-webgpu-2026-11-23.json", "nestling-bench-webgpu-2026-11-23.csv", "nestling-bench-webgpu-2026-11-23.md"]);
  }));

  it("asks for the contexts that were typed, and takes a name for the device into what is saved", () => visit("empty", async (page) => {
    const asked = await page.evaluate(async () => {
      const view = window.app.shadowRoot!.querySelector("bench-view")!;
      const box = view.shadowRoot!.querySelector<HTMLInputElement>("input[name=contexts]")!;
      box.value = "12.5";
      const refused = !box.checkValidity();
      box.value = " 128, 2048";
      const detail = new Promise((resolve) => view.addEventListener("run-bench", (event) => resolve((event as CustomEvent).detail), { once: true }));
      view.shadowRoot!.querySelector<HTMLElement>('[data-testid="bench-run"]')!.click();
      return { refused, detail: await detail };
    });
    expect(asked).toMatchObject({ refused: true, detail: { contexts: [128, 2048] } });
    await expect.poll(() => page.$(by("bench-label")).then(Boolean), { timeout: 10_000 }).toBe(true);
    await page.focus(by("bench-label"));
    await page.keyboard.type("Ada's laptop");
    await page.keyboard.press("Tab");
    await expect.poll(() => page.$eval(">>> bench-view", (view) => view.result?.device.label)).toBe("Ada's laptop");
  }));

  it("draws the results that came with it, shows one, and sets another beside it", () => visit("empty", async (page) => {
    const rows = (): Promise<number> => page.$$eval(`${by("bench-shelf")} li`, (all) => all.length).catch(() => 0);
    await expect.poll(rows).toBe(readdirSync("bench/results").filter((name) => name.endsWith(".json")).length);
    expect(await rows()).toBeGreaterThan(1);
    const take = (nth: number): Promise<void> => page.$$eval(`${by("bench-shelf")} button`, (all, i) => all[i]!.click(), nth);
    await take(0);
    await expect.poll(() => text(page, "bench-step")).toMatch(/tiny/);
    expect(await page.$$eval(`${by("bench-shelf")} button`, ([first]) => first!.textContent)).toBe("Compare");
    await take(1);
    await expect.poll(() => text(page, "bench-comparison")).toMatch(/times as fast/);
  }));

  it("stops when asked and keeps the rows that were there", () => visit("empty", async (page) => {
    await press(page, "bench-run");
    await expect.poll(() => page.$$eval(by("bench-matmul"), ([table]) => table?.querySelectorAll("tbody tr").length ?? 0)).toBeGreaterThan(0);
    await press(page, "bench-stop");
    await expect.poll(() => text(page, "bench-status")).toMatch(/was stopped; what was timed so far is shown\. CANCELLED/);
    expect(await page.$$eval(by("bench-matmul"), ([table]) => table!.querySelectorAll("tbody tr").length)).toBeGreaterThan(0);
    expect(await text(page, "bench-run")).toBe("Run");
  }));

  it("opens a saved result without a run, sets another beside it, and says what is no result", () => visit("no-models", async (page) => {
    const [first, second, bad] = ["first.json", "second.json", "bad.json"].map((name) => join(folder, name));
    const result = stubBench();
    await writeFile(first!, toJson(result));
    await writeFile(second!, toJson({ ...result, rows: result.rows.map((row) => ({ ...row, ...(row.median_ms === undefined ? {} : { median_ms: 2 * row.median_ms }) })) }));
    await writeFile(bad!, "{}");
    await open(page, first!);
    await expect.poll(() => text(page, "bench-softmax")).toContain("thread-per-row");
    await open(page, second!);
    await expect.poll(() => text(page, "bench-comparison")).toMatch(/thread-per-row.*8.*4.*2.*faster/);
    await open(page, bad!);
    await expect.poll(() => text(page, "bench-status")).toMatch(/is no result of the bench.*COMMAND/);
    await writeFile(bad!, toJson(result).replace(/"median_ms": [\d.]+/, '"median_ms": "soon"'));
    await open(page, bad!);
    await expect.poll(() => text(page, "bench-status")).toMatch(/row 1 has median_ms "soon", and must have a number above 0 or none/);
    await expect.poll(() => text(page, "bench-status")).toMatch(/is no result of the bench.*COMMAND/);
    expect(JSON.parse(await readFile(first!, "utf8"))).toMatchObject({ format: "nestling-bench" });
  }));

  it("goes on while another view is looked at, and keeps what was typed and what came of it", () => visit("empty", async (page) => {
    await page.$eval(">>> input[name=contexts]", (box) => void ((box as HTMLInputElement).value = "77"));
    await press(page, "bench-run");
    await expect.poll(() => text(page, "bench-status")).toMatch(/^[1-9] of 7: .*; about [\d.]+ s left$/);
    await page.keyboard.press("1");
    await expect.poll(() => page.$eval(">>> bench-view", (view) => view.checkVisibility())).toBe(false);
    await page.keyboard.press("3");
    expect(await text(page, "bench-stop")).toBe("Stop");
    await page.keyboard.press("1");
    await expect.poll(() => page.$eval(">>> bench-view", (view) => view.result !== null), { timeout: 10_000 }).toBe(true);
    await page.keyboard.press("3");
    expect(await page.$$eval(by("roofline"), ([plot]) => plot!.querySelectorAll("circle").length)).toBe(5);
    expect(await page.$eval(">>> input[name=contexts]", (box) => (box as HTMLInputElement).value)).toBe("77");
  }));

  it("sets a result aside when the next is measured, and shows it again", () => visit("empty", async (page) => {
    const shown = (): Promise<string | undefined> => page.$eval(">>> bench-view", (view) => view.result?.device.label);
    const finish = async (): Promise<void> => await expect.poll(() => page.$eval(">>> bench-view", (view) => view.result !== null && !view.running), { timeout: 10_000 }).toBe(true);
    await press(page, "bench-run");
    await finish();
    await page.focus(by("bench-label"));
    await page.keyboard.type("the first");
    await page.keyboard.press("Tab");
    await expect.poll(shown).toBe("the first");
    await press(page, "bench-run");
    // Nothing of the bench before is taken for this one's.
    expect(await text(page, "bench-status")).toMatch(/^(Beginning|0 of 7)/);
    await finish();
    expect(await shown()).toBeUndefined();
    expect(await text(page, "bench-comparison")).toMatch(/blocks-16x16-vec4.*same/);
    await press(page, "bench-close");
    await expect.poll(() => text(page, "bench-empty")).toContain("No numbers yet");
    const again = await page.$$eval(">>> p.go button", (all) => all.map((button) => button.textContent));
    expect(again).toHaveLength(2);
    await page.$$eval(">>> p.go button", ([first]) => (first as HTMLElement).click());
    await expect.poll(shown).toBe("the first");
    await press(page, "bench-put-away");
    await expect.poll(() => text(page, "bench-comparison")).toBe("");
  }));

  it("compares what two devices train with, whatever their variants are called", () => visit("empty", async (page) => {
    const file = join(folder, "other.json");
    const result = stubBench();
    await writeFile(file, toJson({ ...result, device: { ...result.device, backend: "cpu", adapter: "CPU" }, rows: result.rows.filter(({ chosen }) => chosen).map((row) => ({ ...row, variant: "wasm", median_ms: row.median_ms! / 3 })) }));
    await press(page, "bench-run");
    await expect.poll(() => page.$(by("bench-label")).then(Boolean), { timeout: 10_000 }).toBe(true);
    await open(page, file);
    await expect.poll(() => text(page, "bench-comparison")).toMatch(/wasm \/ blocks-16x16-vec4 ?1\.73 ?5\.2 ?0\.333 ?slower/);
    expect(await text(page, "bench-comparison")).not.toMatch(/only one/);
  }));

  it("asks for all three sides of a product or none, and for the device that was chosen", () => visit("empty", async (page) => {
    const asked = await page.evaluate(async () => {
      const view = window.app.shadowRoot!.querySelector("bench-view")!;
      const side = (name: string): HTMLInputElement => view.shadowRoot!.querySelector<HTMLInputElement>(`input[name=${name}]`)!;
      const type = (name: string, value: string): void => {
        side(name).value = value;
        side(name).dispatchEvent(new InputEvent("input", { bubbles: true }));
      };
      type("M", "64");
      const lacking = side("K").validationMessage;
      type("N", "32");
      type("K", "16");
      const detail = new Promise((resolve) => view.addEventListener("run-bench", (event) => resolve((event as CustomEvent).detail), { once: true }));
      view.shadowRoot!.querySelector<HTMLSelectElement>("select[name=backend]")!.value = "cpu";
      view.shadowRoot!.querySelector<HTMLElement>('[data-testid="bench-run"]')!.click();
      return { lacking, detail: await detail };
    });
    expect(asked).toMatchObject({ lacking: "A product needs M, N and K. Fill in all three, or none.", detail: { product: { M: 64, N: 32, K: 16 }, backend: "cpu" } });
  }));

  it("waits while a run trains, and fits a phone without sideways scroll", () => visit("running", async (page) => {
    expect(await text(page, "bench-status")).toContain("Pause it first");
    expect(await page.$eval(by("bench-run"), (button) => (button as HTMLButtonElement).disabled)).toBe(true);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
  }, { width: 390, height: 844 }));
});
