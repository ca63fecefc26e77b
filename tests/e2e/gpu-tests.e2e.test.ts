/**
 * The same `.gpu.test.ts` files that run through Dawn in Node, unchanged on Chromium's WebGPU. By default the whole model and
 * the kernels that a browser's compiler could break on its own; NESTLING_BROWSER_TESTS=all runs every file.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LaunchedBrowser } from "../../src/cli/browser.ts";
import { serveFolder, type Served } from "../../src/cli/server.ts";
import { buildGpuTests } from "../browser/build.ts";
import { openBrowser, openPage, type WatchedPage } from "../support/browser.ts";

const ALWAYS = ["model/gpt2.gpu", "model/llama.gpu", "kernels/softmax.gpu", "kernels/cross-entropy.gpu"];

describe("GPU tests in Chromium", () => {
  const folder = mkdtempSync(join(tmpdir(), "nestling-gpu-"));
  let served: Served;
  let launched: LaunchedBrowser;
  let watched: WatchedPage;

  beforeAll(async () => {
    await buildGpuTests(folder);
    served = await serveFolder(folder, 0);
    launched = await openBrowser();
    watched = await openPage(launched, served.url);
    await watched.page.waitForFunction(() => window.runGpuTests !== undefined);
  });

  afterAll(async () => {
    await launched?.close();
    await served?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("finds every file that is expected to run", async () => {
    const files = await watched.page.evaluate(() => window.listGpuTests!());
    expect(ALWAYS.filter((name) => !files.some((file) => file.includes(name)))).toEqual([]);
    expect(files.length).toBeGreaterThan(20);
  });

  it("passes them all", { timeout: 15 * 60_000 }, async () => {
    const files = await watched.page.evaluate(() => window.listGpuTests!());
    const chosen = process.env["NESTLING_BROWSER_TESTS"] === "all" ? files : files.filter((file) => ALWAYS.some((name) => file.includes(name)));
    let passed = 0;
    const failed: string[] = [];
    for (const file of chosen) {
      const results = await watched.page.evaluate((name) => window.runGpuTests!(name), file);
      passed += results.filter(({ state }) => state === "pass").length;
      failed.push(...results.filter(({ state }) => state !== "pass").map(({ name, state, message }) => `${name}: ${state} ${message ?? ""}`));
    }
    console.info(`${passed} GPU tests passed in Chromium, from ${chosen.length} files`);
    expect(failed).toEqual([]);
    expect(passed).toBeGreaterThan(5);
  });
});
