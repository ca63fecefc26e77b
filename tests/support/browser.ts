/**
 * A headless browser for end-to-end tests, and pages that remember what went wrong in them: errors, refused requests,
 * requests to another origin. Where the page is comes from the global setup.
 */
import type { ConsoleMessage, Page } from "puppeteer";
import { type LaunchedBrowser, type LaunchOptions, launchBrowser } from "../../src/cli/browser.ts";

export interface WatchedPage {
  readonly page: Page;
  /** Uncaught errors, console errors and policy violations, a worker's violations too. */
  readonly problems: string[];
  /** Addresses asked for outside the page's origin. */
  readonly foreign: string[];
}

export async function openBrowser(options: LaunchOptions = {}): Promise<LaunchedBrowser> {
  return launchBrowser(options);
}

/** Opens an address in a new tab and watches it from before its first request. */
export async function openPage({ browser }: LaunchedBrowser, url: string, size = { width: 1440, height: 900 }): Promise<WatchedPage> {
  const page = await browser.newPage();
  await page.setViewport(size);
  const watched = watch(page, new URL(url).origin);
  await page.goto(url, { waitUntil: "load", timeout: 60_000 });
  return watched;
}

function watch(page: Page, origin: string): WatchedPage {
  const problems: string[] = [];
  const foreign: string[] = [];
  page.on("pageerror", (error) => problems.push(`uncaught: ${error instanceof Error ? error.message : String(error)}`));
  page.on("error", (error) => problems.push(`crashed: ${error.message}`));
  page.on("console", (message: ConsoleMessage) => {
    if (message.type() === "error") problems.push(`console: ${message.text()}`);
  });
  // What the policy refuses a worker is not in its page's console. (What a worker throws ends it, and the page says so.)
  page.on("workercreated", ({ client }) => {
    client.on("Log.entryAdded", ({ entry }) => {
      if (entry.source === "security") problems.push(`worker: ${entry.text}`);
    });
    client.send("Log.enable").catch(() => undefined);
  });
  page.on("request", (request) => {
    const address = new URL(request.url());
    const local = address.protocol === "data:" || address.protocol === "blob:" || address.origin === origin;
    if (!local) foreign.push(address.href);
  });
  return { page, problems, foreign };
}
