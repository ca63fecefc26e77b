/** Planting faults: what counts as killed, and that the file is put back whatever happens. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { root } from "../../src/cli/paths.ts";
import { mutants } from "../../scripts/mutants-list.ts";
import { type Mutant, plant, tryAll, tryMutant } from "../../scripts/mutants.ts";

const SOURCE = "export const half = (x: number) => x / 2; // $& stays\n";
const MUTANT: Mutant = { name: "halves by three", file: "half.ts", find: "x / 2", replace: "x / 3 /* $& */", tests: ["half"] };

let base: string;
const text = (): string => readFileSync(join(base, "half.ts"), "utf8");
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "nestling-mutants-"));
  writeFileSync(join(base, "half.ts"), SOURCE);
});
afterEach(() => rmSync(base, { recursive: true }));

describe("tryMutant", () => {
  it("calls a fault killed where the tests fail with it, and puts the file back", async () => {
    let seen = "";
    const verdict = await tryMutant(base, MUTANT, () => {
      seen = text();
      return Promise.resolve(false);
    });
    expect(verdict).toEqual({ name: "halves by three", result: "killed" });
    expect(seen).toContain("x / 3 /* $& */");
    expect(text()).toBe(SOURCE);
  });

  it("calls a fault survived where the tests still pass", async () => {
    expect((await tryMutant(base, MUTANT, () => Promise.resolve(true))).result).toBe("survived");
    expect(text()).toBe(SOURCE);
  });

  it("puts the file back where the tests could not be run", async () => {
    await expect(tryMutant(base, MUTANT, () => Promise.reject(new Error("no runner")))).rejects.toThrow("no runner");
    expect(text()).toBe(SOURCE);
  });

  it("calls a fault broken where its text is not there, or more than once", async () => {
    const never = (): Promise<boolean> => Promise.reject(new Error("must not run"));
    expect(await tryMutant(base, { ...MUTANT, find: "x / 4" }, never)).toMatchObject({ result: "broken", why: expect.stringContaining("0 times") });
    expect(plant("a a", { find: "a", replace: "b" })).toMatchObject({ why: expect.stringContaining("2 times") });
    expect(plant("a", { find: "a", replace: "a" })).toMatchObject({ why: expect.stringContaining("changes nothing") });
  });
});

describe("tryAll", () => {
  it("calls a fault broken, not killed, where its tests fail without it", async () => {
    const lines: string[] = [];
    const verdicts = await tryAll(base, [MUTANT], () => Promise.resolve(false), (line) => lines.push(line));
    expect(verdicts[0]).toMatchObject({ result: "broken", why: expect.stringContaining("fail without the fault") });
    expect(lines).toHaveLength(1);
  });

  it("tells killed from survived over a list, each file put back before the next", async () => {
    const list = [MUTANT, { ...MUTANT, name: "says the same", find: "// $&", replace: "// two" }];
    const verdicts = await tryAll(base, list, () => Promise.resolve(text().includes("x / 2")), () => undefined);
    expect(verdicts.map(({ result }) => result)).toEqual(["killed", "survived"]);
    expect(text()).toBe(SOURCE);
  });
});

describe("the list", () => {
  it.each(mutants.map((mutant) => [mutant.name, mutant] as const))("can plant: %s", (_name, mutant) => {
    expect(plant(readFileSync(join(root, mutant.file), "utf8"), mutant)).toHaveProperty("planted");
    expect(mutant.tests.length).toBeGreaterThan(0);
  });

  it("names each fault once", () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  });
});
