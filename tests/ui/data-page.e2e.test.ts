/** The dialog for a person's data in a real browser, with the stub in the engine's place: every way in, every state, every way out. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "puppeteer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LaunchedBrowser } from "../../src/cli/browser.ts";
import { launchBrowser } from "../../src/cli/browser.ts";
import type { StubSite } from "./stub-site.ts";
import { serveStub } from "./stub-site.ts";

let site: StubSite;
let launched: LaunchedBrowser;
let folder: string;
let page: Page;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "nestling-data-"));
  [site, launched] = await Promise.all([serveStub(), launchBrowser()]);
}, 120_000);

afterAll(async () => {
  await launched?.close();
  await site?.close();
  await rm(folder, { recursive: true, force: true });
});

const by = (id: string): string => `>>> [data-testid="${id}"]`;
const has = (id: string): Promise<boolean> => page.$(by(id)).then((found) => found !== null);
const text = (id: string): Promise<string> => page.$eval(by(id), (element) => element.textContent?.replace(/\s+/g, " ").trim() ?? "").catch(() => "");
const expectText = async (id: string, wanted: RegExp): Promise<void> => {
  await expect.poll(() => text(id), { timeout: 10_000 }).toMatch(wanted);
};
const calls = (): Promise<string[]> => page.evaluate(() => [...window.stub.calls]);
const press = (id: string): Promise<void> => page.$eval(by(id), (element) => (element as HTMLElement).click());
const chosenUse = (): Promise<string> => page.$eval(">>> data-choices", (choices) => (choices as unknown as { use: string }).use);
const isOpen = (): Promise<boolean> => page.$eval(by("data-dialog"), (dialog) => (dialog as HTMLDialogElement).open);
const canTake = (): Promise<boolean> => page.$eval(by("data-take"), (button) => !(button as HTMLButtonElement).disabled).catch(() => false);
const notices = (): Promise<string[]> => page.evaluate(() => window.app.run.state.notices.map(({ text }) => text));

/** Files of x, by name and size; the stub reads the rest out of the name. */
async function drop(...files: readonly (readonly [string, number])[]): Promise<void> {
  await page.waitForFunction(() => window.app.run.state.link === "ready");
  await page.evaluate((files) => {
    const transfer = new DataTransfer();
    for (const [name, size] of files) transfer.items.add(new File(["x".repeat(size)], name));
    for (const type of ["dragover", "drop"]) window.app.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, composed: true, cancelable: true }));
  }, files);
}

async function visit(scene: string, act: () => Promise<void>, size = { width: 1440, height: 900 }): Promise<void> {
  page = await launched.browser.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => (message.type() === "error" || message.type() === "warn") && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  try {
    await page.setViewport(size);
    await page.goto(`${site.url}?scene=${scene}`);
    await act();
    expect(complaints).toEqual([]);
  } finally {
    await page.close({ runBeforeUnload: false });
  }
}

describe("what is dropped", () => {
  it("opens the dialog at once, before the files were looked at, and Escape closes it again", () =>
    visit("empty", async () => {
      await drop(["slow.txt", 9000], ["b.md", 10], ["c.txt.gz", 10]);
      await expectText("data-head", /^Looking at 3 files…$/);
      expect([await isOpen(), await canTake()]).toEqual([true, false]);
      await page.keyboard.press("Escape");
      await expect.poll(isOpen).toBe(false);
      expect((await calls()).some((call) => call.startsWith("addCorpus"))).toBe(false);
    }));

  it("is one corpus where it is text, whatever comes with it; the rest goes its own way or is named", () =>
    visit("empty", async () => {
      await drop(["tales.txt", 90_000], ["model.zip", 10], ["notes.md.gz", 1000], ["photo.png", 10]);
      await expectText("data-head", /^2 files, 93\.0 kB of text$/);
      expect(await page.$$eval(by("data-file"), (rows) => rows.map((row) => row.textContent!.replace(/\s+/g, " ").trim()))).toEqual(["tales.txttext, 90.0 kB", "notes.md.gztext, 1.00 kB packed, 3.00 kB unpacked"]);
      expect(await text("data-aside")).toMatch(/^photo\.png is neither a text .* nor a model/);
      expect(await notices()).toContainEqual(expect.stringMatching(/^photo\.png is neither/));
      expect(await calls()).toContain("importCheckpoint model.zip");
      await drop(["config.json", 10], ["own.safetensors", 10], ["tokenizer.json", 10]);
      await expect.poll(calls).toContain("importCheckpoint own.safetensors config.json own.safetensors tokenizer.json");
      // One more drop adds to what lies there.
      await drop(["more.txt", 1000]);
      await expectText("data-head", /^3 files/);
      await press("remove-file-0");
      await expectText("data-head", /^2 files, 4\.00 kB/);
    }));

  it("is shown as text, cut, with what would turn it around made visible", () =>
    visit("empty", async () => {
      await drop([`\u202egpj.<img src=x onerror=alert(1)>${"long".repeat(40)}.txt`, 900]);
      await expectText("data-file", /^·gpj\.<img src=x onerror=alert\(1\)>/);
      const shown = await page.$eval(">>> data-files >>> b", (name) => name.textContent!);
      expect([[...shown].length, shown.endsWith("…"), await page.$$eval(">>> data-files >>> img", (all) => all.length)]).toEqual([80, true, 0]);
    }));
});

describe("the other ways in", () => {
  it("are choosing several, the paste box, and a paste onto the page", async () => {
    const files = ["one.txt", "two.txt"].map((name) => join(folder, name));
    for (const file of files) await writeFile(file, "Once there was a tale. ".repeat(400));
    await visit("empty", async () => {
      const input = await page.waitForSelector(by("text-file"));
      await (input as unknown as { uploadFile(...paths: string[]): Promise<void> }).uploadFile(...files);
      await expectText("data-head", /^2 files/);
      // In one task: what is pasted comes before the browser tells that the dialog was closed.
      const closeAndPaste = (): Promise<void> =>
        page.$eval(by("close-data"), async (button) => {
          (button as HTMLElement).click();
          await Promise.resolve();
          const data = new DataTransfer();
          data.setData("text/plain", "A tale that was copied somewhere else. ".repeat(9));
          document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, composed: true, cancelable: true }));
        });
      for (let again = 0; again < 2; again++) {
        await closeAndPaste();
        await expectText("data-file", /^Pasted text/);
        await expectText("data-head", /^1 file,/);
      }
      await press("close-data");
      await expect.poll(isOpen).toBe(false);
    });
  });
});

describe("what to do with it", () => {
  it("is suggested and marked; each choice shows tokens, times and minutes, which follow the steps", () =>
    visit("empty", async () => {
      await drop(["tales.txt", 120_000]);
      await expectText("data-facts-finetune", /^about 40,000 tokens, read about 4 times$/);
      expect([await chosenUse(), await text("suggested")]).toEqual(["finetune", "suggested"]);
      expect(await page.$eval(by("use-card-finetune"), (card) => card.textContent)).toContain("suggested");
      expect(await text("data-why")).toMatch(/too little to learn a language from/);
      expect(await text("use-card-finetune")).toContain("no token for 3.1% of it");
      for (const use of ["pretrain", "finetune", "mixture"]) await expectText(`data-time-${use}`, /^about \d/);
      // The keyboard moves between them.
      await page.focus(by("use-finetune"));
      await page.keyboard.press("ArrowLeft");
      expect(await chosenUse()).toBe("pretrain");
      expect(await text("data-take")).toBe("Pre-train on it");
      const steps = await page.$(by("data-steps"));
      await steps!.click({ count: 3 });
      await page.keyboard.type("3000");
      await expectText("data-epochs", /^read about 64 times$/);
      await expectText("data-warning", /learned by heart/);
      await expectText("data-time-pretrain", /^about 3 min 40 s$/);
      await page.keyboard.press("Tab");
      // What is out of range is said, and leaves what stood before it was typed, keystrokes on the way included.
      for (const [typed, words] of [["-5", /Steps was -5; from 1 to 1,000,000 is allowed/], ["999999999", /Steps was 999999999/]] as const) {
        await steps!.click({ count: 3 });
        await page.keyboard.type(typed);
        await page.keyboard.press("Tab");
        await expectText("data-number-problem", words);
        expect(await page.$eval(by("data-steps"), (field) => (field as HTMLInputElement).value)).toBe("3000");
        await expectText("data-epochs", /^read about 64 times$/);
      }
      await press("use-mixture");
      await page.waitForSelector(by("data-share"));
      await (await page.$(by("data-share")))!.click({ count: 3 });
      await page.keyboard.type("50");
      await expectText("data-epochs", /^read about 21 times$/);
      await press("data-take");
      await expect.poll(() => page.evaluate(() => window.app.recipe.stages[0]!.data)).toEqual([{ corpus: "stories", weight: 1 }, { corpus: "world", weight: 1 }, { corpus: "own:0123abcd", weight: 2 }]);
      expect(await calls()).not.toContain("startRun");
    }));

  it("says why what cannot be done cannot", () =>
    visit("no-models", async () => {
      await drop(["talk.jsonl", 9000]);
      await expectText("use-card-pretrain", /cannot be pre-trained on/);
      await expectText("use-card-finetune", /No base is loaded/);
      expect(await page.$$eval(">>> data-choices >>> input[type=radio]", (radios) => radios.map((radio) => (radio as HTMLInputElement).disabled))).toEqual([true, true, false]);
      expect([await chosenUse(), await text("data-take")]).toEqual(["mixture", "Add to the mixture"]);
    }));

  it("starts at once, or is only set up on the start page", async () => {
    await visit("empty", async () => {
      await drop(["tales.txt", 120_000]);
      await expect.poll(canTake).toBe(true);
      await press("data-take");
      await expect.poll(() => page.evaluate(() => window.app.run.state.run?.recipe.stages.at(-1)!.data)).toEqual([{ corpus: "own:0123abcd", weight: 1 }]);
      expect(await page.evaluate(() => [window.app.run.state.run!.stageIndex, window.app.run.state.run!.recipe.name])).toEqual([1, "your-tuning"]);
    });
    await visit("finished", async () => {
      await drop(["tales.txt", 120_000]);
      await expect.poll(canTake).toBe(true);
      await press("data-setup");
      await expect.poll(() => has("start-tune")).toBe(true);
      expect(await page.evaluate(() => window.app.tuning()!.recipe.stages.at(-1)!.data[0]!.corpus)).toBe("own:0123abcd");
      expect((await notices()).at(-1)).toBe('tales.txt is ready, and the recipe is set up: "Fine-tune it" starts it.');
      await expectText("tune-says", /It reads tales\.txt\.$/);
    });
  });

  it("waits where a run is under way: the text is kept, nothing is measured and the run goes on", () =>
    visit("running", async () => {
      await page.waitForFunction(() => window.app.run.state.run?.phase === "running");
      await drop(["tales.txt", 120_000]);
      await expectText("data-time-finetune", /^not measured while a run trains$/);
      expect([await has("data-setup"), await text("data-take"), await text("data-says")]).toEqual([false, "Set up fine-tuning", "A run is under way: this is kept for after it."]);
      await press("data-take");
      await expect.poll(notices).toContainEqual(expect.stringMatching(/^tales\.txt is ready, and the recipe for it is set up\. It can be trained on when this run has ended\.$/));
      expect([await calls(), await page.evaluate(() => window.app.run.state.run!.phase)]).toEqual([expect.not.arrayContaining(["startRun"]), "running"]);
    }));
});

describe("a file that cannot be read as it is", () => {
  it("is named with its byte and read another way at a click, or taken out", () =>
    visit("empty", async () => {
      await drop(["latin.txt", 9000]);
      await expectText("data-problem", /byte 1042 \(0xe9\).*DATA_UTF8.*Read as Latin-1.*Replace what is wrong/);
      expect([await canTake(), await text("data-says")]).toEqual([false, "1 file cannot be read as it is."]);
      await press("remedy-latin1");
      await expect.poll(canTake).toBe(true);
      expect([await has("data-problem"), await page.$eval(by("data-encoding"), (select) => (select as HTMLSelectElement).value)]).toEqual([false, "latin1"]);
      await press("remove-file-0");
      await expect.poll(isOpen).toBe(false);
    }));

  it("names the bad line, which is left out when asked, and counted", () =>
    visit("empty", async () => {
      await drop(["bad.jsonl", 9000]);
      await expectText("data-problem", /line 17.*JSONL_PARSE/);
      await page.evaluate(() => (window.app.shadowRoot!.querySelector("data-dialog")!.shadowRoot!.querySelector("data-files")!.shadowRoot!.querySelector('[data-testid="remedy-skip"]') as HTMLElement).focus());
      await page.keyboard.press("Enter");
      await expect.poll(canTake).toBe(true);
      // What was pressed is gone, and a second Enter must not press what came in its place.
      expect(await page.evaluate(() => {
        let at: Element | null = document.activeElement;
        while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
        return at?.getAttribute("aria-label");
      })).toBe("Files");
      await press("data-setup");
      await expect.poll(notices).toContainEqual(expect.stringMatching(/^1 line or row of bad\.jsonl left out\. The first: .*line 17/));
    }));

  it("stays in the dialog with what was chosen where the whole reading fails", () =>
    visit("empty", async () => {
      await drop(["torn.txt", 90_000]);
      await expect.poll(canTake).toBe(true);
      await press("use-pretrain");
      await press("data-take");
      await expectText("data-error", /byte 1200000 .*DATA_UTF8/);
      expect([await isOpen(), await chosenUse(), await calls()]).toEqual([true, "pretrain", expect.not.arrayContaining(["startRun"])]);
    }));
});

describe("a table", () => {
  it("shows its first rows, and is read by the columns chosen", () =>
    visit("empty", async () => {
      await drop(["table.csv", 9000]);
      await expectText("csv-rows", /^idquestionanswer 1Who lives under the bridge\?A fox/);
      expect(await text("use-card-pretrain")).toMatch(/cannot be pre-trained on/);
      await page.select(by("csv-kind"), "text");
      await expectText("data-facts-pretrain", /tokens/);
      await press("csv-text-1");
      await expect.poll(() => page.evaluate(() => window.app.intake!.choices.csv)).toEqual({ delimiter: ",", header: true, columns: { text: [1, 2] } });
      await page.select(by("csv-delimiter"), ";");
      await expect.poll(() => page.evaluate(() => window.app.intake!.choices.csv)).toEqual({ delimiter: ";" });
    }));
});

describe("the reading", () => {
  it("shows how far it is, and Cancel brings the dialog back as it was, with nothing kept", () =>
    visit("empty", async () => {
      await drop(["big.txt", 3_000_000]);
      await expect.poll(canTake).toBe(true);
      await press("use-pretrain");
      await press("data-take");
      await expectText("data-read", /of 3\.00 MB, \d+%, .* left$/);
      await page.keyboard.press("Escape");
      await expect.poll(() => has("data-take")).toBe(true);
      expect([await isOpen(), await chosenUse(), await has("data-error"), await page.evaluate(() => window.app.run.state.corpora.length)]).toEqual([true, "pretrain", false, 0]);
      expect(await calls()).toContain("stopIntake");
    }));
});

describe("texts that were brought", () => {
  it("are listed, used again, and deleted after a question", () =>
    visit("empty", async () => {
      await drop(["tales.txt", 90_000]);
      await expect.poll(canTake).toBe(true);
      await press("use-pretrain");
      await press("data-setup");
      await expect.poll(() => page.evaluate(() => window.app.recipe.stages[0]!.data[0]!.corpus)).toBe("own:0123abcd");
      await expectText("own-texts", /^Your texts \(1\) tales\.txt Your text, 90000 characters\. 90\.0 kB/);
      await press("preset-first-light");
      await press("use-text");
      expect(await page.evaluate(() => [window.app.recipe.name, window.app.recipe.stages[0]!.data[0]!.corpus])).toEqual(["your-text", "own:0123abcd"]);
      await press("delete-text");
      await press("keep-text");
      expect(await calls()).not.toContain("deleteCorpus own:0123abcd");
      await press("delete-text");
      await press("delete-text-confirm");
      await expect.poll(() => has("own-texts")).toBe(false);
      expect(await calls()).toContain("deleteCorpus own:0123abcd");
      expect(await page.evaluate(() => window.app.recipe.stages[0]!.data[0]!.corpus)).toBe("own");
    }));
});

describe("on a phone", () => {
  it("fits without scrolling sideways, with its buttons in reach", () =>
    visit("empty", async () => {
      await drop(["tales.txt", 120_000], ["a-very-long-name-".repeat(8) + ".txt", 900], ["table.csv", 900]);
      await expect.poll(() => has("data-take")).toBe(true);
      const { width, buttons } = await page.evaluate(() => {
        const inner = document.querySelector("nestling-app")!.shadowRoot!.querySelector("data-dialog")!.shadowRoot!;
        return { width: inner.querySelector(".body")!.scrollWidth - inner.querySelector(".body")!.clientWidth, buttons: inner.querySelector("footer")!.getBoundingClientRect().bottom - innerHeight };
      });
      expect([width, Math.max(0, buttons)]).toEqual([0, 0]);
    }, { width: 390, height: 844 }));
});
