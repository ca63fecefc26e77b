/**
 * A person at the built page, for end-to-end tests: finds parts by their test id through every shadow root, clicks, types,
 * presses keys, drops files, and waits for what the page shows. It asserts nothing.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { ElementHandle, KeyInput, Page } from "puppeteer";
import type { LaunchedBrowser } from "../../src/cli/browser.ts";
import { applySets, limitSteps } from "../../src/cli/recipe-set.ts";
import type { BackendChoice, Recipe } from "../../src/protocol/index.ts";
import { presetByName } from "../../src/protocol/presets.ts";
import type { Side } from "../../src/ui/page-state.ts";
import type { CurveField } from "../../src/ui/charts/series.ts";
import type {} from "../../src/ui/nestling-app.ts";
import { openPage, type WatchedPage } from "./browser.ts";

/** Every wait is for a condition; this is when a loaded machine counts as stuck. */
const PATIENCE_MS = 120_000;

const SIZES = [
  { width: 1440, height: 900 },
  { width: 390, height: 844 },
] as const;

const WORLD_ONLY = 'stages.0.data=[{"corpus":"world","weight":1}]';

/** The default recipe at the size where every part has something to do, and nothing is learned to speak of. */
export function microRecipe(steps: number, sets: readonly string[] = []): Recipe {
  const small = ["n_layer=1", "n_head=2", "n_embd=32", "block_size=64", "batch_size=4", "vocab_size=512", "eval_iters=2", WORLD_ONLY];
  return { ...applySets(limitSteps(presetByName("first-light")!, steps), [...small, ...sets]), name: "micro" };
}

/** The recipe for a person's own text, tiny and by characters. */
export function ownTextRecipe(steps: number): Recipe {
  const small = ["n_layer=1", "n_head=2", "n_embd=32", "block_size=32", "batch_size=4", "dropout=0", "eval_iters=2", "tokenizer.kind=char", "stages.0.eval_interval=100"];
  return applySets(limitSteps(presetByName("your-text")!, steps), small);
}

/** The default recipe on the made world alone, at the smallest scale that learns to answer in form. */
export function smallRecipe(): Recipe {
  const sets = ["n_layer=2", "n_head=4", "n_embd=64", "vocab_size=512", "eval_iters=4", WORLD_ONLY, "stages.0.max_iters=400", "stages.0.eval_interval=100", "stages.0.optimizer.warmup_iters=20"];
  return { ...applySets(presetByName("first-light")!, sets), name: "small" };
}

export interface JourneyOptions {
  readonly url: string;
  readonly size?: { readonly width: number; readonly height: number };
  /** Recipes the page offers in place of its own. */
  readonly recipes?: readonly Recipe[];
  /** Other than what `auto` takes. */
  readonly backend?: BackendChoice;
}

export class Journey {
  readonly page: Page;
  /** Kinds of the browser's own dialogs that have come up. */
  readonly asked: string[] = [];

  private constructor(readonly watched: WatchedPage, readonly options: JourneyOptions) {
    this.page = watched.page;
    // Leaving a run that trains is asked about; this person means it, and takes a moment to say so.
    this.page.on("dialog", (dialog) => {
      this.asked.push(dialog.type());
      setTimeout(() => void dialog.accept().catch(() => undefined), 1500);
    });
  }

  static async open(browser: LaunchedBrowser, options: JourneyOptions): Promise<Journey> {
    const journey = new Journey(await openPage(browser, options.url, options.size), options);
    await journey.settle();
    return journey;
  }

  /** Puts the journey's recipes and backend into a page that has just been loaded, and waits for its engine. */
  async settle(): Promise<void> {
    const { recipes, backend } = this.options;
    await this.page.waitForSelector("nestling-app", { timeout: PATIENCE_MS });
    if (recipes !== undefined) await this.offer(recipes);
    if (backend !== undefined) {
      await this.page.evaluate((backend) => {
        const app = document.querySelector("nestling-app")!;
        app.backend = backend;
        app.run.reconnect();
      }, backend);
    }
    await this.until("the engine is ready", () => document.querySelector("nestling-app")!.run.state.link === "ready");
  }

  /** Waits for the page's own first question, which it asks where there is a model. */
  firstAnswer(): Promise<void> {
    return this.until("the first question is answered", () => document.querySelector("nestling-app")!.run.state.exchange?.answers.every(({ status }) => status === "done") ?? false);
  }

  /** Other recipes on the start page, until the next load. */
  async offer(recipes: readonly Recipe[]): Promise<void> {
    await this.page.evaluate((recipes) => {
      const app = document.querySelector("nestling-app")!;
      app.presets = recipes;
      app.chosen = null;
    }, recipes as Recipe[]);
  }

  async reload(): Promise<void> {
    await this.page.reload({ waitUntil: "load", timeout: PATIENCE_MS });
    await this.settle();
  }

  close(): Promise<void> {
    return this.page.close();
  }

  // Looking

  /** The element with this test id, wherever it stands. */
  async find(id: string): Promise<ElementHandle<HTMLElement>> {
    // Looked for again and again: the browser tells a waiting selector of no change inside a shadow root.
    for (const end = Date.now() + PATIENCE_MS; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
      const found = (await this.page.$(`>>> [data-testid="${id}"]`)) as ElementHandle<HTMLElement> | null;
      if (found !== null) return found;
      if (Date.now() > end) throw new Error(`nothing on the page has the test id "${id}"`);
    }
  }

  has(id: string): Promise<boolean> {
    return this.page.$(`>>> [data-testid="${id}"]`).then((element) => element !== null);
  }

  /** What stands in it, white space drawn together. */
  async text(id: string): Promise<string> {
    const text = await (await this.find(id)).evaluate((element) => element.textContent);
    return text.replace(/\s+/g, " ").trim();
  }

  /**
   * Looks at the page on a laptop and on a phone; gives what does not fit: sideways scroll on either, any page scroll on the
   * laptop. With NESTLING_SHOTS naming a folder, a picture of each, dark and light, is left there.
   */
  async look(name: string): Promise<string[]> {
    const folder = process.env["NESTLING_SHOTS"];
    const complaints: string[] = [];
    for (const size of SIZES) {
      await this.page.setViewport(size);
      const [x, y] = await this.page.evaluate(() => [document.documentElement.scrollWidth - innerWidth, document.documentElement.scrollHeight - innerHeight]);
      if (x > 0) complaints.push(`${name} is ${x} px too wide at ${size.width}`);
      if (y > 0 && size.width > 1000) complaints.push(`${name} is ${y} px too high at ${size.width}x${size.height}`);
      if (folder === undefined) continue;
      mkdirSync(folder, { recursive: true });
      for (const value of ["light", "dark"] as const) {
        await this.page.emulateMediaFeatures([{ name: "prefers-color-scheme", value }]);
        await new Promise((resolve) => setTimeout(resolve, 300));
        await this.page.screenshot({ path: join(folder, `${name}-${size.width}-${value}.png`) as `${string}.png` });
      }
      await this.page.emulateMediaFeatures([]);
    }
    await this.page.setViewport(this.options.size ?? SIZES[0]);
    return complaints;
  }

  /** Waits for a text to match, and gives it. */
  async textLike(id: string, pattern: RegExp): Promise<string> {
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      const text = (await this.has(id)) ? await this.text(id).catch(() => "") : "";
      if (pattern.test(text)) return text;
      if (Date.now() > end) throw new Error(`${id} says "${text}", which never matched ${pattern}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Waits until `condition`, run in the page, holds. */
  async until(what: string, condition: (given: string) => boolean, given = ""): Promise<void> {
    await this.page.waitForFunction(condition, { timeout: PATIENCE_MS, polling: 50 }, given).catch(async (error: unknown) => {
      const state = await this.page.evaluate(() => JSON.stringify(document.querySelector("nestling-app")?.run.state.run ?? null)).catch(() => "?");
      throw new Error(`waited in vain until ${what}: ${String(error)}; the run: ${state.slice(0, 1500)}`);
    });
  }

  /** The number in a text such as "3.214" or "1,200 of 1,500". */
  async number(id: string): Promise<number> {
    return Number(/-?[\d,]+(\.\d+)?/.exec(await this.text(id))?.[0].replaceAll(",", ""));
  }

  // Doing

  async click(id: string): Promise<void> {
    const element = await this.find(id);
    await this.page.waitForFunction((button: HTMLElement) => !(button as HTMLButtonElement).disabled, { timeout: PATIENCE_MS, polling: 50 }, element);
    await element.evaluate((target) => target.scrollIntoView({ block: "center" }));
    // A figure that comes in above moves what stands below: a person waits for it to stand.
    await element.evaluate(async (target) => {
      for (let at = ""; ; ) {
        const { x, y } = target.getBoundingClientRect();
        if (at === `${x} ${y}`) return;
        at = `${x} ${y}`;
        for (let frame = 0; frame < 3; frame++) await new Promise((resolve) => requestAnimationFrame(resolve));
      }
    });
    await element.click();
  }

  /** A key on the page itself, with no field focused. */
  async press(key: KeyInput): Promise<void> {
    await this.page.evaluate(() => {
      let focused = document.activeElement;
      while (focused?.shadowRoot?.activeElement) focused = focused.shadowRoot.activeElement;
      if (focused instanceof HTMLElement) focused.blur();
    });
    await this.page.keyboard.press(key);
  }

  /** Sets a field as typing and leaving it would. */
  async fill(id: string, value: string): Promise<void> {
    const field = await this.find(id);
    await field.evaluate((element, text) => {
      (element as HTMLInputElement).value = text;
      element.dispatchEvent(new Event("input", { bubbles: true, composed: true }));
      element.dispatchEvent(new Event("change", { bubbles: true, composed: true }));
    }, value);
  }

  /** A file dragged from elsewhere onto the middle of the page. */
  async drop(name: string, bytes: Uint8Array): Promise<void> {
    await this.page.evaluate((name, numbers) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([new Uint8Array(numbers)], name));
      const target = document.querySelector("nestling-app")!;
      for (const type of ["dragenter", "dragover", "drop"]) {
        target.dispatchEvent(new DragEvent(type, { bubbles: true, composed: true, cancelable: true, dataTransfer: transfer }));
      }
    }, name, [...bytes]);
  }

  // What happens here often

  /** Starts what the start card offers, and waits for the first step. */
  async start(card: "start-scratch" | "start-tune" = "start-scratch"): Promise<void> {
    await this.click(card);
    await this.until("training has begun", () => (document.querySelector("nestling-app")!.run.state.run?.step ?? 0) > 0);
  }

  phase(): Promise<string | undefined> {
    return this.page.evaluate(() => document.querySelector("nestling-app")!.run.state.run?.phase);
  }

  untilPhase(phase: string): Promise<void> {
    return this.until(`the run is ${phase}`, (wanted) => document.querySelector("nestling-app")!.run.state.run?.phase === wanted, phase);
  }

  /** One curve of one stage as the page holds it: step and value of each point. */
  curve(stage: number, field: CurveField): Promise<{ step: number; value: number }[]> {
    return this.page.evaluate((stage, field) => {
      const series = document.querySelector("nestling-app")!.run.state.curves.stages[stage]?.[field];
      if (series === undefined) return [];
      const { x, y } = series.points("step");
      return Array.from(x, (step, i) => ({ step, value: y[i] }));
    }, stage, field);
  }

  /** Asks as the page's own form does, and waits for both answers. */
  async ask(prompt: string): Promise<Record<Side, string>> {
    await this.fill("ask-input", prompt);
    // The page asks a first question by itself where there is a model.
    await this.until("nothing is being answered", () => document.querySelector("nestling-app")!.run.state.exchange?.answers.every(({ status }) => status === "done") ?? true);
    const before = await this.page.evaluate(() => document.querySelector("nestling-app")!.run.state.exchange?.requestId ?? "");
    await (await this.find("ask-input")).press("Enter");
    await this.until("both have answered", (before) => {
      const exchange = document.querySelector("nestling-app")!.run.state.exchange;
      return exchange !== null && exchange.requestId !== before && exchange.answers.every(({ status }) => status === "done");
    }, before);
    const shown = async (id: string): Promise<string> => ((await this.has(id)) ? this.text(id) : "");
    return { base: await shown("answer-base"), tuned: await shown("answer-tuned") };
  }

  /** The stable codes of the notices that stand on the page. */
  notices(): Promise<string[]> {
    return this.page.evaluate(() => document.querySelector("nestling-app")!.run.state.notices.map(({ code }) => code));
  }
}
