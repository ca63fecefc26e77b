/** The same page on WebGPU: a short run of both stages, paused and stepped, asked at the end. */
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { LaunchedBrowser } from "../../src/cli/browser.ts";
import { openBrowser } from "../support/browser.ts";
import { Journey, microRecipe } from "../support/journey.ts";

const STEPS = 12;

let browser: LaunchedBrowser;
let journey: Journey;
beforeAll(async () => {
  browser = await openBrowser();
  journey = await Journey.open(browser, { url: inject("pageUrl"), recipes: [microRecipe(STEPS, ["eval_interval=6", "eval_iters=1"])], backend: "webgpu" });
});
afterAll(() => browser.close());

describe("a run on WebGPU", () => {
  it("says on which adapter it runs, and why", async () => {
    const device = await journey.page.evaluate(() => document.querySelector("nestling-app")!.run.state.device!);
    expect(device.kind).toBe("webgpu");
    expect(device.name).not.toBe("");
    expect(await journey.page.$eval(">>> app-bar", (bar) => bar.shadowRoot!.textContent)).toContain(device.name);
  });

  it("trains, pauses and takes single steps", async () => {
    await journey.start();
    await journey.press("Space");
    await journey.until("it stands", () => document.querySelector("nestling-app")!.run.state.run?.phase === "paused");
    const before = await journey.number("run-state");
    await journey.press("s");
    expect(await journey.textLike("run-state", new RegExp(`^Paused at step ${before + 1} of`))).toMatch(/-t(rain|un)ing/);
  });

  it("goes through both stages, with the loss falling and both models answering", async () => {
    await journey.press("Space");
    await journey.untilPhase("finished");
    for (const stage of [0, 1]) {
      const losses = (await journey.curve(stage, "train/loss")).map(({ value }) => value);
      expect(losses).toHaveLength(STEPS);
      expect(losses.every(Number.isFinite)).toBe(true);
      expect(losses[STEPS - 1]).toBeLessThan(losses[0]);
    }
    const { base, tuned } = await journey.ask("Who are you?");
    for (const answer of [base, tuned]) expect(answer).toMatch(/^assistant /);
  });

  it("raises no error of the GPU's, the console's or the page's", async () => {
    expect([journey.watched.problems, journey.watched.foreign, await journey.notices()]).toEqual([[], [], []]);
  });
});

describe("a GPU that is lost in the middle of a run", () => {
  it("is named, the curves stay in sight, and a reload goes on from what was saved", async () => {
    await journey.page.evaluate(() => document.querySelector("nestling-app")!.run.clearRun());
    await journey.offer([microRecipe(400, ["eval_interval=0", "eval_iters=1"])]);
    await journey.start();
    await journey.until("steps were taken", () => (document.querySelector("nestling-app")!.run.state.run?.step ?? 0) >= 4);
    await journey.press("Space");
    await journey.until("it stands", () => document.querySelector("nestling-app")!.run.state.run?.phase === "paused");
    const saved = await journey.page.evaluate(() => document.querySelector("nestling-app")!.run.state.run!.step);
    await journey.press("Space");
    await journey.until("it goes on", (saved) => (document.querySelector("nestling-app")!.run.state.run?.step ?? 0) > Number(saved) + 1, String(saved));
    const session = await browser.browser.target().createCDPSession();
    // It answers nothing: the process is gone.
    void session.send("Browser.crashGpuProcess").catch(() => undefined);
    await journey.untilPhase("failed");
    expect(await journey.text("run-error")).toMatch(/The GPU device was lost: .+ reload the page to go on\. GPU_LOST/);
    // Canvases are empty for a moment.
    await expect.poll(() => journey.page.$$eval(">>> line-chart", (charts) => charts.map((chart) => chart.canvas!.getContext("2d")!.getImageData(0, 0, chart.canvas!.width, chart.canvas!.height).data.some((value) => value > 0)))).not.toContain(false);
    await Promise.all([journey.page.waitForNavigation(), journey.click("reload-lost")]);
    await journey.settle();
    await journey.until("the run is there again", () => document.querySelector("nestling-app")!.run.state.run?.phase === "paused");
    expect(await journey.page.evaluate(() => document.querySelector("nestling-app")!.run.state.run!.step)).toBeGreaterThanOrEqual(saved);
  });
});
