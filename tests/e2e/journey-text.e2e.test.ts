/** A person's own text: dropped, pasted, chosen, trained on; and the five files that are none, each refused by its code with nothing lost. */
import { gzipSync } from "node:zlib";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { ElementHandle } from "puppeteer";
import type { LaunchedBrowser } from "../../src/cli/browser.ts";
import { makeWorld, worldProse } from "../../src/data/world/index.ts";
import { openBrowser } from "../support/browser.ts";
import { Journey, microRecipe, ownTextRecipe } from "../support/journey.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
/** About 40 kB of plain prose. */
const TEXT = worldProse(makeWorld({ seed: 9, people: 12 }), { repeats: 4 }).join("\n\n").slice(0, 40_000);
const STEPS = 300;

let browser: LaunchedBrowser;
let journey: Journey;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "nestling-text-"));
  browser = await openBrowser();
  journey = await Journey.open(browser, { url: inject("pageUrl"), recipes: [microRecipe(20), ownTextRecipe(STEPS)], backend: "cpu" });
});
afterAll(async () => {
  await browser.close();
  await rm(folder, { recursive: true });
});

/** What the start form says of the person's text. */
const formText = (): Promise<string> => journey.page.$eval(">>> recipe-form", (form) => form.shadowRoot!.textContent.replace(/\s+/g, " "));
const chosen = (): Promise<string> => journey.page.evaluate(() => document.querySelector("nestling-app")!.recipe.name);
/** Newest first: what stands in the corner, words and code. */
const corner = (): Promise<string[]> => journey.page.$$eval(">>> [data-testid=notice]", (cards) => cards.map((card) => card.textContent.replace(/\s+/g, " ").trim()).reverse());
const codes = (): Promise<string[]> => journey.page.$$eval(">>> [data-testid=notice] code", (all) => all.map((code) => code.textContent).reverse());
const newestCode = async (code: string): Promise<void> => {
  await expect.poll(async () => (await codes())[0] ?? "", { timeout: 20_000 }).toBe(code);
};

/** What is said of the file in the dialog: by the look at it, or by the whole reading where the look saw nothing. */
const verdict = async (): Promise<string> => {
  await journey.until("the files were looked at", () => document.querySelector("nestling-app")!.intake?.phase === "ready");
  if (await journey.page.evaluate(() => document.querySelector("nestling-app")!.intake!.preview!.files.some(({ problem }) => problem !== undefined))) return journey.textLike("data-problem", /[A-Z]_[A-Z]/);
  await journey.textLike("data-take", /it/);
  await journey.click("data-take");
  return journey.textLike("data-error", /[A-Z]_[A-Z]/);
};
/** Closes the dialog; what stood behind it is as it was. */
const leave = async (): Promise<void> => {
  await journey.click("close-data");
  await journey.until("the dialog is closed", () => document.querySelector("nestling-app")!.intake === null);
};
/** Takes what lies in the dialog as the text of the recipe that is made for it, without starting. */
const setUp = async (): Promise<void> => {
  await journey.textLike("use-card-pretrain", /tokens/);
  await (await journey.find("use-pretrain")).evaluate((radio) => radio.click());
  await journey.click("data-setup");
  await journey.until("it is kept", () => document.querySelector("nestling-app")!.intake === null);
};

const REFUSED: readonly [string, string, Uint8Array, RegExp][] = [
  ["an empty file", "DATA_EMPTY", new Uint8Array(0), /0 bytes.*65/],
  ["a text shorter than one context", "DATA_TOO_SHORT", utf8("Too short to learn from."), /24.*65/],
  ["bytes that are no UTF-8", "DATA_UTF8", Uint8Array.of(...utf8("A caf"), 0xc3, ...utf8(TEXT.slice(0, 200))), /byte 5.*0xc3/],
  ["UTF-16", "DATA_ENCODING", Uint8Array.of(0xff, 0xfe, ...Buffer.from(TEXT.slice(0, 200), "utf16le")), /UTF-16/],
  ["a picture under a text's name", "DATA_BINARY", Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, ...new Uint8Array(300)), /PNG/],
];

describe("a person's own text", () => {
  it("is waited for by the recipe that is made for it", async () => {
    await journey.click("preset-your-text");
    await journey.textLike("start-scratch", /Train from nothing/);
    expect(await (await journey.find("start-scratch")).evaluate((button) => (button as HTMLButtonElement).disabled)).toBe(true);
    expect(await journey.page.$eval(">>> start-panel", (panel) => panel.shadowRoot!.textContent)).toContain("Your text first");
    await journey.click("preset-micro");
  });

  it.each(REFUSED)("is refused where it is %s: %s is shown with its numbers, and nothing changes", async (_, code, bytes, numbers) => {
    await journey.drop("notes.txt", bytes);
    const said = await verdict();
    expect(said).toMatch(numbers);
    expect([said.includes(code), said.includes("notes.txt")]).toEqual([true, true]);
    expect(await journey.page.evaluate(() => document.querySelector("nestling-app")!.run.state.run)).toBeNull();
    await leave();
    expect(await chosen()).toBe("micro");
    expect(await formText()).not.toContain("Own text:");
  });

  it("is refused with the reason where the file is neither text nor model", async () => {
    await journey.drop("sheet.xlsx", utf8("not read at all"));
    await newestCode("DATA_KIND");
    expect(await journey.look("refused")).toEqual([]);
    for (;;) {
      const close = await journey.page.$(">>> [data-testid=notice] button");
      if (close === null) break;
      await close.click();
      await close.dispose();
      await journey.page.evaluate(() => document.querySelector("nestling-app")!.updateComplete);
    }
    expect(await corner()).toEqual([]);
  });

  it("is refused where it is an archive with bytes after its end, or conversations with a bad line, and taken where it is a packed table", async () => {
    const packed = new Uint8Array(gzipSync(`id,text\n${Array.from({ length: 12 }, (_, i) => `${i},"${TEXT.slice(0, 200)}, ${i}"`).join("\n")}\n`));
    for (const [name, bytes, code] of [
      ["garbage.csv.gz", Uint8Array.of(...packed, 0x20, 0x21), "GZ_CORRUPT"], ["cut.csv.gz", packed.slice(0, -3), "GZ_CORRUPT"], ["bad.jsonl", utf8('{"prompt":"a","completion":"b"}\n{nope}\n'), "JSONL_PARSE"],
    ] as const) {
      await journey.drop(name, bytes);
      expect(await verdict()).toContain(code);
      await leave();
    }
    await journey.drop("table.csv.gz", packed);
    await setUp();
    await expect.poll(formText, { timeout: 20_000 }).toContain("Own text: table.csv.gz");
  });

  it("is taken by a drop anywhere on the page, and the recipe for it is chosen", async () => {
    await journey.drop("tales.txt", utf8(TEXT));
    await setUp();
    await expect.poll(formText, { timeout: 20_000 }).toContain("Own text: tales.txt");
    expect(await chosen()).toBe("your-text");
    expect([(await corner())[0], await codes()]).toEqual([expect.stringContaining('tales.txt is ready, and the recipe is set up: "Train from nothing" starts it.'), []]);
  });

  it("stays what it was when a bad one comes after it", async () => {
    await journey.drop("empty.md", new Uint8Array(0));
    expect(await verdict()).toContain("DATA_EMPTY");
    await leave();
    expect(await formText()).toContain("Own text: tales.txt");
  });

  it("is taken by the file picker", async () => {
    const path = join(folder, "chosen.md");
    await writeFile(path, `# Chosen\n\n${TEXT}`);
    await ((await journey.find("text-file")) as ElementHandle<HTMLInputElement>).uploadFile(path);
    await setUp();
    await expect.poll(formText, { timeout: 20_000 }).toContain("Own text: chosen.md");
  });

  it("is taken by pasting, and trained on by what reads it alone", async () => {
    const paste = await journey.page.evaluateHandle(() =>
      [...document.querySelector("nestling-app")!.shadowRoot!.querySelector("start-panel")!.shadowRoot!.querySelector("recipe-form")!.shadowRoot!.querySelectorAll("button")].find((button) => button.textContent === "Paste text")!);
    // The word that the last text is ready lies over the corner for a while.
    await journey.page.$$eval(">>> [data-testid=notice] button", (buttons) => buttons.forEach((button) => (button as HTMLElement).click()));
    await expect.poll(corner).toEqual([]);
    await (paste as ElementHandle<HTMLElement>).click();
    await journey.fill("paste-text", "Too little, but mine.");
    await journey.click("use-pasted");
    expect(await verdict()).toContain("DATA_TOO_SHORT");
    await leave();
    expect(await (await journey.find("paste-text")).evaluate((field) => (field as HTMLTextAreaElement).value)).toBe("Too little, but mine.");
    await journey.fill("paste-text", TEXT);
    await journey.click("use-pasted");
    await setUp();
    await expect.poll(formText, { timeout: 20_000 }).toContain("Own text: Pasted text");
    expect(await journey.has("paste-text")).toBe(false);
    await journey.start();
    const run = await journey.page.evaluate(() => document.querySelector("nestling-app")!.run.state.run!);
    expect(run.recipe.stages.flatMap((stage) => stage.data.map(({ corpus }) => corpus))).toEqual([expect.stringMatching(/^own:[0-9a-f]{16}$/)]);
    expect(await journey.page.$eval(">>> recipe-panel", (panel) => panel.shadowRoot!.textContent)).toContain("your text");
  });

  it("does not disturb a run under way when another comes, good or bad", async () => {
    await journey.press("Space");
    await journey.untilPhase("paused");
    const before = await journey.page.evaluate(() => document.querySelector("nestling-app")!.run.state.run!);
    await journey.drop("late.txt", new Uint8Array(0));
    expect(await verdict()).toContain("DATA_EMPTY");
    await leave();
    await journey.drop("later.txt", utf8(TEXT.slice(0, 9000)));
    await journey.textLike("data-take", /Set up/);
    await journey.click("data-take");
    await expect.poll(async () => (await corner())[0] ?? "", { timeout: 20_000 }).toContain("later.txt is ready");
    const after = await journey.page.evaluate(() => document.querySelector("nestling-app")!.run.state.run!);
    expect([after.runId, after.step, after.phase]).toEqual([before.runId, before.step, "paused"]);
  });

  it("is learned: its held-out loss falls, and the run is found again with its text after a reload", async () => {
    await journey.reload();
    await journey.untilPhase("paused");
    await journey.press("Space");
    await journey.untilPhase("finished");
    const held = await journey.curve(0, "val/loss");
    // A character is one of some 50; without learning it stays near the logarithm of that.
    expect(held[0].value).toBeGreaterThan(3.5);
    expect(held[held.length - 1].value).toBeLessThan(2.8);
    expect([journey.watched.problems, journey.watched.foreign]).toEqual([[], []]);
  });
});
