/** The OPFS storage in a real browser: the common contract, a worker ended in the middle of saves, two tabs, and a full disk. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import type { Page } from "puppeteer";
import { build, type Rolldown } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { LaunchedBrowser } from "../../src/cli/browser.ts";
import { openBrowser } from "../support/browser.ts";
import type { OpfsJob } from "./opfs-worker.ts";

let server: Server;
let browser: LaunchedBrowser;
let origin: string;

beforeAll(async () => {
  const entry = fileURLToPath(new URL("opfs-worker.ts", import.meta.url));
  const built = (await build({ configFile: false, logLevel: "error", build: { write: false, minify: false, target: "esnext", rolldownOptions: { input: entry, output: { codeSplitting: false } } } })) as Rolldown.RolldownOutput;
  const { code } = built.output[0];
  server = createServer((request, response) => {
    const script = request.url === "/worker.js";
    response.setHeader("content-type", script ? "text/javascript" : "text/html");
    response.end(script ? code : "<!doctype html><title>store</title>");
  });
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  origin = `http://localhost:${(server.address() as AddressInfo).port}`;
  browser = await openBrowser();
});

afterAll(async () => {
  await browser?.close();
  server?.close();
});

async function tab(): Promise<Page> {
  const page = await browser.browser.newPage();
  await page.goto(origin);
  return page;
}

/** Runs a job in a worker of its own; ends it after `endAfterMs`, or with its first message. Gives all its messages. */
function job(page: Page, message: OpfsJob, endAfterMs?: number): Promise<Record<string, unknown>[]> {
  return page.evaluate(
    (data, ms) =>
      new Promise<Record<string, unknown>[]>((resolve) => {
        const worker = new Worker("/worker.js", { type: "module" });
        const seen: Record<string, unknown>[] = [];
        const end = (): void => {
          worker.terminate();
          resolve(seen);
        };
        worker.addEventListener("message", ({ data: said }: MessageEvent<Record<string, unknown>>) => {
          // The clock starts with the first thing saved, so that a slow start is not taken for a crash.
          if (ms !== undefined && seen.length === 0) setTimeout(end, ms);
          seen.push(said);
          if (ms === undefined && !("hold" in data)) end();
          if (ms === undefined && "hold" in data) resolve(seen);
        });
        worker.addEventListener("error", (event) => {
          seen.push({ error: event.message });
          end();
        });
        worker.postMessage(data);
      }),
    message,
    endAfterMs,
  );
}

test("OPFS keeps the contract that storage in memory keeps", async () => {
  const page = await tab();
  const [said] = await job(page, { job: "contract" });
  expect(said).toEqual({ held: expect.arrayContaining([expect.stringContaining("lock is exclusive")]) as unknown });
  expect(said!["held"]).toHaveLength(9);
  await page.close();
});

test("a worker ended in the middle of saves loses nothing that was acknowledged, eight times over", async () => {
  const page = await tab();
  let recovered = 0;
  for (let round = 0; round < 8; round++) {
    const said = await job(page, { job: "saveForEver", from: recovered + 1 }, 5 + 37 * round);
    const acknowledged = said.at(-1)?.["saved"] as number;
    expect(acknowledged, JSON.stringify(said.at(-1))).toBeGreaterThan(recovered);
    const [found] = await job(page, { job: "recover", waitMs: 5000 });
    expect(found).toEqual({ step: expect.any(Number) as unknown, whole: true, notice: null });
    recovered = found!["step"] as number;
    expect(recovered).toBeGreaterThanOrEqual(acknowledged);
    expect(recovered).toBeLessThanOrEqual(acknowledged + 1);
  }
  await page.close();
});

test("a second tab is refused the run in a typed error, and gets it when the first closes", async () => {
  const [first, second] = [await tab(), await tab()];
  const [held] = await job(first, { job: "recover", waitMs: 0, hold: true });
  expect(held).toMatchObject({ whole: true });
  const [refused] = await job(second, { job: "recover", waitMs: 0 });
  expect(refused).toMatchObject({ error: { code: "STORAGE_LOCKED" } });
  await first.close();
  const [freed] = await job(second, { job: "recover", waitMs: 5000 });
  expect(freed).toMatchObject({ whole: true, step: held!["step"] });
  await second.close();
});

test("at quota a save is refused as STORAGE_FULL, leaves no torn file, and the old checkpoint still opens", async () => {
  const page = await tab();
  const cdp = await page.createCDPSession();
  await cdp.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 10 << 20 });
  const [full] = await job(page, { job: "fill", megabytes: 20 });
  expect(full).toMatchObject({ code: "STORAGE_FULL", whole: true, after: full!["before"] });
  const files = full!["files"] as string[];
  expect(files.filter((f) => f.endsWith(".safetensors")).length).toBe(files.filter((f) => f.endsWith(".json")).length);
  await cdp.send("Storage.overrideQuotaForOrigin", { origin });
  const [roomy] = await job(page, { job: "fill", megabytes: 1 });
  expect(roomy).toMatchObject({ code: "none", after: 99 });
  await page.close();
});
