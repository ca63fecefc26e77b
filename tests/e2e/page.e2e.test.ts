/** The built page under its own policy: what it may do, what it may not, and who gets at the engine. */
import { availableParallelism } from "node:os";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { LaunchedBrowser } from "../../src/cli/browser.ts";
import { threadsFor } from "../../src/engine/threads.ts";
import { openBrowser, openPage, type WatchedPage } from "../support/browser.ts";

const url = inject("pageUrl");
let browser: LaunchedBrowser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

describe("the built page", () => {
  let watched: WatchedPage;
  beforeAll(async () => {
    watched = await openPage(browser, url);
  });
  afterAll(() => watched.page.close());

  it("opens without an error, a policy violation or a request to another origin", async () => {
    await watched.page.waitForSelector("nestling-app", { timeout: 20_000 });
    await watched.page.waitForNetworkIdle({ idleTime: 1000, timeout: 60_000 });
    expect(watched.problems).toEqual([]);
    expect(watched.foreign).toEqual([]);
    expect(await watched.page.evaluate(() => document.querySelector("nestling-app")?.shadowRoot?.childElementCount)).toBeGreaterThan(0);
  });

  it("is cross-origin isolated, so that time is measured in microseconds", async () => {
    expect(await watched.page.evaluate(() => crossOriginIsolated)).toBe(true);
  });

  it("starts one worker, and that one the threads of the CPU backend", async () => {
    const names = (): string[] => watched.page.workers().map((worker) => new URL(worker.url()).pathname);
    const helpers = Array.from({ length: threadsFor(availableParallelism()) - 1 }, () => expect.stringMatching(/^\/assets\/cpu-thread\.worker-.*\.js$/) as string);
    await expect.poll(names).toEqual([expect.stringMatching(/^\/assets\/engine\.worker-.*\.js$/), ...helpers]);
  });

  it("refuses markup and script from strings, eval, and a worker that is not the engine's", async () => {
    const refused = await watched.page.evaluate(async () => {
      // oxlint-disable no-eval, no-implied-eval, no-restricted-properties -- what the policy must refuse
      const tries: Record<string, () => unknown> = {
        innerHTML: () => (document.createElement("p")["innerHTML"] = "<b>x</b>"),
        eval: () => (0, eval)("1"),
        Function: () => new Function("return 1")() as unknown,
        timer: () => setTimeout("1" as unknown as () => void),
        worker: () => new Worker("./assets/other.js"),
        policy: () => (window as unknown as { trustedTypes: { createPolicy(name: string, rules: object): unknown } }).trustedTypes.createPolicy("mine", {}),
      };
      // oxlint-enable
      const out: string[] = [];
      // A driver's own call may eval whatever the policy says; what a timer runs may not.
      await new Promise((resolve) => setTimeout(resolve, 0));
      for (const [name, attempt] of Object.entries(tries)) {
        try {
          await attempt();
        } catch {
          out.push(name);
        }
      }
      return out;
    });
    expect(refused).toEqual(["innerHTML", "eval", "Function", "timer", "worker", "policy"]);
  });

  it("runs no inline script", async () => {
    await watched.page.evaluate(() => {
      const script = document.createElement("script");
      script.append("window.inlineRan = true");
      document.head.append(script);
    }).catch(() => undefined);
    expect(await watched.page.evaluate(() => (window as unknown as { inlineRan?: boolean }).inlineRan)).toBeUndefined();
  });

  it("lets neither the page nor its worker fetch from another origin", async () => {
    const attempt = "fetch('http://127.0.0.1:9/').then(() => 'answered', (error) => String(error))";
    const violations = "new Promise((done) => { addEventListener('securitypolicyviolation', (event) => done(event.effectiveDirective), { once: true }); void fetch('http://127.0.0.1:9/').catch(() => 0); setTimeout(() => done('no violation'), 3000); })";
    const [worker] = watched.page.workers();
    for (const realm of [watched.page, worker]) {
      expect(await realm.evaluate(attempt)).toMatch(/TypeError/);
      expect(await realm.evaluate(violations)).toBe("connect-src");
    }
  });

  it("keeps the engine to itself", async () => {
    expect(await watched.page.evaluate(() => "__nestling" in window)).toBe(false);
  });
});

describe("the command line's hook", () => {
  it("hands the engine to a driver that opens #cli, and shows no page", async () => {
    const { page, problems } = await openPage(browser, `${url}#cli`);
    expect(await page.evaluate(async () => typeof (await window.__nestling)?.engine.startRun)).toBe("function");
    // Nothing but the place where a driver puts files.
    expect(await page.evaluate(() => [...document.body.children].map(({ localName }) => localName))).toEqual(["input"]);
    await expect.poll(() => page.workers().length).toBe(1);
    expect(problems).toEqual([]);
    await page.close();
  });

  it("sleeps in a browser that nobody drives, link or not", async () => {
    const own = await openBrowser({ extraFlags: ["--disable-blink-features=AutomationControlled"] });
    try {
      const { page } = await openPage(own, `${url}#cli`);
      expect(await page.evaluate(() => navigator.webdriver)).toBe(false);
      expect(await page.evaluate(() => "__nestling" in window)).toBe(false);
      expect(await page.evaluate(() => document.querySelector("nestling-app") !== null)).toBe(true);
    } finally {
      await own.close();
    }
  });
});

describe("a hostile message to the worker", () => {
  it("is dropped: Object.prototype in the worker stays as it was, and the engine goes on answering", async () => {
    const { page } = await openPage(browser, `${url}#cli`);
    const answer = await page.evaluate(async () => {
      const handle = await window.__nestling;
      return (await handle?.engine.listCheckpoints().catch((error: unknown) => String(error))) !== undefined;
    });
    expect(answer).toBe(true);
    const [worker] = page.workers();
    const warnings: string[] = [];
    page.on("console", (message) => warnings.push(message.text()));
    // From inside the worker's own realm, as a message event with the path of Comlink's issue 603.
    const polluted = await worker.evaluate(() => {
      for (const path of [["play", "__proto__", "__proto__", "polluted"], ["__proto__", "polluted"], ["constructor", "prototype", "polluted"]]) {
        self.dispatchEvent(new MessageEvent("message", { data: { id: "x", type: "SET", path, value: { type: "RAW", value: "yes" } } }));
      }
      return "polluted" in {};
    });
    expect(polluted).toBe(false);
    await expect.poll(() => warnings.filter((text) => text.includes("Dropped")).length).toBe(3);
    await page.close();
  });
});
