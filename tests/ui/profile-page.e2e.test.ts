/** A step taken apart, and the GPU's pace, in a real browser with the stub in the engine's place. */
import type { Page } from "puppeteer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LaunchedBrowser } from "../../src/cli/browser.ts";
import { launchBrowser } from "../../src/cli/browser.ts";
import type { StubSite } from "./stub-site.ts";
import { serveStub } from "./stub-site.ts";

let site: StubSite;
let launched: LaunchedBrowser;
let page: Page;

beforeAll(async () => {
  [site, launched] = await Promise.all([serveStub(), launchBrowser()]);
  page = await launched.browser.newPage();
  await page.setViewport({ width: 1440, height: 900 });
  await page.goto(`${site.url}?scene=paused`);
  await page.waitForSelector(by("show-profile"));
}, 120_000);

afterAll(async () => {
  await launched?.close();
  await site?.close();
});

const by = (id: string): string => `>>> [data-testid="${id}"]`;
const text = (id: string): Promise<string> => page.$eval(by(id), (element) => element.textContent?.replace(/\s+/g, " ").trim() ?? "");
const press = (id: string): Promise<void> => page.$eval(by(id), (element) => (element as HTMLElement).click());

describe("a run on a GPU", () => {
  it("goes at full speed when it is told to, and leaves room again", async () => {
    expect(await page.$eval(by("full-speed"), (box) => (box as HTMLInputElement).checked)).toBe(false);
    await press("full-speed");
    await expect.poll(() => page.evaluate(() => window.stub.calls)).toContain("setPace full");
    await expect.poll(() => page.$eval(by("full-speed"), (box) => (box as HTMLInputElement).checked)).toBe(true);
    await press("full-speed");
    await expect.poll(() => page.evaluate(() => window.stub.calls)).toContain("setPace room");
  });

  it("says how its kernels were chosen, and which is never used here", async () => {
    expect(await text("kernels")).toMatch(/31 of 48 in 3\.9 s \(budget 4 s\).*softmax\/workgroup-per-row is not used here/);
  });
});

describe("the step profile", () => {
  it("opens from the recipe, shows launches, kernels and memory, and names what is pointed at", async () => {
    await press("show-profile");
    await expect.poll(() => text("profile-status")).toMatch(/^36 launches for 512 tokens, 62 ms together, at step .* account for 107%/);
    expect(await page.$$eval(by("flame"), ([flame]) => flame!.querySelectorAll("rect").length)).toBeGreaterThan(40);
    expect(await page.$$eval(by("profile-kernels"), ([table]) => table!.querySelectorAll("tbody tr").length)).toBe(15);
    expect(await page.$$eval(by("memory-map"), ([map]) => map!.querySelectorAll("rect").length)).toBe(24);
    const bars = await page.$$(`${by("flame")} >>> g`);
    await bars[4]!.hover();
    await expect.poll(() => text("profile-detail")).toMatch(/ms, .*% of the time; .* million operations at .* GFLOP\/s, .*B at .* GB\/s, [\d.]+% of the roofline\.$/);
  });

  it("leads from bar to bar by keys, and says what each is", async () => {
    await page.mouse.move(0, 0);
    await page.$eval('>>> [data-testid="flame"] [tabindex="0"]', (bar) => (bar as SVGElement).focus());
    const at = (): Promise<string> => page.$eval(by("flame"), (flame) => (flame.getRootNode() as ShadowRoot).activeElement?.getAttribute("aria-label") ?? "");
    expect(await at()).toMatch(/^micro, /);
    for (const [key, wanted] of [["ArrowRight", /^update, /], ["ArrowLeft", /^micro, /], ["ArrowDown", /^wte, /], ["End", /, /], ["Home", /^wte, /], ["ArrowUp", /^micro, /]] as const) {
      await page.keyboard.press(key);
      await expect.poll(at).toMatch(wanted);
    }
    expect(await text("profile-detail")).toMatch(/^micro, .* launches: /);
  });

  it("is kept as a Chrome trace whose events end where the step ends", async () => {
    const saved = await page.evaluate(async (selector) => {
      const make = URL.createObjectURL;
      const blobs: Blob[] = [];
      URL.createObjectURL = (blob: Blob) => {
        blobs.push(blob);
        return make.call(URL, blob);
      };
      window.app.shadowRoot!.querySelector("step-profile")!.shadowRoot!.querySelector<HTMLElement>(selector)!.click();
      URL.createObjectURL = make;
      return blobs[0]!.text();
    }, '[data-testid="save-trace"]');
    const events = (JSON.parse(saved) as { ph: string; ts: number; dur: number }[]).filter(({ ph }) => ph === "X");
    expect(events.length).toBeGreaterThan(40);
    expect(Math.max(...events.map(({ ts, dur }) => ts + dur)) / 1000).toBeCloseTo(62, 0);
  });

  it("closes with Escape and measures again when asked", async () => {
    await press("measure-again");
    await expect.poll(() => page.evaluate(() => window.stub.calls.filter((call) => call === "profileStep").length)).toBe(2);
    await page.keyboard.press("Escape");
    await expect.poll(() => page.$eval(by("step-profile"), (dialog) => (dialog as HTMLDialogElement).open)).toBe(false);
  });
});
