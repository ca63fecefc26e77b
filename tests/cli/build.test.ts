/** Building again only when something changed. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fingerprint, makeIfStale } from "../../src/cli/build.ts";

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "nestling-build-"));
  mkdirSync(join(base, "src"));
  writeFileSync(join(base, "src/a.ts"), "a");
});
afterEach(() => rmSync(base, { recursive: true }));

const make = (): Promise<boolean> =>
  makeIfStale(base, "dist/out.js", ["src", "missing.json"], async () => {
    mkdirSync(join(base, "dist"), { recursive: true });
    writeFileSync(join(base, "dist/out.js"), "out");
  });

describe("makeIfStale", () => {
  it("makes once, and again after a change, a new file, a lost output", async () => {
    expect(await make()).toBe(true);
    expect(await make()).toBe(false);
    writeFileSync(join(base, "src/a.ts"), "b");
    expect(await make()).toBe(true);
    writeFileSync(join(base, "src/b.ts"), "");
    expect(await make()).toBe(true);
    rmSync(join(base, "dist/out.js"));
    expect(await make()).toBe(true);
    expect(await make()).toBe(false);
  });

  it("holds nothing for made where making failed", async () => {
    expect(await make()).toBe(true);
    writeFileSync(join(base, "src/a.ts"), "c");
    await expect(makeIfStale(base, "dist/out.js", ["src"], () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await make()).toBe(true);
  });
});

describe("fingerprint", () => {
  it("sees names as well as contents", () => {
    const before = fingerprint(base, ["src"]);
    renameSync(join(base, "src/a.ts"), join(base, "src/z.ts"));
    expect(fingerprint(base, ["src"])).not.toBe(before);
  });
});
