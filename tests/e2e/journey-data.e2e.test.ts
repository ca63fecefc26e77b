/** Files brought to the built page, with the real engine on the CPU: suggested, mended, chosen, counted, stopped, trained on. */
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { LaunchedBrowser } from "../../src/cli/browser.ts";
import { makeWorld, worldProse } from "../../src/data/world/index.ts";
import type { CorpusSummary, Recipe } from "../../src/protocol/index.ts";
import { openBrowser } from "../support/browser.ts";
import { Journey, microRecipe, ownTextRecipe } from "../support/journey.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const TEXT = worldProse(makeWorld({ seed: 11, people: 12 }), { repeats: 4 }).join("\n\n").slice(0, 16_000);
const PAIRS = Array.from({ length: 40 }, (_, i) => [`What is number ${i}?`, `It is the number after ${i - 1}.`] as const);

let browser: LaunchedBrowser;
let journey: Journey;
beforeAll(async () => {
  browser = await openBrowser();
  journey = await Journey.open(browser, { url: inject("pageUrl"), recipes: [microRecipe(8), ownTextRecipe(10)], backend: "cpu" });
  await journey.firstAnswer();
});
afterAll(() => browser.close());

const drop = (files: readonly (readonly [string, Uint8Array])[]): Promise<void> => journey.page.evaluate((files) => {
  const transfer = new DataTransfer();
  for (const [name, numbers] of files) transfer.items.add(new File([new Uint8Array(numbers)], name));
  for (const type of ["dragover", "drop"]) document.querySelector("nestling-app")!.dispatchEvent(new DragEvent(type, { bubbles: true, composed: true, cancelable: true, dataTransfer: transfer }));
}, files.map(([name, bytes]) => [name, [...bytes]] as const));
const looked = (): Promise<void> => journey.until("the files were looked at", () => document.querySelector("nestling-app")!.intake?.phase === "ready");
const choose = async (use: string): Promise<void> => {
  await journey.textLike(`use-card-${use}`, /tokens/);
  await (await journey.find(`use-${use}`)).evaluate((radio) => radio.click());
  await journey.until("it is chosen", (use) => document.querySelector("nestling-app")!.shadowRoot!.querySelector("data-dialog")!.shadowRoot!.querySelector("data-choices")!.use === use, use);
};
const corpora = (): Promise<CorpusSummary[]> => journey.page.evaluate(() => document.querySelector("nestling-app")!.run.state.corpora.filter(({ report }) => report !== undefined) as CorpusSummary[]);
const recipe = (): Promise<Recipe> => journey.page.evaluate(() => document.querySelector("nestling-app")!.run.state.run!.recipe);
const kept = (): Promise<void> => journey.until("it is kept", () => document.querySelector("nestling-app")!.intake === null);
/** What lies in the browser's storage of people's own data. */
const stored = (): Promise<string[]> => journey.page.evaluate(async () => {
  const names: string[] = [];
  const walk = async (folder: FileSystemDirectoryHandle, at: string): Promise<void> => {
    for await (const [name, handle] of folder as unknown as AsyncIterable<[string, FileSystemHandle]>) {
      if (handle.kind === "directory") await walk(handle as FileSystemDirectoryHandle, `${at}${name}/`);
      else if (at.includes("own")) names.push(at + name);
    }
  };
  await walk(await navigator.storage.getDirectory(), "");
  return names.sort();
});

describe("files that are brought", () => {
  it("are one text whose use is suggested, with tokens, times and minutes, and start at a press", async () => {
    await drop([["one.txt", utf8(TEXT)], ["two.md", utf8(TEXT.toUpperCase())]]);
    await looked();
    await journey.textLike("data-facts-finetune", /^about [\d,]+ tokens, read about [\d.]+ times$/);
    await journey.textLike("use-card-finetune", /^suggested.*The base's tokenizer (has no token for [\d.<]+% of it|knows every character)/);
    await journey.textLike("data-time-finetune", /^about \d/);
    await journey.fill("data-steps", "6");
    expect(await journey.look("data-chosen")).toEqual([]);
    await journey.click("data-take");
    await journey.untilPhase("finished");
    const { stages } = await recipe();
    expect([stages.length, stages[1]!.kind, stages[1]!.max_iters, stages[1]!.data]).toEqual([2, "sft", 6, [{ corpus: (await corpora())[0]!.id, weight: 1 }]]);
    expect((await journey.curve(1, "train/loss")).length).toBe(6);
    expect((await corpora())[0]!.report).toMatchObject({ files: ["one.txt", "two.md"], documents: 2, sourceBytes: TEXT.length * 2 });
  });

  it("are read as Latin-1 where they are no UTF-8, after the byte was named", async () => {
    const latin = Uint8Array.of(...utf8(TEXT.slice(0, 1000)), ...Buffer.from(" un caf\u00e9 cr\u00e8me", "latin1"), ...utf8(TEXT.slice(1000, 4000)));
    await drop([["cafe.txt", latin]]);
    await journey.textLike("data-problem", /byte 1007 \(0xe9\).*DATA_UTF8/);
    await journey.click("remedy-latin1");
    await choose("pretrain");
    await journey.click("data-setup");
    await kept();
    expect((await corpora()).at(-1)).toMatchObject({ title: "cafe.txt", report: { characters: latin.length, replaced: 0 } });
    // UTF-8 needs two bytes for each of the accented letters.
    expect((await corpora()).at(-1)!.bytes).toBeGreaterThanOrEqual(latin.length + 2);
  });

  it("lose a bad line by its number only where that is asked for, and it is counted", async () => {
    const lines = PAIRS.map(([prompt, completion]) => JSON.stringify({ prompt, completion }));
    lines[16] = '{"prompt": "cut';
    await drop([["talk.jsonl", utf8(`${lines.join("\n")}\n`)]]);
    await journey.textLike("data-problem", /line 17.*JSONL_PARSE/);
    await journey.click("remedy-skip");
    await journey.click("data-setup");
    await kept();
    expect((await corpora()).at(-1)!.report).toMatchObject({ documents: 39, skipped: 1, problems: [{ code: "JSONL_PARSE", details: { line: 17 } }] });
    expect(await journey.page.evaluate(() => document.querySelector("nestling-app")!.run.state.notices.map(({ text }) => text).join(" "))).toMatch(/1 line or row of talk\.jsonl left out\. The first: .*line 17/);
  });

  it("are a table whose chosen columns are the questions and answers that the base is tuned on", async () => {
    const rows = PAIRS.map(([question, answer], i) => `${i},"${answer}",note ${i},"${question}"`);
    await drop([["table.csv", utf8(`nr,said,note,asked\n${rows.join("\n")}\n`)]]);
    await looked();
    await journey.textLike("csv-rows", /said/);
    await (await journey.find("csv-kind")).select("chat");
    await journey.until("it is a chat", () => document.querySelector("nestling-app")!.intake?.preview?.kind === "chat");
    await journey.textLike("csv-question", /asked/);
    await (await journey.find("csv-question")).select("3");
    await journey.until("the question is chosen", () => JSON.stringify(document.querySelector("nestling-app")!.intake?.preview?.files[0]!.csv?.chosen).includes('"question":3'));
    await (await journey.find("csv-answer")).select("1");
    await journey.until("the columns are those", () => JSON.stringify(document.querySelector("nestling-app")!.intake?.preview?.files[0]!.csv?.chosen) === '{"question":3,"answer":1}');
    await journey.fill("data-steps", "4");
    await journey.click("data-take");
    await journey.untilPhase("finished");
    const { id, kind, report } = (await corpora()).at(-1)!;
    expect([kind, report!.documents, (await recipe()).stages[1]!.data[0]!.corpus, (await recipe()).stages[1]!.max_iters]).toEqual(["chat", 40, id, 4]);
  });

  it("are unpacked, beside other text in the mixture, with the share that was asked for", async () => {
    await drop([["packed.txt.gz", new Uint8Array(gzipSync(TEXT))]]);
    await looked();
    await journey.textLike("data-file", /packed, 16\.0 kB unpacked/);
    await choose("mixture");
    await journey.textLike("data-take", /Add to the mixture/);
    await journey.fill("data-share", "40");
    await journey.click("data-take");
    await kept();
    const data = await journey.page.evaluate(() => document.querySelector("nestling-app")!.recipe.stages[0]!.data);
    expect([data.length, data.at(-1)!.corpus, data.at(-1)!.weight / data.reduce((sum, { weight }) => sum + weight, 0)]).toEqual([2, (await corpora()).at(-1)!.id, expect.closeTo(0.4, 5)]);
  });

  it("leave nothing behind where the reading is stopped in the middle", async () => {
    const before = [await stored(), (await corpora()).length];
    await journey.page.evaluate((text) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File(Array.from({ length: 6000 }, () => text), "large.txt"));
      for (const type of ["dragover", "drop"]) document.querySelector("nestling-app")!.dispatchEvent(new DragEvent(type, { bubbles: true, composed: true, cancelable: true, dataTransfer: transfer }));
    }, TEXT);
    await looked();
    await choose("pretrain");
    await journey.click("data-take");
    await journey.until("some of it is read", () => (document.querySelector("nestling-app")!.intake?.share ?? 0) > 0);
    await journey.click("data-cancel");
    await journey.until("the dialog is back", () => document.querySelector("nestling-app")!.intake?.phase === "ready");
    expect([await stored(), (await corpora()).length]).toEqual(before);
    expect([await journey.has("data-error"), await journey.page.evaluate(() => document.querySelector("nestling-app")!.intake!.share < 1)]).toEqual([false, true]);
    await journey.click("close-data");
  });

  it("never leave the machine", () => {
    expect([journey.watched.problems, journey.watched.foreign]).toEqual([[], []]);
  });
});
