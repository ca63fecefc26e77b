/** A checkpoint's zip as a folder on disk. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { unpackTo } from "../../src/cli/export.ts";
import { writeZip } from "../../src/store/zip.ts";

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "nestling-export-"));
});
afterEach(() => rmSync(base, { recursive: true }));

const zip = (files: Readonly<Record<string, string>>): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Buffer.concat(writeZip(new Map(Object.entries(files).map(([name, text]) => [name, new TextEncoder().encode(text)])))));

describe("unpackTo", () => {
  it("writes every file of a flat archive, or of one with a single top folder", async () => {
    for (const top of ["", "model/"]) {
      const folder = join(base, `out-${top.length}`);
      expect((await unpackTo(folder, zip({ [`${top}config.json`]: "{}", [`${top}model.safetensors`]: "weights" }))).sort()).toEqual(["config.json", "model.safetensors"]);
      expect(readdirSync(folder).sort()).toEqual(["config.json", "model.safetensors"]);
      expect(readFileSync(join(folder, "model.safetensors"), "utf8")).toBe("weights");
    }
  });

  it("refuses what is no archive, and writes nothing", async () => {
    await expect(unpackTo(join(base, "none"), new Uint8Array(100))).rejects.toThrow("[ZIP_FORMAT]");
    expect(readdirSync(base)).toEqual([]);
  });

  it("refuses a name that is no plain file name", async () => {
    await expect(unpackTo(join(base, "odd"), zip({ "config.json": "{}", ".bashrc": "x" }))).rejects.toThrow("[ZIP_FORMAT]");
    expect(readdirSync(base)).toEqual([]);
  });
});
