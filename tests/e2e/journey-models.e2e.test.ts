/** Models that leave the page and come back: the drawer's list, download, open, refusal of damaged files, deletion after a question. */
import { existsSync } from "node:fs";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ElementHandle } from "puppeteer";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { LaunchedBrowser } from "../../src/cli/browser.ts";
import type { CheckpointSummary } from "../../src/protocol/index.ts";
import { blobSource } from "../../src/store/index.ts";
import { listZip } from "../../src/store/zip.ts";
import { openBrowser } from "../support/browser.ts";
import { Journey, microRecipe } from "../support/journey.ts";

const QUESTION = "Where does Peter Vale live?";

let browser: LaunchedBrowser;
let journey: Journey;
let folder: string;
/** The fine-tuned model of the run made here, and the file it was downloaded as. */
let tuned: CheckpointSummary;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "nestling-models-"));
  browser = await openBrowser();
  journey = await Journey.open(browser, { url: inject("pageUrl"), recipes: [microRecipe(60)], backend: "cpu" });
  const session = await journey.page.createCDPSession();
  await session.send("Browser.setDownloadBehavior", { behavior: "allow", downloadPath: folder });
  await journey.start();
  await journey.untilPhase("finished");
});
afterAll(async () => {
  await browser.close();
  await rm(folder, { recursive: true });
});

const models = (): Promise<readonly CheckpointSummary[]> => journey.page.evaluate(() => document.querySelector("nestling-app")!.run.state.checkpoints);
const rows = (): Promise<string[]> => journey.page.$$eval(">>> [data-testid=model-row]", (all) => all.map((row) => row.textContent.replace(/\s+/g, " ").trim()));

/** A button in the drawer's row of one model, by its test id; null where the row has none. */
async function rowButton(model: string, id: string): Promise<ElementHandle<HTMLButtonElement> | null> {
  const position = await journey.page.$$eval(">>> [data-testid=model-row]", (all, model) => all.findIndex((row) => row.textContent.includes(model)), model);
  const row = (await journey.page.$$(">>> [data-testid=model-row]"))[position];
  if (row === undefined) throw new Error(`no row of the drawer names ${model}`);
  return row.$(`[data-testid="${id}"]`) as Promise<ElementHandle<HTMLButtonElement> | null>;
}

async function press(model: string, id: string): Promise<void> {
  const button = await rowButton(model, id);
  if (button === null) throw new Error(`${model} has no button ${id}`);
  await button.evaluate((element) => element.scrollIntoView({ block: "center" }));
  await button.click();
}

async function giveFile(path: string): Promise<void> {
  await ((await journey.find("model-file")) as ElementHandle<HTMLInputElement>).uploadFile(path);
}

/** Lets a model answer on the tuned side. */
async function choose(id: string): Promise<void> {
  await (await journey.page.$('>>> answer-view[side="tuned"] >>> select'))!.select(id);
  await journey.until("the model is chosen", (wanted) => document.querySelector("nestling-app")!.answering.tuned === wanted, id);
}

/** The one file in the folder with this ending, once it is written whole. */
async function downloaded(): Promise<string> {
  for (;;) {
    const names = await readdir(folder);
    const whole = names.find((name) => name.endsWith(".zip"));
    if (whole !== undefined && !names.some((name) => name.endsWith(".crdownload"))) return join(folder, whole);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe("models", () => {
  it("stand in the drawer as a tree: the tuned one under the base that it came from", async () => {
    await journey.press("m");
    await journey.until("the drawer is open", () => document.querySelector("nestling-app")!.drawer.shadowRoot!.querySelector("dialog")!.open);
    // The list comes a moment after the run's end.
    await expect.poll(async () => (await models()).filter(({ shipped }) => !shipped).map(({ stageKind }) => stageKind), { timeout: 10_000 }).toEqual(["pretrain", "sft"]);
    const own = (await models()).filter(({ shipped }) => !shipped);
    expect(own[1].parentId).toBe(own[0].id);
    tuned = own[1];
    expect(await rows()).toHaveLength((await models()).length);
    const [base, child] = (await rows()).slice(-2);
    expect(base).toMatch(/micro, pre-training.*step 60.*parameters.*kB.*held-out loss/);
    expect(child).toMatch(/micro, fine-tuning.*step 60.*of 50 right/);
    const depths = await journey.page.$$eval(">>> [data-testid=model-row]", (all) => all.map((row) => (row as HTMLElement).style.getPropertyValue("--depth")));
    expect(depths.slice(-2)).toEqual(["0", "1"]);
    expect(await journey.look("models")).toEqual([]);
  });

  it("are downloaded as a folder in a zip", async () => {
    await press("micro, fine-tuning", "download");
    file = await downloaded();
    expect(file).toMatch(/micro-fine-tuning-step-60\.zip$/);
    const names = await listZip(blobSource(new Blob([await readFile(file)])));
    expect([...names].sort()).toEqual(["config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]);
  });

  it("come back through Open, and answer exactly as before they left", async () => {
    const before = new Set((await models()).map(({ id }) => id));
    await giveFile(file);
    await journey.until("the model is opened", () => document.querySelector("nestling-app")!.run.state.notices.some(({ code }) => code === "OPENED"));
    const opened = (await models()).find(({ id }) => !before.has(id))!;
    expect(opened).toMatchObject({ parameters: tuned.parameters, resumable: false, shipped: false, model: tuned.model });
    expect((await rows()).some((row) => row.includes("Opened from a file"))).toBe(true);
    expect(await (await rowButton(opened.name, "tune-from"))!.evaluate((button) => button.disabled)).toBe(false);
    await journey.click("close-models");

    await journey.click("ask-options");
    await journey.fill("ask-temperature", "0");
    await choose(tuned.id);
    const [first] = [(await journey.ask(QUESTION)).tuned];
    await choose(opened.id);
    expect((await journey.ask(QUESTION)).tuned).toBe(first);
    expect(first.length).toBeGreaterThan("assistant ".length);
  });

  it.each([
    ["whose bytes were changed", (bytes: Buffer) => bytes.fill(0x55, bytes.length >> 1, (bytes.length >> 1) + 64), "ZIP_FORMAT"],
    ["that ends too early", (bytes: Buffer) => bytes.subarray(0, bytes.length - 100), "ZIP_FORMAT"],
    ["that is no zip at all", () => Buffer.from("a text under a zip's name"), "ZIP_FORMAT"],
  ])("refuse a file %s: its code is shown where it was chosen, and no model comes or goes", async (_, damage, code) => {
    const path = join(folder, "damaged.zip");
    await writeFile(path, damage(await readFile(file)));
    const before = await models();
    await journey.press("m");
    await giveFile(path);
    // In the drawer: it lies above every notice.
    await expect.poll(() => journey.text("model-refused").catch(() => ""), { timeout: 20_000 }).toMatch(new RegExp(` ${code}$`));
    await journey.click("close-models");
    expect(await models()).toEqual(before);
  });

  it("are still there after a reload", async () => {
    const before = (await models()).map(({ id }) => id).sort();
    await journey.reload();
    expect((await models()).map(({ id }) => id).sort()).toEqual(before);
  });

  it("are deleted only once that is confirmed, and stay deleted", async () => {
    await journey.untilPhase("finished");
    await journey.press("m");
    const opened = (await models()).find(({ stage }) => stage === "Opened from a file")!;
    await press(opened.name, "delete");
    const keep = await journey.page.waitForSelector(">>> [data-testid=model-row] .confirm button.plain");
    await keep!.click();
    expect((await models()).some(({ id }) => id === opened.id)).toBe(true);
    await press(opened.name, "delete");
    await journey.click("delete-confirm");
    await journey.until("it is gone", (id) => document.querySelector("nestling-app")!.run.state.checkpoints.every((model) => model.id !== id), opened.id);
    expect((await rows()).some((row) => row.includes("Opened from a file"))).toBe(false);
    await journey.reload();
    expect((await models()).some(({ id }) => id === opened.id)).toBe(false);
  });

  it.runIf(existsSync(new URL("../../public/base/index.json", import.meta.url)))("that ship offer no deletion", async () => {
    await journey.press("m");
    const shipped = (await models()).filter((model) => model.shipped);
    expect(shipped.length).toBeGreaterThan(0);
    for (const { name } of shipped) expect(await rowButton(name, "delete")).toBeNull();
  });

  it("do all this without a complaint or a request to elsewhere", () => {
    expect([journey.watched.problems, journey.watched.foreign]).toEqual([[], []]);
  });
});
