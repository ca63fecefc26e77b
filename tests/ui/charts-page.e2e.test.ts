/** The charts of the page in a real browser, at their edges: another run, one step, many stages, a million rows, a finger that scrolls. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "puppeteer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LaunchedBrowser } from "../../src/cli/browser.ts";
import { launchBrowser } from "../../src/cli/browser.ts";
import { tasksDuring } from "../support/page-tasks.ts";
import type { StubSite } from "./stub-site.ts";
import { serveStub } from "./stub-site.ts";

let site: StubSite;
let launched: LaunchedBrowser;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "nestling-charts-"));
  [site, launched] = await Promise.all([serveStub(), launchBrowser()]);
}, 120_000);

afterAll(async () => {
  await launched?.close();
  await site?.close();
  await rm(folder, { recursive: true, force: true });
});

type Range = readonly [number, number] | null;
const WIDE = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 844, hasTouch: true, isMobile: true, deviceScaleFactor: 1 };

async function visit(scene: string, size: { width: number; height: number }, act: (page: Page) => Promise<void>): Promise<void> {
  const page = await launched.browser.newPage();
  try {
    await page.setViewport(size);
    await page.goto(`${site.url}?scene=${scene}`);
    await expect.poll(() => page.evaluate(() => window.app.run.state.curves.lastStep), { timeout: 10_000 }).toBeGreaterThan(100);
    await act(page);
  } finally {
    await page.close({ runBeforeUnload: false });
  }
}

const ranges = (page: Page): Promise<Range[]> => page.$eval(">>> learning-panel", (panel) => [...panel.shadowRoot!.querySelectorAll("line-chart")].map(({ range }) => range));

async function zoomIn(page: Page): Promise<void> {
  await page.focus(">>> line-chart.big");
  for (let i = 0; i < 4; i++) await page.keyboard.press("+");
  await expect.poll(async () => (await ranges(page))[0]).not.toBe(null);
}

describe("a zoomed chart", () => {
  it("shows the whole of the next run, not the part of the last one that was looked at", () =>
    visit("finished", WIDE, async (page) => {
      await zoomIn(page);
      await page.evaluate(() => void window.stub.startRun({ recipe: window.app.run.state.run!.recipe }));
      await expect.poll(async () => (await ranges(page)).every((range) => range === null), { timeout: 10_000 }).toBe(true);
    }));

  it("lets a finger that goes up or down scroll the page, and one that goes sideways move the chart", () =>
    visit("paused", PHONE, async (page) => {
      await page.evaluate(() => void (window.app.tab = "watch"));
      await zoomIn(page);
      await page.$eval(">>> line-chart.big", (chart) => chart.scrollIntoView({ block: "center" }));
      const box = await page.$eval(">>> line-chart.big >>> .u-over", (over) => over.getBoundingClientRect().toJSON() as { x: number; y: number; width: number; height: number });
      const [before] = await ranges(page);
      const client = await page.createCDPSession();
      const swipe = async (dx: number, dy: number): Promise<void> => {
        const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
        await client.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [{ x, y }] });
        for (let i = 1; i <= 10; i++) await client.send("Input.dispatchTouchEvent", { type: "touchMove", touchPoints: [{ x: x + (dx * i) / 10, y: y + (dy * i) / 10 }] });
        await client.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
      };
      const scrolled = (): Promise<number> => page.evaluate(() => Math.round(document.scrollingElement!.scrollTop));
      const from = await scrolled();
      await swipe(6, -150);
      await expect.poll(scrolled, { timeout: 5000 }).toBeGreaterThan(from + 60);
      expect((await ranges(page))[0]).toEqual(before);
      await page.$eval(">>> line-chart.big", (chart) => chart.scrollIntoView({ block: "center" }));
      await swipe(120, -20);
      await expect.poll(async () => (await ranges(page))[0]![0]).toBeLessThan(before![0]);
    }));
});

describe("a run of one step", () => {
  it("is a point in every chart", () =>
    visit("paused", WIDE, async (page) => {
      const green = await page.evaluate(async () => {
        const panel = document.querySelector("nestling-app")!.shadowRoot!.querySelector("learning-panel")!;
        const { empty } = window.app.run.state.curves.constructor as unknown as { empty: typeof window.app.run.state.curves };
        const row = { stageIndex: 0, step: 1, globalStep: 1, tokens: 64, trainMs: 5, "train/loss": 6, lr: 1e-3, grad_norm: 1, tokens_per_sec: 1000, gflops_per_sec: 2 };
        panel.curves = empty.append([row]);
        await panel.updateComplete;
        await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
        return [...panel.shadowRoot!.querySelectorAll("line-chart")].map((chart) => {
          const { width, height } = chart.canvas!;
          const { data } = chart.canvas!.getContext("2d")!.getImageData(0, 0, width, height);
          let count = 0;
          for (let i = 0; i < data.length; i += 4) if (data[i + 3]! > 128 && data[i + 1]! > data[i]! + 30) count++;
          return count;
        });
      });
      expect(green).toHaveLength(5);
      for (const pixels of green) expect(pixels).toBeGreaterThan(4);
    }));
});

describe("eight stages", () => {
  it("stand side by side on a phone, without sideways scroll", () =>
    visit("paused", PHONE, async (page) => {
      const { widths, page: wide } = await page.evaluate(async () => {
        const bar = document.querySelector("nestling-app")!.shadowRoot!.querySelector("transport-strip")!.shadowRoot!.querySelector("stage-bar")!;
        const run = window.app.run.state.run!;
        bar.run = { ...run, stages: Array.from({ length: 8 }, (_, i) => ({ ...run.stages[0]!, name: `Continued pre-training ${i}` })) };
        await bar.updateComplete;
        return { widths: [...bar.shadowRoot!.querySelectorAll("li")].map((li) => li.getBoundingClientRect().right), page: document.documentElement.scrollWidth };
      });
      expect(widths).toHaveLength(8);
      expect(Math.max(...widths)).toBeLessThanOrEqual(390);
      expect(wide).toBeLessThanOrEqual(390);
    }));
});

describe("a million steps over two stages", () => {
  it("are shown as a table, and written as a file, without a long task", () =>
    visit("paused", WIDE, async (page) => {
      await page.evaluate(async () => {
        const panel = document.querySelector("nestling-app")!.shadowRoot!.querySelector("learning-panel")!;
        let { curves } = window.app.run.state;
        for (let from = 1000; from < 1_000_000; from += 20_000) {
          curves = curves.append(Array.from({ length: 20_000 }, (_, i) => {
            const step = from + i;
            return { stageIndex: step < 500_000 ? 0 : 1, step, globalStep: step, tokens: step * 64, trainMs: step * 5, "train/loss": 2 + Math.sin(step), lr: 1e-3, grad_norm: 1, ...(step % 100 === 0 ? { "val/loss": 3, "val/old_loss": 2 } : {}), tokens_per_sec: 1000, gflops_per_sec: 2 };
          }));
          await new Promise((resolve) => setTimeout(resolve));
        }
        panel.curves = curves;
        await panel.updateComplete;
        HTMLAnchorElement.prototype.click = function click(this: HTMLAnchorElement) {
          document.title = this.download;
        };
      });
      const click = (id: string): Promise<void> => page.$eval(`>>> [data-testid="${id}"]`, (button) => (button as HTMLElement).click());
      await new Promise((resolve) => setTimeout(resolve, 500));
      const rows = (): Promise<number> => page.$$eval('>>> [data-testid="chart-table"] tbody tr', (all) => all.length);
      const table = await tasksDuring(page, join(folder, "table.json"), async () => {
        await click("keep-table");
        await expect.poll(rows, { timeout: 20_000 }).toBeGreaterThan(300);
      });
      expect(await page.$eval('>>> [data-testid="table-note"]', (note) => note.textContent)).toMatch(/mean of 2 steps/);
      await click("close-table");
      const file = await tasksDuring(page, join(folder, "file.json"), async () => {
        await click("keep-csv");
        await expect.poll(() => page.title(), { timeout: 60_000 }).toMatch(/\.csv$/);
      });
      console.log(`a million steps: longest task ${table.own.toFixed(1)} ms of its own time for the table, ${file.own.toFixed(1)} ms for the file (${table.wall.toFixed(1)} and ${file.wall.toFixed(1)} by the clock)`);
      expect(table.own).toBeLessThan(50);
      expect(file.own).toBeLessThan(50);
    }), 120_000);
});
