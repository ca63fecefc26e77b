/**
 * The page in a real browser, under the real headers, with the stub in the engine's place: every state shows, keys and files
 * work, nothing is refused or thrown, and the page's thread stays free at 200 steps a second.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
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
  folder = await mkdtemp(join(tmpdir(), "nestling-ui-"));
  [site, launched] = await Promise.all([serveStub(), launchBrowser()]);
}, 120_000);

afterAll(async () => {
  await launched?.close();
  await site?.close();
  await rm(folder, { recursive: true, force: true });
});

/** An element by its test id, through all shadow roots. */
const by = (id: string): string => `>>> [data-testid="${id}"]`;
const text = (page: Page, id: string): Promise<string> => page.$eval(by(id), (element) => element.textContent?.replace(/\s+/g, " ").trim() ?? "");
const expectText = async (page: Page, id: string, wanted: RegExp): Promise<void> => {
  await expect.poll(() => text(page, id).catch(() => ""), { timeout: 10_000 }).toMatch(wanted);
};
const calls = (page: Page): Promise<string[]> => page.evaluate(() => [...window.stub.calls]);

/** Opens the page at a scene, does something with it, and holds it to an empty console. */
async function visit(query: string, act: (page: Page) => Promise<void>, size: { width: number; height: number } = { width: 1440, height: 900 }): Promise<void> {
  const page = await launched.browser.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => (message.type() === "error" || message.type() === "warn") && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  try {
    await page.setViewport(size);
    await page.goto(`${site.url}?${query}`);
    await act(page);
    expect(complaints).toEqual([]);
  } finally {
    await page.close({ runBeforeUnload: false });
  }
}

describe("the states of the page", () => {
  it("empty: a shipped model has answered, and two ways to start stand there with their time on this machine", () =>
    visit("scene=empty", async (page) => {
      await expectText(page, "answer-tuned", /Maria West lives in Wexford\./);
      await expectText(page, "answer-base", /and the little girl/);
      await expect.poll(() => page.$$eval(">>> start-panel >>> .time b", (times) => times.map((time) => time.textContent?.trim())), { timeout: 10_000 }).toEqual(["about 15 s", "about 2 min 40 s"]);
      expect(await text(page, "start-tune")).toBe("Fine-tune it");
      expect(await text(page, "start-scratch")).toBe("Train from nothing");
      await expectText(page, "next-words", /little.*%/);
    }));

  it("no models: says what is missing and offers the way that is left", () =>
    visit("scene=no-models", async (page) => {
      await expect.poll(() => page.$eval(by("start-scratch"), (button) => (button as HTMLButtonElement).disabled), { timeout: 10_000 }).toBe(false);
      expect(await page.$eval(by("start-tune"), (button) => (button as HTMLButtonElement).disabled)).toBe(true);
      expect(await page.$eval(">>> ask-panel >>> answer-view", (view) => view.shadowRoot?.textContent ?? "")).toContain("No base is loaded");
    }));

  it.each([
    ["preparing", /Preparing: training the tokenizer/],
    ["running", /Learning to predict the next piece of text, step \d+/],
    ["tuning", /Learning to answer, step \d+/],
    ["paused", /Paused at step 620 of Pre-training/],
    ["finished", /Finished/],
    ["failed", /failed at step 340/],
  ])("%s: the strip says so", (scene, sentence) => visit(`scene=${scene}`, (page) => expectText(page, "run-state", sentence)));

  it("running: loss in words, curves, batch, samples and reading meter all show", () =>
    visit("scene=running", async (page) => {
      await expectText(page, "loss", /^\d\.\d{3}$/);
      expect(await text(page, "loss-words")).toMatch(/^like choosing among \d+ pieces$/);
      expect(await text(page, "loss-summary")).toMatch(/^Pre-training: loss about/);
      expect((await page.$$(">>> line-chart >>> canvas")).length).toBe(5);
      expect((await page.$$(">>> batch-view >>> .cell")).length).toBeGreaterThan(10);
      expect(await text(page, "sample")).toMatch(/^Once upon a time/);
      expect(await page.$eval(">>> reading-meter", (meter) => meter.shadowRoot?.textContent ?? "")).toMatch(/words.*human reading at 250 words a minute/s);
    }));

  it("failed: the reason stands there with its code until another run begins", () =>
    visit("scene=failed", async (page) => {
      await expectText(page, "run-error", /not a number at step 340.*NONFINITE_LOSS/);
      // A run that failed has no time left.
      expect(await text(page, "time-name")).toBe("Time taken");
      await page.locator(">>> [data-testid=run-error] button").click();
      await expectText(page, "start-scratch", /Train from nothing/);
    }));

  it("dead: says why, and what to do", () => visit("scene=dead", (page) => expectText(page, "dead", /GPU was lost twice.*GPU_BLOCKED/)));

  it("fits a laptop and a phone without sideways scroll", async () => {
    for (const scene of ["empty", "tuning"]) {
      for (const size of [{ width: 1440, height: 900 }, { width: 390, height: 844 }]) {
        await visit(`scene=${scene}`, async (page) => {
          await page.waitForSelector(by(scene === "empty" ? "start-tune" : "loss"));
          const over = await page.evaluate(() => [document.documentElement.scrollWidth - innerWidth, document.documentElement.scrollHeight - innerHeight]);
          expect(over[0]).toBe(0);
          if (size.width === 1440) expect(over[1]).toBe(0);
        }, size);
      }
    }
  });
});

describe("what a person does", () => {
  it("drives a run by keys: pause, one step, play, stop after a question", () =>
    visit("scene=running", async (page) => {
      await expectText(page, "run-state", /Learning/);
      await page.keyboard.press("Space");
      await expectText(page, "run-state", /^Paused at step (\d+)/);
      const at = Number((await text(page, "run-state")).match(/\d[\d,]*/)![0]);
      await page.keyboard.press("s");
      await expectText(page, "run-state", new RegExp(`^Paused at step ${at + 1} `));
      await page.keyboard.press("Space");
      await expectText(page, "run-state", /Learning/);
      await page.keyboard.press("x");
      await page.locator(by("stop-confirm")).click();
      await expectText(page, "run-state", /^Stopped/);
      expect((await calls(page)).filter((call) => !call.startsWith("setVisible") && call !== "ask")).toEqual(["pause", "singleStep", "play", "stop"]);
    }));

  it("types into a field without driving the run", () =>
    visit("scene=running", async (page) => {
      await expectText(page, "run-state", /Learning/);
      await page.locator(by("ask-input")).click();
      await page.keyboard.type("does x skip s");
      expect(await calls(page)).not.toContain("pause");
      await page.keyboard.press("Enter");
      await expectText(page, "asked", /does x skip s/);
      // The run trains a base, so the base answers.
      await expectText(page, "answer-base", /said the fox/);
    }));

  it("starts from nothing with the seed given, and from the shipped base", async () => {
    await visit("scene=empty", async (page) => {
      await page.waitForSelector(by("start-scratch"));
      await page.locator(by("seed")).fill("77");
      await page.keyboard.press("Tab");
      await page.locator(by("start-scratch")).click();
      await expectText(page, "run-state", /Learning to predict/);
      expect(await page.evaluate(() => window.app.run.state.run?.recipe.seed)).toBe(77);
    });
    await visit("scene=empty", async (page) => {
      await page.locator(by("start-tune")).click();
      await expectText(page, "run-state", /Learning to answer/);
    });
  });

  it("takes a text file, and a dropped one, for the recipe that waits for it", async () => {
    const file = join(folder, "my tale.txt");
    await writeFile(file, "Once there was a tale. ".repeat(400));
    await visit("scene=empty", async (page) => {
      await page.locator(by("preset-your-text")).click();
      await expect.poll(() => page.$eval(by("start-scratch"), (button) => (button as HTMLButtonElement).disabled)).toBe(true);
      const input = await page.$(by("text-file"));
      await (input as unknown as { uploadFile(path: string): Promise<void> }).uploadFile(file);
      await page.locator(by("use-pretrain")).click();
      await page.locator(by("data-setup")).click();
      await expect.poll(() => page.$eval(by("start-scratch"), (button) => (button as HTMLButtonElement).disabled), { timeout: 10_000 }).toBe(false);
      expect(await calls(page)).toContain("addCorpus my tale.txt");
    });
    await visit("scene=empty", async (page) => {
      await page.waitForSelector(by("start-scratch"));
      await page.evaluate(() => {
        const transfer = new DataTransfer();
        transfer.items.add(new File(["A dropped tale. ".repeat(40)], "drop.md", { type: "text/markdown" }));
        for (const type of ["dragover", "drop"]) window.app.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, composed: true, cancelable: true }));
      });
      await page.locator(by("use-pretrain")).click();
      await page.locator(by("data-setup")).click();
      await expect.poll(() => calls(page)).toContain("addCorpus drop.md");
      await expect.poll(() => page.evaluate(() => window.app.recipe.stages[0].data[0].corpus)).toBe("own:0123abcd");
    });
  });

  it("downloads, deletes after a question, and opens a model", async () => {
    const archive = join(folder, "back.zip");
    await writeFile(archive, "zip");
    await visit("scene=finished", async (page) => {
      await expectText(page, "run-state", /Finished/);
      await page.keyboard.press("m");
      await page.waitForSelector(by("model-row"));
      await page.locator(by("download")).click();
      await expect.poll(() => calls(page)).toContain("exportCheckpoint base");
      const rows = (await page.$$(by("model-row"))).length;
      const input = await page.$(by("model-file"));
      await (input as unknown as { uploadFile(path: string): Promise<void> }).uploadFile(archive);
      await expect.poll(async () => (await page.$$(by("model-row"))).length).toBe(rows + 1);
      await page.locator(by("delete")).click();
      expect((await calls(page)).some((call) => call.startsWith("deleteCheckpoint"))).toBe(false);
      await page.locator(by("delete-confirm")).click();
      await expect.poll(async () => (await page.$$(by("model-row"))).length).toBe(rows);
      await page.locator(by("close-models")).click();
    });
  });

  it("scrubs samples, reads a token's guesses, changes theme and view", () =>
    visit("scene=paused", async (page) => {
      await expectText(page, "run-state", /^Paused/);
      await page.focus(by("scrubber"));
      await page.keyboard.press("Home");
      const first = await text(page, "sample");
      await page.keyboard.press("End");
      expect(await text(page, "sample")).not.toBe(first);
      await page.hover(">>> batch-view >>> .cell");
      await expect.poll(() => page.$eval(">>> batch-view >>> .guesses", (line) => line.textContent ?? "")).toMatch(/loss \d\.\d{3}/);
      const paper = (): Promise<string> => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "light" }]);
      const light = await paper();
      await page.keyboard.press("t");
      await page.keyboard.press("t");
      expect(await paper()).not.toBe(light);
      await page.evaluate(() => localStorage.clear());
      await page.keyboard.press("2");
      await expectText(page, "coming", /Labs are not here yet/);
    }));

  it("turns knobs, marks them, goes back and forks", () =>
    visit("scene=tuning&steps=2", async (page) => {
      await expectText(page, "run-state", /Learning to answer/);
      await page.locator(by("learning_rate-x0.5")).click();
      await page.locator(by("checkpoint-mark")).click();
      await expect.poll(() => page.$$(by("knob-mark")).then((marks) => marks.length)).toBe(1);
      expect(await page.$eval(by("knob-mark"), (mark) => mark.getAttribute("aria-label"))).toMatch(/^Step 15\d\d: learning rate 0\.00025$/);
      // On each of the five charts, whatever they run over.
      const marks = (): Promise<number[]> => page.$$eval(">>> line-chart", (charts) => charts.map((chart) => (chart as HTMLElement & { marks: readonly { x: number }[] }).marks[0]?.x ?? -1));
      await expect.poll(async () => (await marks()).every((x) => x > 1500 && x < 1600)).toBe(true);
      expect(await marks()).toHaveLength(5);
      await page.evaluate(() => (window.app.shadowRoot!.querySelector("learning-panel")!.shadowRoot!.querySelectorAll("input[name=axis]")[1] as HTMLElement).click());
      await expect.poll(async () => (await marks()).every((x) => x > 1500 * 1024)).toBe(true);
      expect(await page.$$(by("knob-mark"))).toHaveLength(1);
      // The run's recipe as a file repeats it, turns and all.
      const saved = await page.evaluate(async () => {
        const panel = window.app.shadowRoot!.querySelector("recipe-panel")!;
        const given = new Promise<unknown>((done) => panel.addEventListener("save-recipe", (event) => done((event as CustomEvent).detail), { once: true }));
        (panel.shadowRoot!.querySelector('[data-testid="save-run-recipe"]') as HTMLElement).click();
        return (await given) as { stages: { changes?: unknown[] }[] };
      });
      expect(saved.stages[1]!.changes).toEqual([expect.objectContaining({ learning_rate: 0.00025 })]);
      await page.locator(by("fork")).click();
      await page.keyboard.press("z");
      await page.$eval(by("grad_clip"), (input) => {
        (input as HTMLInputElement).value = "-3";
        input.dispatchEvent(new Event("change"));
      });
      await expect.poll(async () => (await calls(page)).filter((call) => /^(turnKnobs|fork|undo)/.test(call))).toEqual(['turnKnobs {"learning_rate":0.00025}', expect.stringMatching(/^fork run-/), "undo"]);
      expect(await page.$eval(by("grad_clip"), (input) => (input as HTMLInputElement).value)).toBe("1");
      await expectText(page, "knob-problem", /^clip was -3; from 0 to \d+ is allowed\. It stays 1\.$/);
    }));

  it("zooms all charts by dragging, keys and wheel, shows the whole run again, and keeps a chart as picture, numbers and table", () =>
    visit("scene=tuning", async (page) => {
      await expectText(page, "run-state", /Learning to answer/);
      const ranges = (): Promise<unknown[]> => page.$$eval(">>> line-chart", (charts) => charts.map((chart) => (chart as HTMLElement & { range: unknown }).range));
      const box = await page.$eval(">>> line-chart.big >>> .u-over", (over) => over.getBoundingClientRect().toJSON() as { x: number; y: number; width: number; height: number });
      await page.mouse.move(box.x + box.width * 0.25, box.y + 40);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width * 0.5, box.y + 60, { steps: 4 });
      await page.mouse.up();
      await expect.poll(async () => new Set((await ranges()).map((range) => JSON.stringify(range))).size).toBe(1);
      const [from, to] = (await ranges())[0] as [number, number];
      expect([from / 1556, to / 1556].map((share) => Math.round(share * 20) / 20)).toEqual([0.25, 0.5]);
      await page.focus(">>> line-chart.big");
      await page.keyboard.press("+");
      await expect.poll(async () => { const [a, b] = (await ranges())[0] as [number, number]; return (b - a) / (to - from); }).toBeCloseTo(2 / 3, 3);
      await page.keyboard.press("ArrowRight");
      await expect.poll(async () => ((await ranges())[0] as [number, number])[0]).toBeGreaterThan(from + (to - from) / 6);
      await page.locator(by("zoom-out")).click();
      await expect.poll(async () => (await ranges()).every((range) => range === null)).toBe(true);
      // A zoom may lie in another stage than the one that is then asked for.
      await page.focus(">>> line-chart.big");
      await page.keyboard.press("+");
      await expect.poll(async () => (await ranges())[0]).not.toBe(null);
      await page.evaluate(() => (window.app.shadowRoot!.querySelector("learning-panel")!.shadowRoot!.querySelectorAll("input[name=stages]")[1] as HTMLElement).click());
      await expect.poll(async () => (await ranges()).every((range) => range === null)).toBe(true);
      await page.evaluate(() => (window.app.shadowRoot!.querySelector("learning-panel")!.shadowRoot!.querySelectorAll("input[name=stages]")[0] as HTMLElement).click());

      const kept = await page.evaluate(() => {
        const files: { name: string; type: string; size: number }[] = [];
        const make = URL.createObjectURL;
        let type = "";
        let size = 0;
        URL.createObjectURL = (blob: Blob) => {
          [type, size] = [blob.type, blob.size];
          return make.call(URL, blob);
        };
        HTMLAnchorElement.prototype.click = function click(this: HTMLAnchorElement) {
          files.push({ name: this.download, type, size });
        };
        return Object.assign(window, { files }).files;
      });
      expect(kept).toEqual([]);
      for (const what of ["png", "csv"]) {
        await page.locator(by("keep")).click();
        await page.locator(by(`keep-${what}`)).click();
      }
      await expect.poll(() => page.evaluate(() => (window as unknown as { files: { name: string; type: string }[] }).files.map(({ name, type }) => `${name.replace(/\d+/g, "n")} ${type}`))).toEqual(["first-light-loss-step-n.png image/png", "first-light-loss-step-n.csv text/csv"]);
      await page.locator(by("keep")).click();
      await page.locator(by("keep-table")).click();
      await expect.poll(() => page.$$eval('>>> [data-testid="chart-table"] th', (cells) => cells.map((cell) => cell.textContent))).toContain("val/old_loss");
    }));

  it("redraws a million steps within 16 ms, the one spike among them in the picture", () =>
    visit("scene=paused", async (page) => {
      await expectText(page, "run-state", /^Paused/);
      const times = await page.evaluate(async () => {
        const { run } = window.app;
        const chart = document.querySelector("nestling-app")!.shadowRoot!.querySelector("learning-panel")!;
        const rows = (from: number, count: number): object[] => Array.from({ length: count }, (_, i) => {
          const globalStep = from + i;
          return { stageIndex: 0, step: globalStep, globalStep, tokens: globalStep * 64, trainMs: globalStep * 5, "train/loss": globalStep === 654_321 ? 40 : 2 + Math.sin(globalStep), lr: 1e-3, grad_norm: globalStep === 654_321 ? 30 : 1, ...(globalStep % 100 === 0 ? { "val/loss": globalStep === 654_300 ? 20 : 3 } : {}), tokens_per_sec: 1000, gflops_per_sec: 2 };
        });
        let curves = run.state.curves;
        for (let from = 1000; from < 1_000_000; from += 50_000) curves = curves.append(rows(from, 50_000) as never);
        chart.curves = curves;
        await chart.updateComplete;
        const spent: number[] = [];
        for (let i = 0; i < 60; i++) {
          curves = curves.append(rows(1_049_000 + 20 * i, 20) as never);
          const began = performance.now();
          chart.curves = curves;
          await chart.updateComplete;
          await Promise.all([...chart.shadowRoot!.querySelectorAll("line-chart")].map((each) => each.updateComplete));
          // The chart draws in microtasks after its update; a message comes after all of them.
          await new Promise((resolve) => {
            const { port1, port2 } = new MessageChannel();
            port1.onmessage = resolve;
            port2.postMessage(0);
          });
          spent.push(performance.now() - began);
          await new Promise((resolve) => requestAnimationFrame(resolve));
        }
        type Drawn = HTMLElement & { lines: { y: ArrayLike<number>; kind: string }[] };
        const highest = (drawn: Drawn, dots: boolean): number => Math.max(...drawn.lines.filter(({ kind }) => (kind === "dots") === dots).flatMap(({ y }) => Array.from(y)));
        const charts = [...chart.shadowRoot!.querySelectorAll("line-chart")] as unknown as Drawn[];
        const spikes = [highest(charts[0]!, false), highest(charts[0]!, true), highest(charts[4]!, false)];
        (chart as unknown as { smoothing: number }).smoothing = 0;
        await chart.updateComplete;
        return { spent: spent.slice(5).sort((a, b) => a - b), spikes: [...spikes, highest(charts[0]!, false)] };
      });
      const p95 = times.spent[Math.floor(times.spent.length * 0.95)]!;
      console.log(`redraw of 1,000,000 steps in five charts: median ${times.spent[Math.floor(times.spent.length / 2)]!.toFixed(1)} ms, p95 ${p95.toFixed(1)} ms`);
      // Loss, held-out loss and gradient norm, the last in a small chart; and the loss with no smoothing.
      expect(times.spikes).toEqual([40, 20, 30, 40]);
      expect(times.spent[Math.floor(times.spent.length / 2)]!).toBeLessThan(16);
    }), 60_000);

  it("zooms by two fingers and moves by one on a phone, all charts alike, and the page still scrolls", () =>
    visit("scene=paused", async (page) => {
      await page.waitForSelector(by("tab-watch"));
      await page.locator(by("tab-watch")).click();
      await page.$eval(">>> line-chart.big", (chart) => chart.scrollIntoView({ block: "center" }));
      const box = await page.$eval(">>> line-chart.big >>> .u-over", (over) => {
        const { left, top, width, height } = over.getBoundingClientRect();
        return { left, width, y: top + height / 2 };
      });
      const client = await page.createCDPSession();
      const touch = (type: "touchStart" | "touchMove" | "touchEnd", ...shares: number[]): Promise<unknown> =>
        client.send("Input.dispatchTouchEvent", { type, touchPoints: shares.map((share, id) => ({ x: box.left + share * box.width, y: box.y, id })) });
      const ranges = (): Promise<(readonly [number, number] | null)[]> => page.$eval(">>> learning-panel", (panel) => [...panel.shadowRoot!.querySelectorAll("line-chart")].map(({ range }) => range));
      const [first, last] = await page.$eval(">>> line-chart.big", (chart) => (chart as unknown as { extent: [number, number] }).extent);
      await touch("touchStart", 0.45, 0.55);
      await touch("touchMove", 0.3, 0.7);
      await touch("touchMove", 0.2, 0.8);
      await touch("touchEnd");
      await expect.poll(async () => (await ranges()).every((range) => range !== null && (range[1] - range[0]) / (last - first) < 0.3)).toBe(true);
      const [zoomed] = await ranges();
      const middle = (zoomed![0] + zoomed![1]) / 2;
      expect(Math.abs(middle - (first + last) / 2) / (last - first)).toBeLessThan(0.05);
      await touch("touchStart", 0.3);
      await touch("touchMove", 0.5);
      await touch("touchMove", 0.8);
      await touch("touchEnd");
      await expect.poll(async () => (await ranges())[0]![0]).toBeLessThan(zoomed![0] - 0.3 * (zoomed![1] - zoomed![0]));
      expect(await page.$eval(">>> line-chart.big >>> .plot", (plot) => getComputedStyle(plot).touchAction)).toBe("pan-y");
    }, { width: 390, height: 844 }));

  it("switches parts on a phone", () =>
    visit("scene=running", async (page) => {
      await page.waitForSelector(by("tab-ask"));
      const shown = (tag: string): Promise<boolean> => page.$eval(`>>> ${tag}`, (element) => (element as HTMLElement).checkVisibility());
      await page.locator(by("tab-watch")).click();
      await expect.poll(() => shown("learning-panel")).toBe(true);
      expect(await shown("ask-panel")).toBe(false);
      await page.locator(by("tab-ask")).click();
      await expect.poll(() => shown("ask-panel")).toBe(true);
      expect(await shown("learning-panel")).toBe(false);
    }, { width: 390, height: 844 }));
});

describe("the page's thread", () => {
  // At night the whole minute of the promise (tests/nightly/page-minute); by day a fifth of it.
  const seconds = process.env["NESTLING_NIGHTLY"] === undefined ? 12 : 60;

  it(`runs no task of over 50 ms in ${seconds} s of 200 steps a second`, () =>
    visit("scene=running&steps=200&longer=10", async (page) => {
      await expectText(page, "run-state", /Learning/);
      // Opening is not training: fonts, first layouts and code still cold are over by then.
      await new Promise((resolve) => setTimeout(resolve, 3000));
      const before = await page.evaluate(() => window.app.run.state.curves.lastStep);
      const { count, own, wall } = await tasksDuring(page, join(folder, "trace.json"), () => new Promise((resolve) => setTimeout(resolve, seconds * 1000)));
      const steps = (await page.evaluate(() => window.app.run.state.curves.lastStep)) - before;
      console.log(`page thread at 200 steps/s: ${steps} steps drawn, ${count} tasks, longest ${own.toFixed(1)} ms of its own time, ${wall.toFixed(1)} ms by the clock`);
      expect(count).toBeGreaterThan(100);
      expect(steps).toBeGreaterThan(170 * seconds);
      expect(own).toBeLessThan(50);
    }), 120_000);
});
