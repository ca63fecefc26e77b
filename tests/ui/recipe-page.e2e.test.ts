/** The recipe editor, its file and its link in a real browser, with the stub in the engine's place. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "puppeteer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LaunchedBrowser } from "../../src/cli/browser.ts";
import { launchBrowser } from "../../src/cli/browser.ts";
import type { Recipe } from "../../src/protocol/index.ts";
import { presets } from "../../src/protocol/presets.ts";
import { writeRecipeLink } from "../../src/protocol/recipe-link.ts";
import type { StubSite } from "./stub-site.ts";
import { serveStub } from "./stub-site.ts";

let site: StubSite;
let launched: LaunchedBrowser;
let folder: string;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "nestling-recipe-"));
  [site, launched] = await Promise.all([serveStub(), launchBrowser()]);
}, 120_000);

afterAll(async () => {
  await launched?.close();
  await site?.close();
  await rm(folder, { recursive: true, force: true });
});

const by = (id: string): string => `>>> [data-testid="${id}"]`;
const text = (id: string): Promise<string> => page.$eval(by(id), (element) => element.textContent?.replace(/\s+/g, " ").trim() ?? "").catch(() => "");
const expectText = async (id: string, wanted: RegExp): Promise<void> => {
  await expect.poll(() => text(id), { timeout: 10_000 }).toMatch(wanted);
};
const chosen = (): Promise<Recipe> => page.evaluate(() => window.app.recipe);
const started = (): Promise<boolean> => page.evaluate(() => window.stub.calls.includes("startRun"));

async function fill(id: string, value: string): Promise<void> {
  await page.$eval(by(id), (element, value) => {
    (element as HTMLInputElement).value = value;
    for (const type of ["input", "change"]) element.dispatchEvent(new Event(type, { bubbles: true, composed: true }));
  }, value);
}

async function press(id: string): Promise<void> {
  await page.$eval(by(id), (element) => (element as HTMLElement).click());
}

async function visit(act: () => Promise<void>, fragment = "", size = { width: 1440, height: 900 }, scene = "empty"): Promise<void> {
  page = await launched.browser.newPage();
  complaints = [];
  page.on("console", (message) => (message.type() === "error" || message.type() === "warn") && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  try {
    await page.setViewport(size);
    await page.goto(`${site.url}?scene=${scene}${fragment}`);
    await page.waitForSelector(by(scene === "empty" ? "edit-recipe" : "run-state"));
    await act();
    expect(complaints).toEqual([]);
  } finally {
    await page.close({ runBeforeUnload: false });
  }
}

const shot = async (name: string): Promise<void> => {
  const into = process.env["NESTLING_SHOTS"];
  if (into === undefined) return;
  for (const value of ["light", "dark"] as const) {
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value }]);
    await new Promise((resolve) => setTimeout(resolve, 250));
    await page.screenshot({ path: join(into, `${name}-${value}.png`) as `${string}.png` });
  }
  await page.emulateMediaFeatures([]);
};

describe("the start cards", () => {
  it("are three, and the other recipes stand behind more", () =>
    visit(async () => {
      const titles = await page.$$eval(">>> recipe-form >>> .presets b", (cards) => cards.map((card) => [card.textContent, card.closest("details") === null]));
      expect(titles.slice(0, 3)).toEqual([["Stories and a small world", true], ["Shakespeare", true], ["Your text", true]]);
      expect(titles.slice(3).map(([, front]) => front)).toEqual(presets.slice(3).map(() => false));
      await shot("cards-1440");
    }));
});

describe("the seed of the recipe form", () => {
  it("keeps what was typed where it is none, says what it may be, and trains with the one before", () =>
    visit(async () => {
      const field = (): Promise<string[]> => page.$eval(by("seed"), (input) => [(input as HTMLInputElement).value, input.getAttribute("aria-invalid")!]);
      const before = (await chosen()).seed;
      for (const typed of ["-1", "4294967296", "1.5", "two", ""]) {
        await fill("seed", typed);
        await expectText("seed-problem", new RegExp(`^The seed must be a whole number from 0 to 4294967295; ${before} stays\\.$`));
        expect([...(await field()), (await chosen()).seed]).toEqual([typed, "true", before]);
      }
      await fill("seed", "4294967295");
      await expect.poll(async () => (await chosen()).seed).toBe(4_294_967_295);
      expect([await field(), await text("seed-problem")]).toEqual([["4294967295", "false"], ""]);
    }));
});

describe("the recipe editor", () => {
  it("shows every field with its meaning, and what the recipe costs", () =>
    visit(async () => {
      await press("edit-recipe");
      expect(await page.$$eval(">>> recipe-field", (fields) => fields.length)).toBeGreaterThan(40);
      expect(await page.$$eval(">>> recipe-field", (fields) => fields.filter((field) => (field.shadowRoot!.querySelector("#about")?.textContent?.trim().length ?? 0) < 15).length)).toBe(0);
      expect(await text("cost-parameters")).toMatch(/^170 k/);
      await expectText("cost-time", /^about /);
      await expectText("cost-memory", /^21\.4 MB/);
      expect(await text("cost-map")).toBe("activations 17.3 MB, 81%gradients 1.60 MB, 7.5%moments 1.50 MB, 7.0%parameters 1.00 MB, 4.7%");
      await shot("editor-1440");
    }));

  it("plans memory for the largest stage without waiting for the machine's measure, and refuses at once", () =>
    visit(async () => {
      await press("edit-recipe");
      await expectText("cost-memory", /^21\.4 MB largest stage: \S/);
      // From here on nothing is ever measured.
      await page.evaluate(() => void (window.stub.calibrate = () => new Promise(() => undefined)));
      await fill("field-model.n_layer", "24");
      await expectText("cost-refused", /^This model needs 90210 MiB; this device gives 4095 MiB\./);
      expect(await text("cost-memory")).toBe("… will not start here");
      await fill("field-model.n_layer", "4");
      await expectText("cost-memory", /^21\.4 MB largest stage/);
      expect([await text("cost-refused"), await text("cost-time")]).toEqual(["", "… measuring this machine"]);
    }));

  it("counts parameters as they are typed, marks the change, and takes it back", () =>
    visit(async () => {
      await press("edit-recipe");
      await fill("field-model.n_layer", "4");
      await expectText("cost-parameters", /^270 k/);
      expect(await page.$eval(">>> recipe-field[path='model.n_layer'], >>> recipe-field[changed]", (field) => (field as unknown as { path: string }).path)).toBe("model.n_layer");
      await expectText("back-model.n_layer", /was 2/);
      await expect.poll(async () => (await chosen()).model.n_layer, { timeout: 5000 }).toBe(4);
      await fill("field-seed", "9");
      await press("undo-edit");
      await press("undo-edit");
      await expectText("cost-parameters", /^170 k/);
      await fill("field-model.n_layer", "5");
      await press("back-model.n_layer");
      await expectText("cost-parameters", /^170 k/);
      await fill("field-model.n_embd", "128");
      await press("reset-recipe");
      await press("close-editor");
      await expect.poll(chosen).toEqual(presets[0]);
    }));

  it("names at the field what is out of range, hands nothing of it on, and starts nothing", () =>
    visit(async () => {
      await press("edit-recipe");
      await fill("field-model.n_layer", "1e9");
      expect(await text("problem-model.n_layer")).toBe("n_layer is 1000000000; it must be a whole number from 1 to 48.");
      await fill("field-stages.0.optimizer.learning_rate", "NaN");
      expect(await text("problem-stages.0.optimizer.learning_rate")).toContain('learning_rate is "NaN"; it must be a number from 1e-9 to 1.');
      expect(await text("editor-says")).toMatch(/^2 fields to mend/);
      expect(await page.$eval(by("field-model.n_layer"), (input) => input.getAttribute("aria-invalid"))).toBe("true");
      const border = (id: string): Promise<string> => page.$eval(by(id), (input) => getComputedStyle(input).borderTopColor);
      expect(await border("field-model.n_layer")).not.toBe(await border("field-model.n_embd"));
      await shot("editor-wrong-1440");
      await press("close-editor");
      // What was out of range is gone from the editor, and never reached the page.
      await press("edit-recipe");
      await expect.poll(() => text("problem-model.n_layer")).toBe("");
      expect([await chosen(), await started()]).toEqual([presets[0], false]);
    }));

  it("shows the fields of the optimizer and the schedule that are chosen, and no others", () =>
    visit(async () => {
      const at = (name: string): string => `field-stages.0.optimizer.${name}`;
      const there = async (...names: string[]): Promise<boolean[]> => Promise.all(names.map(async (name) => (await page.$(by(at(name)))) !== null));
      const names = ["momentum", "nesterov", "ns_steps", "adam_learning_rate", "beta1", "decay_iters"];
      await press("edit-recipe");
      await page.waitForSelector(by(at("type")));
      expect(await there(...names)).toEqual([false, false, false, false, true, false]);
      await page.select(by(at("type")), "muon");
      await page.waitForSelector(by(at("ns_steps")));
      expect(await there(...names)).toEqual([true, true, true, true, true, false]);
      expect(await page.$$eval([at("momentum"), at("ns_steps"), at("adam_learning_rate")].map(by).join(", "), (inputs) => inputs.map((input) => (input as HTMLInputElement).value))).toEqual(["0.008", "0.95", "5"]);
      await page.select(by(at("schedule")), "wsd");
      await page.waitForSelector(by(at("decay_iters")));
      await fill(at("momentum"), "1.5");
      await expectText("problem-stages.0.optimizer.momentum", /momentum is 1.5; it must be a number from 0 to 0.9999/);
      await fill(at("momentum"), "0.9");
      await expect.poll(async () => (await chosen()).stages[0]!.optimizer, { timeout: 5000 }).toMatchObject({ type: "muon", momentum: 0.9, adam_learning_rate: 8e-3, schedule: "wsd", decay_iters: 300 });
      await page.select(by(at("type")), "sgd");
      await page.waitForSelector(by(at("beta1")), { hidden: true });
      expect(await there(...names)).toEqual([true, true, false, false, false, true]);
      await page.select(by(at("type")), "adamw");
      await page.select(by(at("schedule")), "cosine");
      await press("close-editor");
      await expect.poll(chosen).toEqual(presets[0]);
    }));

  it("adds a stage, gives it LoRA, removes one, and reads another text", () =>
    visit(async () => {
      await press("preset-shakespeare-char");
      await press("edit-recipe");
      await press("add-sft");
      await page.waitForSelector(by("remove-stage-1"));
      await page.$eval(">>> recipe-editor >>> recipe-method >>> [data-testid='method-lora']", (radio) => (radio as HTMLElement).click());
      await fill("weight-stages.1.data-0", "0");
      await expectText("problem-stages.1.data", /weight is 0; it must be a number above 0/);
      await fill("weight-stages.1.data-0", "3");
      await press("close-editor");
      await expect.poll(async () => (await chosen()).stages.map((stage) => [stage.kind, stage.kind === "sft" ? stage.method.type : "", stage.data[0]!.weight])).toEqual([["pretrain", "", 1], ["sft", "lora", 3]]);
      await press("edit-recipe");
      await press("remove-stage-1");
      await press("close-editor");
      await expect.poll(async () => (await chosen()).stages.length).toBe(1);
    }));

  it("is reached, worked and left by keys alone", () =>
    visit(async () => {
      await page.$eval(by("edit-recipe"), (button) => (button as HTMLElement).focus());
      await page.keyboard.press("Enter");
      await page.waitForFunction(() => window.app.shadowRoot!.querySelector("start-panel")!.shadowRoot!.querySelector("recipe-editor")!.shadowRoot!.querySelector("dialog")!.open);
      const focused = (): Promise<string> => page.evaluate(() => {
        let at = document.activeElement;
        while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
        return (at as HTMLElement | null)?.dataset["testid"] ?? "";
      });
      const seen = new Set<string>();
      for (let i = 0; i < 14 && !seen.has("field-seed"); i++) {
        await page.keyboard.press("Tab");
        seen.add(await focused());
      }
      expect([...seen]).toEqual(expect.arrayContaining(["field-name", "field-seed"]));
      await page.keyboard.down("Control");
      await page.keyboard.press("a");
      await page.keyboard.up("Control");
      await page.keyboard.type("42");
      await page.keyboard.press("Escape");
      await expect.poll(async () => (await chosen()).seed).toBe(42);
      expect(await started()).toBe(false);
    }));

  it("fits a phone without sideways scrolling", () =>
    visit(async () => {
      await press("edit-recipe");
      await page.waitForSelector(by("field-seed"));
      await expectText("cost-map", /activations/);
      const wide = await page.$eval(">>> recipe-editor >>> .fields", (fields) => [fields.scrollWidth - fields.clientWidth, document.documentElement.scrollWidth - innerWidth]);
      expect(wide).toEqual([0, 0]);
      await shot("editor-390");
      await fill("field-model.n_layer", "0");
      await shot("editor-wrong-390");
    }, "", { width: 390, height: 844 }));
});

describe("a recipe as a file", () => {
  it("is opened, checked, and shown, and starts nothing", () =>
    visit(async () => {
      const path = join(folder, "mine.json");
      await writeFile(path, JSON.stringify({ ...presets[0], name: "mine", seed: 11 }));
      await press("edit-recipe");
      await (await page.$(by("recipe-file")) as never as { uploadFile(path: string): Promise<void> }).uploadFile(path);
      await expectText("link-note", /The recipe of mine\.json is open\. 2 fields differ from first-light\. Nothing was started\./);
      expect([(await chosen()).seed, await started()]).toEqual([11, false]);
    }));

  it("is refused in the editor itself, which stands before every notice", () =>
    visit(async () => {
      const path = join(folder, "torn.json");
      await writeFile(path, '{"name": "torn"');
      await press("edit-recipe");
      await (await page.$(by("recipe-file")) as never as { uploadFile(path: string): Promise<void> }).uploadFile(path);
      await expectText("file-refused", /^torn\.json was not opened as a recipe: it is not JSON .* Your recipe is as it was\.$/);
      expect(await chosen()).toEqual(presets[0]);
    }));

  it("is dropped on the page; a bad one names its field and changes nothing", () =>
    visit(async () => {
      const drop = (content: string): Promise<void> => page.evaluate((content) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([content], "dropped.json"));
        for (const type of ["dragover", "drop"]) window.app.dispatchEvent(new DragEvent(type, { bubbles: true, composed: true, cancelable: true, dataTransfer: transfer }));
      }, content);
      await drop(JSON.stringify({ ...presets[0], model: { ...presets[0]!.model, n_layer: -1 } }));
      await expectText("notice", /dropped\.json was not opened as a recipe: model\.n_layer is -1; it must be a whole number from 1 to 48\..*CONFIG_RANGE/);
      expect(await chosen()).toEqual(presets[0]);
      await drop('\n[{"prompt":"a","completion":"b"}]');
      await expect.poll(() => page.evaluate(() => window.app.run.state.notices.map(({ text }) => text).join(" "))).toMatch(/dropped\.json is a JSON list, which is no recipe\..* as a \.jsonl file/);
      await drop(JSON.stringify({ ...presets[0], seed: 5 }));
      await expect.poll(async () => (await chosen()).seed).toBe(5);
    }));

  it("is saved as what can be opened again", () =>
    visit(async () => {
      const client = await page.createCDPSession();
      await client.send("Browser.setDownloadBehavior", { behavior: "allow", downloadPath: folder });
      await press("edit-recipe");
      await fill("field-seed", "31");
      await press("save-recipe");
      const saved = (): Promise<unknown> => readFile(join(folder, "first-light.recipe.json"), "utf8").then((content) => JSON.parse(content) as unknown).catch(() => null);
      await expect.poll(saved, { timeout: 10_000 }).toEqual({ ...presets[0], seed: 31 });
    }));
});

describe("a recipe as a link", () => {
  const shared: Recipe = { ...presets[0]!, seed: 77, model: { ...presets[0]!.model, n_layer: 3 } };

  it("fills the editor, says so, leaves the address, and starts nothing", () =>
    visit(async () => {
      await expectText("link-note", /A recipe came with the link\. 2 fields differ from first-light\. Nothing was started\./);
      expect(await page.evaluate(() => location.hash)).toBe("");
      await press("look-at-recipe");
      await expectText("back-model.n_layer", /was 2/);
      await shot("link-1440");
      expect([await chosen(), await started()]).toEqual([shared, false]);
    }, writeRecipeLink(shared, presets)));

  it("waits on the start page, and says so, where an earlier run opens", () =>
    visit(async () => {
      await expectText("notice", /A recipe came with the link\..* It stands on the start page: begin another run to see it\./);
      await press("new-run");
      await expectText("link-note", /A recipe came with the link/);
      expect([await chosen(), await started()]).toEqual([shared, false]);
    }, writeRecipeLink(shared, presets), undefined, "finished"));

  it("is copied from the bar, and opens as the same recipe in the page that is open", () =>
    visit(async () => {
      await page.evaluate(() => {
        Object.defineProperty(navigator, "clipboard", { value: { writeText: (text: string) => ((window as unknown as { copied: string }).copied = text, Promise.resolve()) } });
      });
      await fill("seed", "123");
      await press("copy-link");
      await expectText("notice", /The link is copied\./);
      const copied = await page.evaluate(() => (window as unknown as { copied: string }).copied);
      expect(copied).toMatch(/\?scene=empty#recipe=1\.[\w-]+$/);
      await press("preset-shakespeare-char");
      await page.evaluate((hash) => (location.hash = hash), new URL(copied).hash);
      await expectText("link-note", /A recipe came with the link/);
      expect(await chosen()).toEqual({ ...presets[0], seed: 123 });
    }));

  it.each([
    ["a megabyte", `#recipe=1.${"A".repeat(1 << 20)}`, /1048\d+ bytes; 8192 are allowed/],
    ["bad base64", "#recipe=1.%25%25", /letters that such a link cannot have/],
    ["an unknown version", "#recipe=9.AAAA", /version is "9"; this page reads version 1/],
    ["n_layer=1e9", `#recipe=1.${Buffer.from('{"preset":"first-light","set":{"model.n_layer":1e9}}').toString("base64url")}`, /model\.n_layer is 1000000000; it must be/],
    ["__proto__", `#recipe=1.${Buffer.from('{"preset":"first-light","set":{"__proto__.n_layer":1}}').toString("base64url")}`, /"__proto__\.n_layer" is no field/],
    ["javascript:", `#recipe=1.${Buffer.from('{"preset":"first-light","set":{"name":"javascript:alert(1)"}}').toString("base64url")}`, /name holds "javascript:"/],
  ])("is refused when bad, by name, and nothing is started or changed: %s", (_, fragment, message) =>
    visit(async () => {
      await expectText("notice", message);
      expect(await text("notice")).toContain("LINK_INVALID");
      expect([await chosen(), await started(), await page.evaluate(() => location.hash)]).toEqual([presets[0], false, ""]);
    }, fragment));
});
