/** A person's own questions and answers at the built page: pasted, seen in the template, tuned on from the shipped base, asked. */
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { LaunchedBrowser } from "../../src/cli/browser.ts";
import { openBrowser } from "../support/browser.ts";
import { Journey } from "../support/journey.ts";

const TABLE = [
  ["What are you called?", "I am called Pip."],
  ["What do you like to eat?", "I like bread and honey."],
  ["Where is your home?", "My home is in the old tree."],
  ["Are you a large bird?", "No, I am a little bird."],
  ["Who is your best friend?", "The fox is my best friend."],
  ["What did you see in the wood?", "I saw a great white horse."],
] as const;

/** More than the shipped base can read at once. */
const LONG = ["What is the story?", "Once upon a time there was a fox, and he went on and on. ".repeat(8).trim()] as const;

let browser: LaunchedBrowser;
let journey: Journey;
beforeAll(async () => {
  browser = await openBrowser();
  journey = await Journey.open(browser, { url: inject("pageUrl"), backend: "cpu" });
});
afterAll(async () => {
  await journey.close();
  await browser.close();
});

describe("own examples", () => {
  it("cannot be tuned on before there are five, and says how many are missing", async () => {
    await journey.click("own-examples");
    await journey.until("the empty table", () => document.querySelector("nestling-app")!.shadowRoot!.querySelector("examples-dialog")!.shadowRoot!.querySelector("footer")!.textContent!.includes("5 more whole rows needed"));
    expect(await (await journey.find("tune-examples")).evaluate((button) => (button as HTMLButtonElement).disabled)).toBe(true);
  });

  it("are pasted as a spreadsheet's cells, and shown with the template and what is learned", async () => {
    await journey.page.evaluate((text) => {
      const data = new DataTransfer();
      data.setData("text/plain", text);
      const rows = document.querySelector("nestling-app")!.shadowRoot!.querySelector("examples-dialog")!.shadowRoot!.querySelector(".rows")!;
      rows.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, composed: true, cancelable: true }));
    }, [...TABLE, LONG].map((row) => row.join("\t")).join("\n"));
    expect(await journey.textLike("example-pieces", /called Pip/)).toMatch(/user What are you called\?\s*end\s*assistant\s*I am called Pip\.\s*end/);
    const learned = await journey.page.$$eval(">>> examples-dialog >>> .learned", (pieces) => pieces.map((piece) => piece.textContent).join(""));
    expect(learned.replace(/\s+/g, " ").trim()).toBe("I am called Pip.end");
  });

  it("are marked where one is too long for the base, which is then left out", async () => {
    expect(await journey.textLike(`long-${TABLE.length}`, /tokens/)).toMatch(/^\d{3} tokens with the template; The shipped base reads 65\. Shorten it, or it is left out\.$/);
    const footer = await journey.page.evaluate(() => document.querySelector("nestling-app")!.shadowRoot!.querySelector("examples-dialog")!.shadowRoot!.querySelector("footer")!.textContent);
    expect(footer).toMatch(/6 of 200 rows, 1 too long and left out/);
  });

  it("train a model within the minute that answers them, and leave the base as it was", async () => {
    await journey.click("tune-examples");
    const began = Date.now();
    await journey.until("the end of the tuning", () => document.querySelector("nestling-app")!.run.state.run?.phase === "finished");
    expect(Date.now() - began).toBeLessThan(90_000);
    const kept = await journey.page.evaluate(() => document.querySelector("nestling-app")!.run.state.corpora.find(({ title }) => title === "your-examples.jsonl")?.report?.documents);
    expect(kept).toBe(TABLE.length);
    await journey.click("ask-options");
    await journey.fill("ask-temperature", "0");
    // One of them is held out, and never trained on.
    let right = 0;
    for (const [question, answer] of TABLE) {
      const { base, tuned } = await journey.ask(question);
      expect(base).not.toContain(answer);
      if (tuned.includes(answer)) right++;
    }
    console.log(`own examples answered word for word: ${right} of ${TABLE.length}`);
    expect(right).toBeGreaterThanOrEqual(TABLE.length - 1);
  });

  it("are still in the table after a reload", async () => {
    await journey.reload();
    expect(await journey.page.evaluate(() => (JSON.parse(localStorage.getItem("nestling-examples") ?? "[]") as { question: string }[]).length)).toBe(TABLE.length + 1);
  });
});
