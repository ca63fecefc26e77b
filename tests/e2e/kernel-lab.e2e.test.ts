/** The kernel lab on the built page and a real WebGPU device: errors of the browser's own compiler, the gate, an endless loop, a stranger's link. */
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { LaunchedBrowser } from "../../src/cli/browser.ts";
import { writeKernelLink } from "../../src/protocol/kernel-link.ts";
import { openBrowser } from "../support/browser.ts";
import { Journey, microRecipe } from "../support/journey.ts";

let browser: LaunchedBrowser;
let journey: Journey;
beforeAll(async () => {
  browser = await openBrowser();
  journey = await Journey.open(browser, { url: inject("pageUrl"), recipes: [microRecipe(4)], backend: "webgpu" });
});
afterAll(() => browser.close());

const by = (id: string): string => `>>> [data-testid="${id}"]`;
const press = (id: string): Promise<void> => journey.page.$eval(by(id), (element) => (element as HTMLElement).click());
const read = (id: string): Promise<string> => journey.page.$eval(by(id), (element) => (element as HTMLTextAreaElement).value ?? element.textContent?.replace(/\s+/g, " ").trim() ?? "").catch(() => "");
const shown = (id: string): Promise<string> => journey.page.$eval(by(id), (element) => element.textContent?.replace(/\s+/g, " ").trim() ?? "").catch(() => "");
const says = async (words: RegExp): Promise<void> => await expect.poll(() => shown("lab-status"), { timeout: 90_000 }).toMatch(words);

async function write(find: string, put: string): Promise<void> {
  await journey.page.$eval(by("lab-text"), (field, find, put) => {
    const area = field as HTMLTextAreaElement;
    area.value = area.value.replace(find, put);
    area.dispatchEvent(new InputEvent("input", { bubbles: true, composed: true }));
  }, find, put);
}

describe("the kernel lab on WebGPU", () => {
  it("finds a shipped text right at every shape, beside the very formula", async () => {
    await journey.page.keyboard.press("3");
    await expect.poll(() => journey.page.$(by("bench-lab")).then(Boolean)).toBe(true);
    await press("bench-lab");
    await expect.poll(() => journey.page.$(by("lab-kernel")).then(Boolean), { timeout: 30_000 }).toBe(true);
    await journey.page.select(by("lab-kernel"), "lossSum");
    await expect.poll(() => read("lab-text")).toContain("out[0] += ");
    await press("lab-check");
    await says(/^Right at all 2 shapes that were tried, of 2\.$/);
  });

  it("names a wrong one's shape, place and values", async () => {
    await write("  out[0] += ", "  out[0] += 2.0 * ");
    await press("lab-check");
    await says(/^Not right: 2 shapes of 2 failed\.$/);
    expect(await shown("lab-rows")).toMatch(/size 512 \(tiny\) ?1 ?wrong ?out\[0\] is \d+\.\d+, the judge says 20\.2/);
  });

  it("has the browser's own errors at their line of the text", async () => {
    await write("  out[0] += 2.0", "  out[0] += nobody");
    await press("lab-check");
    await says(/^It does not compile: \d+ errors?\.$/);
    const line = (await read("lab-text")).split("\n").findIndex((one) => one.includes("nobody")) + 1;
    expect(await shown("lab-errors")).toMatch(new RegExp(`^line ${line}, column 1[0-9]: .*nobody`));
  });

  it("ends an endless loop, and the same page goes on", async () => {
    await write("  out[0] += nobody", "  for (var again = 1u; again > 0u; again = again | 1u) { }\n  out[0] += 1.0");
    await press("lab-check");
    await says(/^Not right: 1 shape of 1 failed\.$/);
    const line = (await read("lab-text")).split("\n").findIndex((one) => one.includes("again")) + 1;
    expect(await shown("lab-rows")).toContain(`the turns of its loops were up at the loop in line ${line}`);
    await press("lab-shipped");
    await press("lab-check");
    await says(/^Right at all 2 shapes/);
  });

  it("opens a stranger's link without compiling it, and checks it after a click", async () => {
    const link = await writeKernelLink({ kernel: "lossSum", variant: "one-thread", source: `// somebody's\n${await read("lab-text")}` });
    await journey.page.evaluate((link) => void (location.hash = link), link);
    await expect.poll(() => read("lab-text")).toContain("// somebody's");
    expect(await journey.page.$eval(by("lab-check"), (button) => (button as HTMLButtonElement).disabled)).toBe(true);
    await press("lab-allow");
    await expect.poll(() => journey.page.$eval(by("lab-check"), (button) => (button as HTMLButtonElement).disabled)).toBe(false);
    await press("lab-check");
    await says(/^Right at all 2 shapes/);
  });

  it("raises no error of the console's or the page's, and no notice", async () => {
    expect([journey.watched.problems, journey.watched.foreign, await journey.notices()]).toEqual([[], [], []]);
  });
});
