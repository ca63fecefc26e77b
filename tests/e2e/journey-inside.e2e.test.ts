/** Looking inside on the built page: a shipped model and the one in training, by mouse and by keys, as a picture and as numbers. */
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { LaunchedBrowser } from "../../src/cli/browser.ts";
import { openBrowser } from "../support/browser.ts";
import { Journey, microRecipe } from "../support/journey.ts";

const PROMPT = "Maria West lives in";

let browser: LaunchedBrowser;
let journey: Journey;
beforeAll(async () => {
  browser = await openBrowser();
  journey = await Journey.open(browser, { url: inject("pageUrl"), recipes: [microRecipe(4000, ["n_layer=2"])], backend: "cpu" });
});
afterAll(() => browser.close());

/** The cells of a table, row by row. */
const cells = (id: string): Promise<string[][]> => journey.page.$$eval(`>>> [data-testid=${id}] tbody tr`, (rows) => rows.map((row) => [...row.querySelectorAll("td")].map((cell) => cell.textContent.replace(/\s+/g, " ").trim())));
const percent = (text: string): number => (text === "<0.1%" ? 0.05 : Number(text.replace("%", "")));
/** By what the dialog itself scrolls sideways: wide tables scroll within it. */
const tooWide = (): Promise<number> => journey.page.$eval(">>> [data-testid=inside]", (dialog) => dialog.scrollWidth - dialog.clientWidth);

describe("looking inside", () => {
  it("shows a shipped model's attention, whose rows add up to all, and reads a square out by arrow keys", async () => {
    await journey.firstAnswer();
    await journey.click("show-inside");
    await journey.fill("inside-prompt", PROMPT);
    await journey.textLike("lens", /after.*Maria/);
    const map = await journey.find("attention-map");
    await map.focus();
    // It begins at the end of the text.
    expect(await journey.text("attention-readout")).toMatch(/^in \(token \d+\) looks at in /);
    await journey.page.keyboard.press("Home");
    for (let row = 0; row < 9; row++) await journey.page.keyboard.press("ArrowUp");
    for (const key of ["ArrowDown", "ArrowDown", "ArrowRight"] as const) await journey.page.keyboard.press(key);
    const readout = await journey.text("attention-readout");
    expect(readout).toMatch(/^\S+ \(token 3\) looks at \S+ \(token 2\): .*%\. Most at /);
    await journey.page.keyboard.press("End");
    await journey.textLike("attention-readout", /cannot see .*, which comes later/);
    const inked = await journey.page.$eval(">>> attention-map >>> canvas", (canvas) => {
      const { width, height } = canvas as HTMLCanvasElement;
      const { data } = (canvas as HTMLCanvasElement).getContext("2d")!.getImageData(0, 0, width, height);
      const at = (x: number, y: number): number => data[(Math.floor(y * height) * width + Math.floor(x * width)) * 4 + 3]!;
      return [at(0.02, 0.02), at(0.98, 0.02)];
    });
    expect(inked).toEqual([255, 0]);

    await journey.click("attention-table");
    const table = await cells("attention-numbers");
    expect(table[0]![0]).toBe("100%");
    table.forEach((row, t) => {
      expect(row.slice(t + 1).every((cell) => cell === "")).toBe(true);
      expect(Math.abs(row.slice(0, t + 1).reduce((sum, cell) => sum + percent(cell), 0) - 100)).toBeLessThanOrEqual(0.5 * (t + 1));
    });
    const before = JSON.stringify(table);
    await (await journey.find("head")).select("1");
    await expect.poll(async () => JSON.stringify(await cells("attention-numbers"))).not.toBe(before);
    const second = JSON.stringify(await cells("attention-numbers"));
    await (await journey.find("layer")).select("1");
    await expect.poll(async () => JSON.stringify(await cells("attention-numbers"))).not.toBe(second);
    await journey.click("attention-table");
  });

  it("ends the lens where the next-word panel begins, and is walked by keys", async () => {
    const id = await journey.page.evaluate(() => document.querySelector("nestling-app")!.answering.base);
    await (await journey.find("inside-model")).select(id);
    await journey.page.evaluate((prompt) => {
      const app = document.querySelector("nestling-app")!;
      app.prompt = prompt;
      return app.run.watchNextWord(prompt);
    }, PROMPT);
    await journey.textLike("lens", /after.*Maria/);
    const lens = await cells("lens");
    expect(lens).toHaveLength(3);
    const best = await journey.page.$eval(">>> [data-testid=next-words] li", (row) => [...row.querySelectorAll("span")].map((part) => part.textContent.trim()));
    expect(lens.at(-1)!.at(-1)!.replace(/ /g, "")).toBe(`${best[0]}${best.at(-1)}`);
    await (await journey.page.$(">>> [data-testid=lens] td[tabindex='0']"))!.focus();
    expect(await journey.text("lens-readout")).toMatch(/^After in \(token \d+\), block 2, the model: /);
    for (const key of ["Home", "ArrowUp", "ArrowDown"] as const) await journey.page.keyboard.press(key);
    for (let row = 0; row < 5; row++) await journey.page.keyboard.press("ArrowDown");
    expect(await journey.text("lens-readout")).toMatch(/^After \S+ \(token 1\), block 2, the model: .*%, .*%\.$/);
    expect(await journey.look("inside-shipped")).toEqual([]);
    expect(await tooWide()).toBeLessThanOrEqual(0);
    expect(await journey.has("gradients")).toBe(false);
    await journey.click("close-inside");
  });

  it("follows the model in training, and its gradients add up to the curve's norm", async () => {
    await journey.start();
    await journey.click("show-inside");
    const step = async (): Promise<number> => journey.number("inside-status");
    await journey.textLike("inside-status", /^Step [\d,]+, looked at again/);
    const first = await step();
    await journey.until("it was looked at again", (first) => {
      const panel = document.querySelector("nestling-app")!.renderRoot.querySelector("inside-panel");
      return (panel?.view?.step ?? 0) > Number(first);
    }, String(first));
    await journey.page.evaluate(() => document.querySelector("nestling-app")!.run.togglePlay());
    await journey.untilPhase("paused");
    const at = await journey.page.evaluate(() => document.querySelector("nestling-app")!.run.state.run!.step);
    await journey.textLike("inside-status", new RegExp(`^Step ${at.toLocaleString("en-US")}\\.`));
    await journey.until("the gradients are those of the last step", (wanted) => document.querySelector("nestling-app")!.renderRoot.querySelector("inside-panel")?.norms?.step === Number(wanted), String(at));
    const { total, sum } = await journey.page.evaluate(() => {
      const { total, parts } = document.querySelector("nestling-app")!.renderRoot.querySelector("inside-panel")!.norms!;
      return { total, sum: Math.hypot(...parts.map(({ norm }) => norm)) };
    });
    expect(sum).toBeCloseTo(total, 9);
    const { step: last, value } = (await journey.curve(0, "grad_norm")).at(-1)!;
    expect(last).toBe(at);
    expect(total / value).toBeCloseTo(1, 5);
    await journey.click("gradient-table");
    expect((await cells("gradient-numbers")).map(([name]) => name)).toContain("transformer.h.1.attn.c_attn.weight");
    await journey.click("gradient-table");
    expect(await journey.look("inside-live")).toEqual([]);
    await journey.page.setViewport({ width: 390, height: 844 });
    expect(await tooWide()).toBeLessThanOrEqual(0);
    expect(journey.watched.problems).toEqual([]);
  });
});
