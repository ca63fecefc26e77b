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
