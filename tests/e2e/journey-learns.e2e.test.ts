/** The default recipe at its smallest scale, through both stages in the page: what it learned, asked as a person asks it. */
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { LaunchedBrowser } from "../../src/cli/browser.ts";
import { type QuizItem, makeWorld, worldQuiz } from "../../src/data/world/index.ts";
import { WORLD } from "../../src/engine/corpora.ts";
import { openBrowser } from "../support/browser.ts";
import { Journey, smallRecipe } from "../support/journey.ts";

/**
 * The lines, stated before the test was first run, from one exploratory run of the recipe (seed 1, CPU): held-out loss of the
 * world's prose fell from 6.24 to 0.69; of ten held-out questions the tuned model answered eight in form, the base none;
 * of the quiz's fifty it had 7 right, the base none, now that an answer which names somebody else counts as wrong (16 before).
 */
const LOSS_LINE = 0.9;
const ASKED = 10;
const IN_FORM_LINE = 6;
const MORE_RIGHT_LINE = 3;

let browser: LaunchedBrowser;
let journey: Journey;
beforeAll(async () => {
  browser = await openBrowser();
  journey = await Journey.open(browser, { url: inject("pageUrl"), recipes: [smallRecipe()], backend: "cpu" });
});
afterAll(() => browser.close());

describe("the default recipe at its smallest scale", () => {
  it("reads: held-out loss falls from chance to below the line", async () => {
    await journey.start();
    await journey.page.waitForFunction(() => {
      const run = document.querySelector("nestling-app")!.run.state.run;
      return run?.phase === "finished" || run?.phase === "failed";
    }, { timeout: 280_000, polling: 200 });
    const held = await journey.curve(0, "val/loss");
    expect(held[0].value).toBeCloseTo(Math.log(512), 1);
    expect(held[held.length - 1].value).toBeLessThan(LOSS_LINE);
  });

  it("learns to answer: the tuned model answers held-out questions in form, the base does not", async () => {
    await journey.click("ask-options");
    await journey.fill("ask-temperature", "0");
    const held = worldQuiz(makeWorld({ seed: WORLD.seed, people: WORLD.people }), { count: ASKED, wordings: WORLD.wordings });
    const inForm = { base: 0, tuned: 0 };
    const spoken = (answer: string): string => answer.replace(/^assistant /, "").replace(/ ?(end|endoftext)$/, "");
    for (const item of held as QuizItem[]) {
      const answers = await journey.ask(item.prompt);
      for (const side of ["base", "tuned"] as const) if (item.inForm(spoken(answers[side]))) inForm[side]++;
    }
    expect(inForm.tuned).toBeGreaterThanOrEqual(IN_FORM_LINE);
    expect(inForm.base).toBe(0);
  });

  it("shows the gain where it was made: more held-out questions right than before, and the old text forgotten a little", async () => {
    const [, base, tuned] = (await journey.text("quiz")).match(/^(\d+) base (\d+) tuned$/)!.map(Number);
    expect(tuned - base).toBeGreaterThanOrEqual(MORE_RIGHT_LINE);
    const old = await journey.curve(1, "val/old_loss");
    expect(old[old.length - 1].value).toBeGreaterThan(old[0].value);
    expect(await journey.look("learned")).toEqual([]);
    expect([journey.watched.problems, journey.watched.foreign]).toEqual([[], []]);
  });
});
