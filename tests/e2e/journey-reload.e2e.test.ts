/** A reload in the middle of a run: the page finds it again, paused, with its curves, and the numbers go on as if nothing had been. */
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { LaunchedBrowser } from "../../src/cli/browser.ts";
import type { CurveField } from "../../src/ui/charts/series.ts";
import { openBrowser } from "../support/browser.ts";
import { Journey, microRecipe } from "../support/journey.ts";

const FIELDS = ["train/loss", "grad_norm", "lr", "val/loss", "val/old_loss"] as const satisfies readonly CurveField[];
/** Long enough that a pause asked for at the first steps comes before the end, on a fast machine too. */
const [READING, ANSWERING] = [300, 120];
const RECIPE = { ...microRecipe(READING, [`stages.1.max_iters=${ANSWERING}`, "stages.0.eval_interval=50"]), seed: 7 };

type Curves = Record<string, { step: number; value: number }[]>;

let browser: LaunchedBrowser;
let journey: Journey;
beforeAll(async () => {
  browser = await openBrowser();
  journey = await Journey.open(browser, { url: inject("pageUrl"), recipes: [RECIPE], backend: "cpu" });
});
afterAll(() => browser.close());

async function curves(): Promise<Curves> {
  const all: Curves = {};
  for (const stage of [0, 1]) for (const field of FIELDS) all[`${stage} ${field}`] = await journey.curve(stage, field);
  return all;
}

const savedStep = (): Promise<number> => journey.page.evaluate(() => document.querySelector("nestling-app")!.run.state.run?.saved?.step ?? -1);
const upTo = (curve: { step: number }[], step: number): { step: number }[] => curve.filter((point) => point.step <= step);
describe("a reload in the middle of a run", () => {
  let unbroken: Curves;
  let saved: number;

  it("has an unbroken run of the same seed to be compared with", async () => {
    await journey.start();
    await journey.untilPhase("finished");
    unbroken = await curves();
    expect(unbroken["0 train/loss"]).toHaveLength(READING);
    expect(unbroken["1 train/loss"]).toHaveLength(ANSWERING);
  });

  it("leaves a finished run finished: nothing asks to be trained again", async () => {
    await journey.reload();
    await journey.untilPhase("finished");
    expect(await journey.text("run-state")).toContain("Finished");
    expect(await curves()).toEqual(unbroken);
    expect(await journey.has("new-run")).toBe(true);
  });

  it("saves at a pause, and says so", async () => {
    await journey.click("new-run");
    await journey.start();
    await journey.press("Space");
    await journey.untilPhase("paused");
    saved = await savedStep();
    expect(saved).toBeGreaterThan(0);
    expect(saved).toBeLessThan(READING - 50);
    expect(await journey.text("run-state")).toContain(`saved at step ${saved}`);
  });

  it("comes back paused at the saved step, though single steps were taken since", async () => {
    for (const step of [saved + 1, saved + 2]) {
      await journey.press("s");
      await journey.textLike("run-state", new RegExp(`^Paused at step ${step} of`));
    }
    await journey.reload();
    await journey.untilPhase("paused");
    const run = await journey.page.evaluate(() => document.querySelector("nestling-app")!.run.state.run!);
    expect([run.stageIndex, run.step]).toEqual([0, saved]);
    expect(await journey.text("run-state")).toMatch(new RegExp(`^Paused at step ${saved} of Pre-training`));
    expect(await journey.look("reloaded")).toEqual([]);
  });

  it("has its curves up to there, and its samples", async () => {
    await journey.until("the curves are back", (given) => (document.querySelector("nestling-app")!.run.state.curves.stages[0]?.["train/loss"].length ?? 0) >= Number(given), String(saved));
    expect((await journey.curve(0, "train/loss"))).toEqual(upTo(unbroken["0 train/loss"], saved));
    expect(await journey.has("sample")).toBe(true);
    expect(await journey.number("loss")).toBeGreaterThan(0);
  });

  it("goes on bit-exactly: every loss, gradient norm and evaluation of both stages is the unbroken run's", async () => {
    await journey.press("Space");
    await journey.untilPhase("finished");
    expect(await curves()).toEqual(unbroken);
  });

  it("warns whoever leaves while it trains, and has saved the step that was left, in the first minute too", async () => {
    await journey.click("new-run");
    await journey.offer([microRecipe(READING, ["stages.0.max_iters=20000"])]);
    await journey.start();
    const left = await journey.page.evaluate(() => document.querySelector("nestling-app")!.run.state.run!);
    const warned = journey.asked.length;
    await journey.reload();
    expect(journey.asked.slice(warned)).toEqual(["beforeunload"]);
    await journey.untilPhase("paused");
    const found = await journey.page.evaluate(() => document.querySelector("nestling-app")!.run.state.run!);
    expect(found.runId).toBe(left.runId);
    expect(found.step).toBeGreaterThanOrEqual(left.step);
    await journey.press("x");
    await journey.click("stop-confirm");
    await journey.untilPhase("stopped");
  });

  it("goes on bit-exactly when the reload falls into fine-tuning, too", async () => {
    await journey.click("new-run");
    await journey.start();
    await journey.until("it fine-tunes", () => (document.querySelector("nestling-app")!.run.state.run?.stageIndex ?? 0) === 1 && document.querySelector("nestling-app")!.run.state.run!.phase === "running");
    await journey.press("Space");
    await journey.untilPhase("paused");
    const at = await savedStep();
    await journey.reload();
    await journey.untilPhase("paused");
    const run = await journey.page.evaluate(() => document.querySelector("nestling-app")!.run.state.run!);
    expect([run.stageIndex, run.step]).toEqual([1, at]);
    expect(at).toBeLessThan(ANSWERING);
    await journey.press("Space");
    await journey.untilPhase("finished");
    expect(await curves()).toEqual(unbroken);
  });

  it("does all this without a complaint", async () => {
    expect([journey.watched.problems, journey.watched.foreign, await journey.notices()]).toEqual([[], [], []]);
  });
});
