/** Where a browser is looked for, and how it is started. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { adapterChoice, findBrowser, launchFlags, swiftShaderIcd } from "../../src/cli/browser.ts";

describe("findBrowser", () => {
  it("takes PUPPETEER_EXECUTABLE_PATH before anything else", async () => {
    expect(await findBrowser({ PUPPETEER_EXECUTABLE_PATH: process.execPath, PATH: "" })).toBe(process.execPath);
  });

  it("says so where PUPPETEER_EXECUTABLE_PATH names nothing, and looks no further", async () => {
    await expect(findBrowser({ ...process.env, PUPPETEER_EXECUTABLE_PATH: "/no/such/chrome" })).rejects.toThrow(/\/no\/such\/chrome.*does not exist/);
  });
});

describe("launchFlags", () => {
  it("asks for WebGPU and leaves the Vulkan flags out for the software adapter, which they would take away", () => {
    const flags = launchFlags("software", false);
    expect(flags).toContain("--enable-unsafe-webgpu");
    expect(flags.join(" ")).not.toMatch(/vulkan|angle/i);
  });

  it("gives up the sandbox only as root", () => {
    expect(launchFlags("software", true)).toContain("--no-sandbox");
    expect(launchFlags("software", false)).not.toContain("--no-sandbox");
  });

  it("takes the real adapter only when NESTLING_ADAPTER asks for it", () => {
    expect(adapterChoice({ NESTLING_ADAPTER: "real" })).toBe("real");
    expect(adapterChoice({ NESTLING_ADAPTER: "1" })).toBe("software");
    expect(adapterChoice({})).toBe("software");
  });
});

describe("swiftShaderIcd", () => {
  it("finds the loader file beside the program, and in the folder that a starter script names", () => {
    const base = mkdtempSync(join(tmpdir(), "nestling-icd-"));
    mkdirSync(join(base, "chrome"));
    writeFileSync(join(base, "chrome/chrome"), "program");
    writeFileSync(join(base, "chrome/vk_swiftshader_icd.json"), "{}");
    expect(swiftShaderIcd(join(base, "chrome/chrome"))).toBe(join(base, "chrome/vk_swiftshader_icd.json"));
    rmSync(base, { recursive: true });
  });
});
