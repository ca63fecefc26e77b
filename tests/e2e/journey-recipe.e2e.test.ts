/** The recipe at the built page, with the real engine: how it fine-tunes, and one that came with a link. The editor's own behaviour is tested with a stub. */
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { LaunchedBrowser } from "../../src/cli/browser.ts";
import { presets } from "../../src/protocol/presets.ts";
import { writeRecipeLink } from "../../src/protocol/recipe-link.ts";
import { openBrowser } from "../support/browser.ts";
import { Journey, microRecipe } from "../support/journey.ts";

const url = inject("pageUrl");
let browser: LaunchedBrowser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

const runRecipe = (journey: Journey): Promise<unknown> => journey.page.evaluate(() => document.querySelector("nestling-app")!.run.state.run?.recipe.stages.at(-1));

describe("a fine-tuning method chosen in the page", () => {
  let journey: Journey;
  beforeAll(async () => {
    journey = await Journey.open(browser, { url, recipes: [microRecipe(20)] });
  });
  afterAll(() => journey.close());

  it("stands at all weights until LoRA is chosen, and then offers rank, scale and modules with what each means", async () => {
    expect(await journey.has("method-r")).toBe(false);
    await journey.click("method-lora");
    await journey.fill("method-r", "2");
    await journey.fill("method-lora_alpha", "4");
    await journey.click("target-c_fc");
    const words = await journey.page.$eval(">>> recipe-method", (element) => element.shadowRoot!.textContent);
    expect(words).toContain("Rank of the low-rank update.");
    expect(words).toContain("First half of the MLP");
    expect(await journey.look("method")).toEqual([]);
  });

  it("names a rank out of range at the field, with what is allowed, and keeps the last that fits", async () => {
    await journey.fill("method-r", "0");
    expect(await journey.text("method-r-problem")).toBe("r is 0; it must be a whole number from 1 to 256.");
    await journey.fill("method-r", "2");
    expect(await journey.has("method-r-problem")).toBe(false);
  });

  it("trains by LoRA from nothing to the end, and says so in the recipe of the run", async () => {
    await journey.start();
    await journey.untilPhase("finished");
    expect(await runRecipe(journey)).toMatchObject({ kind: "sft", method: { type: "lora", r: 2, lora_alpha: 4, target_modules: ["c_attn", "c_fc"] } });
    const panel = await journey.page.$eval(">>> recipe-panel", (element) => element.shadowRoot!.textContent.replace(/\s+/g, " "));
    expect(panel).toContain("LoRA, rank 2, alpha 4");
    expect(panel).toContain("c_attn, c_fc");
    expect((await journey.curve(1, "train/loss")).length).toBeGreaterThan(10);
  });

  it("fine-tunes a base by LoRA too, to the end", async () => {
    await journey.click("new-run");
    const before = await journey.page.evaluate(() => document.querySelector("nestling-app")!.run.state.runId ?? "");
    await journey.click("start-tune");
    await journey.until("another run has finished", (before) => {
      const { run } = document.querySelector("nestling-app")!.run.state;
      return run?.phase === "finished" && run.runId !== before;
    }, before);
    expect(await runRecipe(journey)).toMatchObject({ method: { type: "lora", r: 2 } });
    expect([journey.watched.problems, journey.watched.foreign, await journey.notices()]).toEqual([[], [], []]);
  });
});

describe("a link with a recipe", () => {
  const recipe = microRecipe(12);
  let journey: Journey;
  /** A visitor of their own: an earlier run would open in place of the start page. */
  let visitor: LaunchedBrowser;
  beforeAll(async () => {
    visitor = await openBrowser();
    journey = await Journey.open(visitor, { url: new URL(writeRecipeLink(recipe, presets), url).href });
  });
  afterAll(() => visitor.close());

  it("is shown and not begun, with the memory that the plan gives it and its time on this machine", async () => {
    expect(await journey.text("link-note")).toMatch(/^A recipe came with the link\. \d+ fields differ from first-light\. Nothing was started\./);
    await journey.click("look-at-recipe");
    await journey.textLike("cost-map", /^activations .*parameters/);
    expect(await journey.textLike("cost-memory", /^[\d.]+ [kM]B/)).toContain("largest stage: ");
    expect(await journey.textLike("cost-time", /^about/)).toMatch(/tokens\/s$/);
    expect(await journey.look("editor-real")).toEqual([]);
    expect(await journey.page.evaluate(() => document.querySelector("nestling-app")!.run.state.run)).toBe(null);
  });

  it("may be as long as a link may be: the engine starts beside it", async () => {
    const [pretrain, ...later] = presets[0]!.stages;
    const changes = Array.from({ length: 80 }, (_, i) => ({ step: 3 * i + 1, learning_rate: 0.001 + i / 1e6, grad_clip: 1 + i / 100 }));
    const link = writeRecipeLink({ ...presets[0]!, stages: [{ ...pretrain!, changes }, ...later] }, presets);
    expect(link.length).toBeGreaterThan(4000);
    const other = await Journey.open(visitor, { url: new URL(link, url).href });
    expect(await other.text("link-note")).toMatch(/^A recipe came with the link\./);
    expect(await other.page.evaluate(() => document.querySelector("nestling-app")!.run.state.link)).toBe("ready");
    await other.close();
  });

  it("counts as many parameters before the run as the engine does in it, and trains that very recipe once started", async () => {
    const counted = /^[\d.]+ k/.exec(await journey.text("cost-parameters"))![0];
    await journey.fill("field-seed", "5");
    await journey.click("close-editor");
    await journey.start();
    await journey.untilPhase("finished");
    expect(await journey.page.evaluate(() => document.querySelector("nestling-app")!.run.state.run?.recipe)).toEqual({ ...recipe, seed: 5 });
    expect(await journey.page.$eval(">>> recipe-panel", (panel) => panel.shadowRoot!.textContent.replace(/\s+/g, " "))).toContain(`parameters${counted}`);
    expect([journey.watched.problems, journey.watched.foreign, await journey.notices()]).toEqual([[], [], []]);
  });
});
