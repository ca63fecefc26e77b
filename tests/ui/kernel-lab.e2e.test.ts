/** The kernel lab in a real browser, with the stub in the engine's place: edit, check, time, train, share, and what comes from strangers. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ElementHandle, Page } from "puppeteer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LaunchedBrowser } from "../../src/cli/browser.ts";
import { launchBrowser } from "../../src/cli/browser.ts";
import type { KernelText } from "../../src/protocol/index.ts";
import { writeKernelFile, writeKernelLink } from "../../src/protocol/kernel-link.ts";
import type { StubSite } from "./stub-site.ts";
import { serveStub } from "./stub-site.ts";

let site: StubSite;
let launched: LaunchedBrowser;
let folder: string;
beforeAll(async () => {
  [site, launched, folder] = await Promise.all([serveStub(), launchBrowser(), mkdtemp(join(tmpdir(), "nestling-lab-"))]);
}, 120_000);
afterAll(async () => {
  await launched?.close();
  await site?.close();
  await rm(folder, { recursive: true, force: true });
});

const by = (id: string): string => `>>> [data-testid="${id}"]`;
const text = (page: Page, id: string): Promise<string> => page.$eval(by(id), (element) => element.textContent?.replace(/\s+/g, " ").trim() ?? "").catch(() => "");
const press = (page: Page, id: string): Promise<void> => page.$eval(by(id), (element) => (element as HTMLElement).click());
const disabled = (page: Page, id: string): Promise<boolean> => page.$eval(by(id), (button) => (button as HTMLButtonElement).disabled);
const source = (page: Page): Promise<string> => page.$eval(by("lab-text"), (field) => (field as HTMLTextAreaElement).value);
const calls = (page: Page): Promise<string[]> => page.evaluate(() => window.stub.calls.filter((call) => call.includes("Kernel")));
const open = async (page: Page, file: string): Promise<void> => ((await page.$(by("lab-open"))) as ElementHandle<HTMLInputElement>).uploadFile(file);

/** As somebody who types would: the field holds it, and says so. */
const write = (page: Page, find: string, put: string): Promise<void> =>
  page.$eval(by("lab-text"), (field, find, put) => {
    const area = field as HTMLTextAreaElement;
    area.value = area.value.replace(find, put);
    area.dispatchEvent(new InputEvent("input", { bubbles: true, composed: true }));
  }, find, put);

async function visit(query: string, act: (page: Page) => Promise<void>, { size = { width: 1440, height: 900 }, lab = true } = {}): Promise<void> {
  const context = await launched.browser.createBrowserContext();
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  try {
    await page.setViewport(size);
    await page.goto(`${site.url}?${query}`);
    await expect.poll(() => page.$(by("view-bench")).then(Boolean), { timeout: 10_000 }).toBe(true);
    if (lab) {
      await page.keyboard.press("3");
      await expect.poll(() => page.$(by("bench-lab")).then(Boolean)).toBe(true);
      await press(page, "bench-lab");
    }
    await expect.poll(() => source(page).catch(() => ""), { timeout: 10_000 }).toContain("fn main");
    await act(page);
    expect(complaints).toEqual([]);
  } finally {
    await context.close();
  }
}

const foreign: KernelText = { kernel: "geluBackward", variant: "vec4", source: "// <img src=x onerror=alert(1)>\nfn main() { let x = 1.0 * 1.5; }\n" };

describe("the kernel lab", () => {
  it("shows the text that is compiled, checks it shape by shape, and times it", () => visit("scene=empty", async (page) => {
    expect(await source(page)).toContain("One thread a row");
    // Collected in the page: on a busy machine what stands there between two looks from outside is gone.
    await page.$eval(by("lab-status"), (status) => {
      const said: string[] = [];
      Object.assign(globalThis, { labSaid: said });
      new MutationObserver(() => void said.push(status.textContent ?? "")).observe(status, { childList: true, characterData: true, subtree: true });
    });
    await press(page, "lab-check");
    await expect.poll(() => text(page, "lab-status")).toBe("Right at all 2 shapes that were tried, of 3.");
    expect((await page.evaluate(() => (globalThis as unknown as { labSaid: string[] }).labSaid)).some((words) => /^\d of 3: N /.test(words))).toBe(true);
    expect(await text(page, "lab-rows")).toMatch(/N 512, C 64 \(tiny\) ?5 ?right ?0\.114.*left out.*hold the device for about 4\.5 s/);
    await press(page, "lab-time");
    await expect.poll(() => text(page, "lab-rows")).toMatch(/1\.91 ?3\.94 ?2\.06 ?1\.8 % ?faster ?thread-per-row/);
    expect(await calls(page)).toEqual(["tryKernel softmax/thread-per-row false", "tryKernel softmax/thread-per-row true"]);
    // Softmax is in no training step.
    await expect.poll(() => disabled(page, "lab-train").catch(() => false)).toBe(true);
  }));

  it("marks the line of an error, goes there on a click, and says when the text has changed since", () => visit("scene=empty", async (page) => {
    await write(page, "fn main(", "fn main main(");
    await press(page, "lab-check");
    await expect.poll(() => text(page, "lab-status")).toBe("It does not compile: 1 error.");
    const line = (await source(page)).split("\n").findIndex((one) => one.includes("fn main main(")) + 1;
    expect(await page.$eval(by("lab-mark"), (mark) => Number((mark as HTMLElement).dataset["line"]))).toBe(line);
    await page.$eval(`${by("lab-errors")} button`, (button) => (button as HTMLElement).click());
    const cursor = await page.$eval(by("lab-text"), (field) => ({ at: (field as HTMLTextAreaElement).selectionStart, focused: (field.getRootNode() as ShadowRoot).activeElement === field }));
    expect(cursor).toEqual({ at: (await source(page)).indexOf("main main") + 5, focused: true });
    await write(page, "fn main main(", "fn main(");
    await expect.poll(() => text(page, "lab-status")).toContain("It is about the text before your last change.");
    expect(await page.$(by("lab-mark"))).toBeNull();
  }));

  it("trains with a right text and shows both curves; a wrong one is named and not trained", () => visit("scene=empty", async (page) => {
    await page.select(by("lab-kernel"), "geluBackward");
    await expect.poll(() => text(page, "lab-header")).toBe("const WIDTH: u32 = 4u;");
    await press(page, "lab-train");
    await expect.poll(() => text(page, "lab-parity")).toMatch(/The losses agree\. Every loss has the same bits/);
    expect(await page.$$eval(by("lab-curves"), ([svg]) => svg!.querySelectorAll("polyline").length)).toBe(2);
    await write(page, "fn main", "// off\nfn main");
    await press(page, "lab-train");
    await expect.poll(() => text(page, "lab-parity")).toMatch(/do not agree\. Losses differ by 3\.9e-3 at most, at step 50; 0\.001 nats a token are allowed\. They do not have the same bits\./);
    await write(page, "grad[i] *=", "grad[i] *= 1.0; // * 1.5");
    await press(page, "lab-train");
    await expect.poll(() => text(page, "lab-status")).toBe("Not right: 1 shape of 2 failed.");
    expect(await text(page, "lab-rows")).toContain("out[7] is 3, the judge says 2");
    expect(await page.$(by("lab-parity"))).toBeNull();
  }));

  it("stops, goes back to the shipped text and brings the edited one back, and keeps it over a reload", () => visit("scene=empty", async (page) => {
    const shipped = await source(page);
    await write(page, "fn main(", "/* mine */ fn main(");
    const mine = await source(page);
    await press(page, "lab-check");
    await expect.poll(() => page.$(by("lab-stop")).then(Boolean)).toBe(true);
    await press(page, "lab-stop");
    await expect.poll(() => text(page, "lab-status")).toMatch(/was stopped; what was tried so far is shown\. CANCELLED/);
    await press(page, "lab-shipped");
    await expect.poll(() => source(page)).toBe(shipped);
    await press(page, "lab-undo");
    await expect.poll(() => source(page)).toBe(mine);
    await page.keyboard.press("1");
    await page.keyboard.press("3");
    await expect.poll(() => page.$(by("bench-lab")).then(Boolean)).toBe(true);
    await press(page, "bench-lab");
    await expect.poll(() => source(page).catch(() => "")).toBe(mine);
    await page.reload();
    await expect.poll(() => page.$(by("view-bench")).then(Boolean), { timeout: 10_000 }).toBe(true);
    await page.keyboard.press("3");
    await expect.poll(() => page.$(by("bench-lab")).then(Boolean)).toBe(true);
    await press(page, "bench-lab");
    await expect.poll(() => source(page).catch(() => "")).toBe(mine);
  }));

  it("can be used by keyboard: Tab leaves the text, and keys of the page are letters in it", () => visit("scene=empty", async (page) => {
    await page.focus(by("lab-text"));
    await page.keyboard.type("1");
    expect((await source(page)).includes("1")).toBe(true);
    expect(await page.evaluate(() => window.app.view)).toBe("bench");
    await page.keyboard.press("Tab");
    const focused = await page.evaluate(() => {
      let active = document.activeElement;
      while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
      return (active as HTMLElement).dataset["testid"];
    });
    expect(focused).toBe("lab-check");
  }));
});

describe("a kernel from elsewhere", () => {
  it("is shown as source and compiled only after a click, and one's own text is a click away", async () => {
    const link = await writeKernelLink(foreign);
    await visit(`scene=empty${link}`, async (page) => {
      expect(await page.evaluate(() => location.hash)).toBe("");
      await expect.poll(() => source(page)).toBe(foreign.source);
      expect(await text(page, "lab-foreign")).toMatch(/This text is not yours\. It came with the link that you opened\..*nothing of it has been compiled/);
      for (const button of ["lab-check", "lab-time", "lab-train"]) expect(await disabled(page, button), button).toBe(true);
      expect(await page.$eval(by("lab-text"), (field) => (field as HTMLTextAreaElement).readOnly)).toBe(true);
      expect(await page.evaluate(() => localStorage.getItem("nestling-kernel") ?? "")).not.toContain("onerror");
      expect(await calls(page)).toEqual([]);
      await press(page, "lab-allow");
      await expect.poll(() => disabled(page, "lab-check")).toBe(false);
      expect(await calls(page)).toEqual([]);
      await press(page, "lab-check");
      await expect.poll(() => calls(page)).toEqual(["tryKernel geluBackward/vec4 false"]);
      await press(page, "lab-stop").catch(() => undefined);
      await expect.poll(() => disabled(page, "lab-undo")).toBe(false);
      await press(page, "lab-undo");
      await expect.poll(() => source(page)).toContain("One thread a row");
    }, { lab: false });
  });

  it.each<[string, () => Promise<string>, RegExp]>([
    ["of another version", async () => "#kernel=9.AAAA", /its version is "9"; this page reads version 1.*Nothing was compiled/],
    ["too large", async () => `#kernel=1.${"A".repeat(9000)}`, /8192 are allowed/],
    ["of a kernel that is not here", () => writeKernelLink({ ...foreign, kernel: "nothing" }), /this page has no kernel "nothing"/],
  ])("that is bad (%s) is refused in words, and the text stays", async (_what, link, message) => {
    await visit(`scene=empty${await link()}`, async (page) => {
      await expect.poll(() => text(page, "lab-status")).toMatch(message);
      expect(await source(page)).toContain("One thread a row");
      expect(await page.$(by("lab-foreign"))).toBeNull();
    }, { lab: false });
  });

  it("travels as a file: saved here, opened there as a stranger's; a bad one is refused", () => visit("scene=empty", async (page) => {
    const [good, bad] = ["good.json", "bad.json"].map((name) => join(folder, name));
    await writeFile(good!, writeKernelFile(foreign));
    await writeFile(bad!, JSON.stringify({ ...(JSON.parse(writeKernelFile(foreign)) as object), version: 2 }));
    await open(page, bad!);
    await expect.poll(() => text(page, "lab-status")).toMatch(/The kernel of this file cannot be used: its version is 2/);
    await open(page, good!);
    await expect.poll(() => text(page, "lab-foreign")).toContain("It came with the file good.json.");
    expect(await source(page)).toBe(foreign.source);
    expect(JSON.parse(await readFile(good!, "utf8"))).toEqual({ format: "nestling-kernel", version: 1, ...foreign });
    const saved = await page.evaluate(() => {
      const names: string[] = [];
      HTMLAnchorElement.prototype.click = function click(this: HTMLAnchorElement) {
        names.push(this.download);
      };
      window.app.shadowRoot!.querySelector("bench-view")!.shadowRoot!.querySelector("kernel-lab")!.shadowRoot!.querySelector<HTMLElement>('[data-testid="lab-save"]')!.click();
      return names;
    });
    expect(saved).toEqual(["nestling-kernel-geluBackward-vec4.json"]);
  }));
});

describe("where nothing can be tried", () => {
  it("says that it needs WebGPU and shows the texts all the same", () => visit(`scene=empty&lab=${encodeURIComponent("The kernel lab needs WebGPU.")}`, async (page) => {
    expect(await text(page, "lab-status")).toBe("The kernel lab needs WebGPU.");
    expect(await disabled(page, "lab-check")).toBe(true);
  }));

  it("waits while a run trains, names a variant that this device cannot run, and fits a phone", () => visit("scene=running", async (page) => {
    expect(await text(page, "lab-status")).toContain("Pause it first");
    expect(await disabled(page, "lab-check")).toBe(true);
    await page.select(by("lab-variant"), "workgroup-per-row");
    await expect.poll(() => source(page)).toContain("One workgroup a row");
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
    const wide = await page.$$eval(by("lab-text"), ([field]) => field!.getBoundingClientRect().width);
    expect(wide).toBeGreaterThan(240);
  }, { size: { width: 390, height: 844 } }));
});
