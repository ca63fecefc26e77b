/**
 * One headless session with the built page: serves it, opens it at `#cli`, and speaks to the engine in its worker. It
 * trains nothing and prints nothing.
 */
import type { JSHandle, Page } from "puppeteer";
import { NestlingError } from "../core/errors.ts";
import type { AskRequest, BackendChoice, BenchRequest, BenchResult, BenchScene, CheckpointSummary, CorpusSummary, EngineApi, EngineEvent, Recipe } from "../protocol/index.ts";
import type { CorpusChoices } from "../protocol/own-data.ts";
import { type LaunchedBrowser, launchBrowser } from "./browser.ts";
import type { DriverHandle } from "./page.ts";
import { type Served, serveFolder } from "./server.ts";

/** Bytes of one piece of an export: base64 of it passes the debugging pipe in one message. */
const PIECE_BYTES = 8 << 20;

export type Started = Awaited<ReturnType<EngineApi["start"]>>;

export interface SessionListener {
  events(events: readonly EngineEvent[]): void;
  /** Words of the page or the worker that are no events: warnings, errors. */
  words(text: string): void;
}

export class Session {
  /** Rejects when the page or the worker can no longer answer. */
  readonly died: Promise<never>;

  private constructor(
    private readonly served: Served,
    private readonly launched: LaunchedBrowser,
    private readonly page: Page,
    private readonly handle: JSHandle<DriverHandle>,
    died: Promise<never>,
  ) {
    this.died = died;
  }

  /** @param folder the built page. @throws NestlingError COMMAND where there is no browser or no built page, WORKER_DEAD where the page offers no engine */
  static async open(listener: SessionListener, folder: string): Promise<Session> {
    const served = await serveFolder(folder, 0);
    let launched: LaunchedBrowser | null = null;
    try {
      launched = await launchBrowser();
      const page = await launched.browser.newPage();
      const died = watchForDeath(page, listener);
      await page.exposeFunction("__nestlingEvents", (events: readonly EngineEvent[]) => listener.events(events));
      await page.goto(`${served.url}#cli`, { waitUntil: "load", timeout: 60_000 });
      const handle = await Promise.race([died, page.evaluateHandle(() => window.__nestling)]);
      if (!(await page.evaluate((value) => value !== undefined, handle))) {
        throw new NestlingError("WORKER_DEAD", "the built page offers no engine at #cli; run `npm run build` and try again");
      }
      return new Session(served, launched, page, handle as JSHandle<DriverHandle>, died);
    } catch (error) {
      await launched?.close();
      await served.close();
      throw error;
    }
  }

  start(backend: BackendChoice): Promise<Started> {
    return this.alive(this.page.evaluate((handle, choice) => handle.start(choice), this.handle, backend));
  }

  startRun(recipe: Recipe, fromCheckpoint?: string): Promise<{ runId: string }> {
    return this.alive(this.page.evaluate((handle, value, from) => handle.engine.startRun({ recipe: value, ...(from === null ? {} : { fromCheckpoint: from }) }), this.handle, recipe, fromCheckpoint ?? null));
  }

  stop(): Promise<void> {
    return this.alive(this.page.evaluate((handle) => handle.engine.stop(), this.handle));
  }

  ask(request: AskRequest): Promise<void> {
    return this.alive(this.page.evaluate((handle, value) => handle.engine.ask(value), this.handle, request));
  }

  listCheckpoints(): Promise<readonly CheckpointSummary[]> {
    return this.alive(this.page.evaluate((handle) => handle.engine.listCheckpoints(), this.handle));
  }

  /** Files of the person's own as one corpus; the page reads them from the disk itself. */
  async addText(files: readonly string[], choices: CorpusChoices): Promise<CorpusSummary> {
    const input = await this.handle.evaluateHandle((handle) => handle.files);
    await input.uploadFile(...files);
    return this.alive(this.page.evaluate((handle, value) => handle.addText(value), this.handle, choices));
  }

  bench(request: BenchRequest, scene: BenchScene): Promise<BenchResult> {
    return this.alive(this.page.evaluate(async (handle, value, place) => {
      let { hidden } = document;
      document.addEventListener("visibilitychange", () => (hidden ||= document.hidden));
      const result = await handle.engine.bench(value, place);
      return { ...result, device: { ...result.device, hidden } };
    }, this.handle, request, scene));
  }

  stopBench(): Promise<void> {
    return this.alive(this.page.evaluate((handle) => handle.engine.stopBench(), this.handle));
  }

  stopText(): Promise<void> {
    return this.alive(this.page.evaluate((handle) => handle.stopText(), this.handle));
  }

  /** A checkpoint's zip. */
  async export(checkpointId: string): Promise<Uint8Array<ArrayBuffer>> {
    const size = await this.alive(this.page.evaluate((handle, id) => handle.openExport(id), this.handle, checkpointId));
    const archive = new Uint8Array(size);
    for (let from = 0; from < size; from += PIECE_BYTES) {
      const piece = await this.alive(this.page.evaluate((handle, begin, end) => handle.readExport(begin, end), this.handle, from, Math.min(size, from + PIECE_BYTES)));
      archive.set(Buffer.from(piece, "base64"), from);
    }
    return archive;
  }

  async close(): Promise<void> {
    await this.launched.close();
    await this.served.close();
  }

  private alive<T>(answer: Promise<T>): Promise<T> {
    return Promise.race([answer, this.died]).catch((error: unknown) => {
      throw withCode(error);
    });
  }
}

/** An error that crossed the worker and the page comes back as text; its code still stands at the front of it. */
function withCode(error: unknown): unknown {
  if (error instanceof NestlingError || !(error instanceof Error)) return error;
  const found = /\[([A-Z][A-Z0-9_]*)\] ([^\n]*)/.exec(error.message);
  return found ? new NestlingError(found[1] as NestlingError["code"], found[2]) : error;
}

function watchForDeath(page: Page, listener: SessionListener): Promise<never> {
  const died = new Promise<never>((_resolve, reject) => {
    const fail = (what: string): void => reject(new NestlingError("WORKER_DEAD", what));
    page.on("error", (error) => fail(`the page crashed: ${error.message}`));
    page.on("pageerror", (error) => fail(`the page failed: ${error instanceof Error ? error.message : String(error)}`));
    page.on("close", () => fail("the page was closed"));
    page.exposeFunction("__nestlingFailed", fail).catch(() => undefined);
  });
  // Everyone who waits hears of it; nobody waiting is no crash of this program.
  died.catch(() => undefined);
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warn") listener.words(message.text());
  });
  return died;
}
