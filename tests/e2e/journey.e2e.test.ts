/** A person's first run at the built page, through the real worker on the CPU: start, keys, both stages, and what each panel shows. */
import { existsSync } from "node:fs";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { LaunchedBrowser } from "../../src/cli/browser.ts";
import { DIST } from "../../src/cli/build.ts";
import { root } from "../../src/cli/paths.ts";
import { serveFolder, type Served } from "../../src/cli/server.ts";
import { openBrowser } from "../support/browser.ts";
import { Journey, microRecipe } from "../support/journey.ts";

const url = inject("pageUrl");
const SHIPPED = existsSync(join(root, DIST, "base", "index.json"));
let browser: LaunchedBrowser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

const times = (journey: Journey): Promise<string[]> =>
  journey.page.$$eval(">>> start-panel >>> .time b", (elements) => elements.map((element) => element.textContent.trim()));

describe("a first visit to a build without models", () => {
  let folder: string;
  let served: Served;
  let journey: Journey;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "nestling-bare-"));
    await cp(join(root, DIST), folder, { recursive: true, filter: (path) => !path.endsWith(join(DIST, "base")) });
    served = await serveFolder(folder, 0);
    journey = await Journey.open(browser, { url: served.url });
  });
  afterAll(async () => {
    await journey.close();
    await served.close();
    await rm(folder, { recursive: true });
  });

  it("says that no model is loaded, and what would bring one", async () => {
    expect(await journey.page.$eval(">>> ask-panel", (panel) => panel.shadowRoot!.textContent)).toContain("No model is loaded yet");
    expect(await journey.page.$eval('>>> answer-view[side="base"]', (view) => view.shadowRoot!.textContent)).toContain("Train one from nothing");
    expect(await (await journey.find("start-tune")).evaluate((button) => (button as HTMLButtonElement).disabled)).toBe(true);
  });

  it("measures this machine and shows the time that training from nothing takes on it", async () => {
    await expect.poll(() => times(journey), { timeout: 60_000 }).toEqual([expect.stringMatching(/^about [\d.]+ (s|min|h)/)]);
  });

  it("names the device and says why it was taken", async () => {
    const device = await journey.page.evaluate(() => document.querySelector("nestling-app")!.run.state.device);
    expect(device?.why).toMatch(/\w.*\.$/);
    expect(await journey.page.$eval(">>> app-bar", (bar) => bar.shadowRoot!.textContent)).toContain(device!.name);
  });

  it("fits laptop and phone, asks nobody else for anything, and complains of nothing", async () => {
    expect(await journey.look("start-bare")).toEqual([]);
    expect([journey.watched.problems, journey.watched.foreign]).toEqual([[], []]);
  });
});

describe.runIf(SHIPPED)("a first visit with the models that ship", () => {
  let journey: Journey;
  beforeAll(async () => {
    journey = await Journey.open(browser, { url });
    await journey.firstAnswer();
  });
  afterAll(() => journey.close());

  it("has answered a question before anything was pressed, base beside tuned, with the template's markers", async () => {
    for (const side of ["base", "tuned"] as const) expect(await journey.text(`answer-${side}`)).toMatch(/^assistant \S.{3,}/);
    expect(await journey.page.$$eval(">>> answer-view >>> .marker", (markers) => markers.map((marker) => marker.textContent))).toContain("end");
    expect(await journey.text("asked")).toMatch(/^user .* end$/);
  });

  it("gives the same answers again for the same seed, and others for another", async () => {
    const question = "Where does Peter Vale live?";
    await journey.click("ask-options");
    await journey.fill("ask-temperature", "1.5");
    await journey.fill("ask-seed", "5");
    const first = await journey.ask(question);
    expect(await journey.ask(question)).toEqual(first);
    await journey.fill("ask-seed", "6");
    expect((await journey.ask(question)).base).not.toBe(first.base);
  });

  it("shows for both ways to start how long they take on this machine", async () => {
    const time = expect.stringMatching(/^about [\d.]+ (s|min|h)/);
    await expect.poll(() => times(journey), { timeout: 60_000 }).toEqual([time, time]);
    expect(await journey.look("start")).toEqual([]);
  });

  it("does all this without a complaint or a request to elsewhere", () => {
    expect([journey.watched.problems, journey.watched.foreign]).toEqual([[], []]);
  });
});

describe("a run of both stages", () => {
  /** From ln 512 = 6.24; an exploratory run of this recipe with 60 steps a stage ended at 4.5 and 4.7. */
  const LOSS_LINE = 5.2;
  /** Long enough that a pause asked for at the first steps comes before the end, on a fast machine too. */
  const STEPS = 200;
  let journey: Journey;
  beforeAll(async () => {
    journey = await Journey.open(browser, { url, recipes: [microRecipe(STEPS)] });
  });
  afterAll(() => journey.close());

  const stepShown = async (pattern: RegExp): Promise<number> => Number((await journey.textLike("run-state", pattern)).match(pattern)![1].replaceAll(",", ""));
  const PAUSED = /^Paused at step ([\d,]+) of/;

  it("starts from nothing and is paused by the space bar", async () => {
    await journey.start();
    await journey.press("Space");
    await journey.untilPhase("paused");
    expect(await stepShown(PAUSED)).toBeGreaterThan(0);
    expect(await journey.text("run-state")).toContain("saved at step");
  });

  it("takes exactly one step for S, and shows that very step's batch and guesses", async () => {
    const before = await stepShown(PAUSED);
    const losses = await journey.curve(0, "train/loss");
    await journey.press("s");
    const after = await stepShown(new RegExp(`^Paused at step (${before + 1}) of`));
    expect(after).toBe(before + 1);
    await expect.poll(async () => (await journey.curve(0, "train/loss")).length).toBe(losses.length + 1);
    await expect.poll(() => journey.page.evaluate(() => document.querySelector("nestling-app")!.run.state.batch?.step)).toBe(after);
    await expect.poll(() => journey.page.evaluate(() => document.querySelector("nestling-app")!.run.state.nextWord?.step)).toBe(after);
  });

  it("puts the model in training alone on the base's side, whatever else is there, and no other's score", async () => {
    expect(await journey.page.evaluate(() => document.querySelector("nestling-app")!.answering)).toEqual({ base: "live", tuned: "" });
    expect(await journey.text("quiz")).toBe("– base – tuned");
    expect((await journey.ask("Who are you?")).base).toMatch(/^assistant /);
  });

  it("stands still while it is paused", async () => {
    const before = await stepShown(PAUSED);
    await journey.page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 600)));
    expect(await stepShown(PAUSED)).toBe(before);
  });

  it("follows another prompt as soon as it is typed", async () => {
    const before = await journey.text("next-words");
    await journey.fill("next-prompt", "The dog of");
    await journey.until("the bars follow", () => document.querySelector("nestling-app")!.run.state.nextWord?.prompt === "The dog of");
    expect(await journey.text("next-words")).not.toBe(before);
    expect(await journey.page.$$eval(">>> next-word >>> li", (bars) => bars.length)).toBe(5);
  });

  it("goes on at the space bar, moves the next-word bars, and crosses into fine-tuning", async () => {
    const before = await journey.text("next-words");
    await journey.press("Space");
    await expect.poll(() => journey.text("next-words"), { timeout: 60_000 }).not.toBe(before);
    // Within the page: by the time a key comes through from outside of a busy machine, so short a stage can be over.
    await journey.page.evaluate(() => new Promise<void>((pressed) => {
      const app = document.querySelector("nestling-app")!;
      const watch = setInterval(() => {
        if (app.run.state.run?.stageIndex !== 1 || app.run.state.run.phase !== "running") return;
        clearInterval(watch);
        document.body.dispatchEvent(new KeyboardEvent("keydown", { key: " ", code: "Space", bubbles: true, composed: true, cancelable: true }));
        pressed();
      }, 5);
    }));
    await journey.untilPhase("paused");
    if ((await stepShown(PAUSED)) === 0) await journey.press("s");
    await journey.textLike("run-state", /^Paused at step [1-9]\d* of Fine-tuning/);
  });

  it("shows the questions' tokens grey in the batch, and not the answers'", async () => {
    await journey.until("a batch of fine-tuning is shown", () => document.querySelector("nestling-app")!.run.state.batch?.stageIndex === 1);
    const cells = await journey.page.$$eval(">>> batch-view >>> .cell", (all) =>
      all.map((cell) => ({ text: cell.textContent, masked: cell.classList.contains("masked"), color: getComputedStyle(cell).color })));
    const [masked, open] = [cells.filter((cell) => cell.masked), cells.filter((cell) => !cell.masked)];
    expect(masked.length).toBeGreaterThan(5);
    expect(open.length).toBeGreaterThan(5);
    expect(new Set(masked.map(({ color }) => color)).size).toBe(1);
    expect(open.map(({ color }) => color)).not.toContain(masked[0].color);
    // The first token that is learned from is the marker that the answer follows.
    expect(open[0].text).toContain("assistant");
    expect(await journey.look("tuning")).toEqual([]);
  });

  it("ends both stages with the loss below the line", async () => {
    await journey.press("Space");
    await journey.untilPhase("finished");
    expect(await journey.text("run-state")).toContain("Finished");
    expect(await journey.number("loss")).toBeLessThan(LOSS_LINE);
    const held = await journey.curve(0, "val/loss");
    expect(held[0].value).toBeGreaterThan(6);
    expect(held[held.length - 1].value).toBeLessThan(LOSS_LINE);
  });

  it("draws the border between the stages and, beyond it, the old text's held-out loss", async () => {
    const borders = await journey.page.$eval(">>> line-chart.big", (chart) => (chart as unknown as { borders: { x: number; label: string }[] }).borders);
    expect(borders).toEqual([{ x: 1, label: "Pre-training" }, { x: STEPS + 1, label: "Fine-tuning" }]);
    const old = await journey.curve(1, "val/old_loss");
    expect(old.length).toBeGreaterThan(3);
    // It begins where pre-training ended: the same weights, the same text.
    const held = await journey.curve(0, "val/loss");
    expect(old[0].value).toBeCloseTo(held[held.length - 1].value, 6);
    expect(await journey.page.$eval(">>> learning-panel", (panel) => panel.shadowRoot!.textContent)).toContain("held-out, old text");
  });

  it("counts held-out questions right, base beside tuned, of 50", async () => {
    expect(await journey.text("quiz")).toMatch(/^\d+ base \d+ tuned$/);
    expect(await (await journey.find("quiz")).evaluate((value) => value.parentElement!.textContent)).toContain("of 50, held out");
  });

  it("keeps samples on a timeline that scrubs back to the first", async () => {
    const scrubber = await journey.find("scrubber");
    expect(Number(await scrubber.evaluate((input) => (input as HTMLInputElement).max))).toBeGreaterThan(10);
    expect(await journey.text("sample-where")).toBe("Fine-tuning, step 120");
    await journey.fill("scrubber", "0");
    expect(await journey.textLike("sample-where", /step 0$/)).toBe("Pre-training, step 0");
    expect(await journey.text("sample")).toMatch(/^Once upon a time/);
  });

  it("lets both models answer, side by side", async () => {
    const { base, tuned } = await journey.ask("Who are you?");
    for (const answer of [base, tuned]) expect(answer).toMatch(/^assistant /);
    expect(base).not.toBe(tuned);
    expect(await journey.look("finished")).toEqual([]);
  });

  it("begins another run, and ends it early for X once that is confirmed", async () => {
    await journey.click("new-run");
    await journey.start();
    await journey.press("x");
    await journey.click("stop-confirm");
    await journey.untilPhase("stopped");
    expect(await journey.text("run-state")).toMatch(/^Stopped at step [1-9]/);
    expect(await (await journey.find("play")).evaluate((button) => (button as HTMLButtonElement).disabled)).toBe(true);
  });

  it("does all this without a complaint or a request to elsewhere", async () => {
    expect([journey.watched.problems, journey.watched.foreign, await journey.notices()]).toEqual([[], [], []]);
  });
});
