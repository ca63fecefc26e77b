/**
 * The house keeps its rules (DESIGN.md's table, the line budgets), and the checker that says so sees what it must: each
 * rule is broken on purpose in a small tree.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../src/cli/paths.ts";
import { checkArchitecture, type Tree } from "./support/architecture.ts";

const FOLDERS = ["bench", "src", "shaders", "workers", "tests", "scripts", "public"];
/** AssemblyScript is another language with its own compiler; built files and installed packages are nobody's prose. */
const LEFT_OUT = /^src\/kernels\/wasm\/(assembly|build)\/|\/node_modules\//;

function readTree(): Tree {
  const tree = new Map<string, string>();
  const add = (path: string): void => {
    const name = relative(root, path).split(sep).join("/");
    if (!LEFT_OUT.test(name)) tree.set(name, /\.(ts|wgsl)$/.test(name) ? readFileSync(path, "utf8") : "");
  };
  for (const entry of readdirSync(root, { withFileTypes: true })) if (entry.isFile()) add(join(root, entry.name));
  for (const folder of FOLDERS) {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true, recursive: true })) {
      if (entry.isFile()) add(join(entry.parentPath, entry.name));
    }
  }
  return tree;
}

/** The rules that a small tree breaks, as "file: rule". */
const broken = (files: Readonly<Record<string, string>>): string[] => checkArchitecture(new Map(Object.entries(files))).map(({ file, rule }) => `${file}: ${rule}`);
const lines = (count: number): string => "\n".repeat(count);

/** Files that the planted imports name. */
const HOUSE = {
  "src/core/errors.ts": "export const e = 1;",
  "src/protocol/index.ts": "export type A = 1; export const fields = 1;",
  "src/device/types.ts": "export type D = 1;",
  "src/kernels/index.ts": 'import w from "../../shaders/add.wgsl?raw"; export const k = w;',
  "src/plan/plan.ts": 'import { k } from "../kernels/index.ts"; export const p = k;',
  "src/training/trainer.ts": "export const t = 1;",
  "src/engine/index.ts": "export const createEngine = 1;",
  "src/ui/app.ts": 'import type { A } from "../protocol/index.ts"; export type B = A;',
  "shaders/add.wgsl": "",
  "workers/engine.worker.ts": 'import { createEngine } from "../src/engine/index.ts"; createEngine;',
  "tests/support/values.ts": "export const v = 1;",
};

describe("the house", () => {
  it("keeps its rules", () => {
    const tree = readTree();
    expect(tree.size).toBeGreaterThan(50);
    expect(checkArchitecture(tree).map(({ file, rule, what }) => `${file}: ${rule}: ${what}`)).toEqual([]);
  });
});

describe("the checker", () => {
  it("finds nothing in a small house that keeps the rules", () => {
    expect(broken(HOUSE)).toEqual([]);
  });

  it.each([
    ["a static import", 'import { t } from "../training/trainer.ts"; export const x = t;'],
    ["a type import", 'import type { t } from "../training/trainer.ts"; export type X = t;'],
    ["an inline type import", 'import { type t } from "../training/trainer.ts"; export type X = t;'],
    ["a side-effect import", 'import "../training/trainer.ts";'],
    ["a re-export", 'export { t } from "../training/trainer.ts";'],
    ["a star re-export", 'export * from "../training/trainer.ts";'],
    ["a dynamic import", 'export const x = () => import("../training/trainer.ts");'],
    ["an import in a type", 'export type X = import("../training/trainer.ts").t;'],
    ["a URL", 'export const x = () => new URL("../training/trainer.ts", import.meta.url);'],
    ["an import with a query", 'import x from "../training/trainer.ts?raw"; export { x };'],
    ["an import from the root", 'import { t } from "/src/training/trainer.ts"; export const x = t;'],
    ["a glob", 'export const x = () => import.meta.glob("../training/*.ts");'],
    ["the worker by its address", 'import url from "../../workers/engine.worker.ts?worker&url"; export { url };'],
    ["tests", 'import { v } from "../../tests/support/values.ts"; export const x = v;'],
  ])("sees %s that points up or across", (_what, text) => {
    expect(broken({ ...HOUSE, "src/ui/panel.ts": text })).toEqual(["src/ui/panel.ts: import"]);
  });

  it("lets core import nothing, types of the protocol included", () => {
    expect(broken({ ...HOUSE, "src/core/a.ts": 'import type { A } from "../protocol/index.ts"; export type B = A;' })).toEqual(["src/core/a.ts: import"]);
  });

  it("gives lower folders the protocol's types and not its values", () => {
    const value = 'import { fields } from "../protocol/index.ts"; export const x = fields;';
    expect(broken({ ...HOUSE, "src/plan/a.ts": value, "src/ui/a.ts": value })).toEqual(["src/plan/a.ts: import"]);
  });

  it("lets nothing import tests, scripts and configuration included", () => {
    const text = 'import { v } from "./tests/support/values.ts"; export default v;';
    expect(broken({ ...HOUSE, "vite.config.ts": text, "scripts/a.ts": text.replace("./", "../") })).toEqual(["vite.config.ts: import", "scripts/a.ts: import"]);
  });

  it("reads code and not comments or strings", () => {
    const text = '// import "../training/trainer.ts"\nexport const x = \'import "../training/trainer.ts"\';';
    expect(broken({ ...HOUSE, "src/ui/panel.ts": text })).toEqual([]);
  });

  it("sees an import of nothing, and one whose target is computed", () => {
    expect(broken({ ...HOUSE, "src/kernels/a.ts": 'import w from "../../shaders/none.wgsl?raw"; export { w };' })).toEqual(["src/kernels/a.ts: unresolved"]);
    expect(broken({ ...HOUSE, "src/ui/a.ts": "export const x = (n: string) => import(n);" })).toEqual(["src/ui/a.ts: unresolved"]);
  });

  it("keeps packages and node: modules in their folders", () => {
    expect(broken({ ...HOUSE, "src/data/a.ts": 'import { readFileSync } from "node:fs"; export { readFileSync };' })).toEqual(["src/data/a.ts: package"]);
    expect(broken({ ...HOUSE, "src/ui/a.ts": 'import { wrap } from "comlink"; export { wrap };' })).toEqual(["src/ui/a.ts: package"]);
    expect(broken({ ...HOUSE, "src/engine/a.ts": 'import { LitElement } from "lit"; export { LitElement };' })).toEqual(["src/engine/a.ts: package"]);
    expect(broken({ ...HOUSE, "src/core/a.ts": 'import x from "left-pad"; export { x };' })).toEqual(["src/core/a.ts: package"]);
  });

  it.each([
    ["shaders/long.wgsl", 150, ""],
    ["workers/long.worker.ts", 60, ""],
    ["src/plan/long.ts", 400, ""],
    ["tests/long.test.ts", 500, ""],
    ["src/ui/long.ts", 200, '@customElement("x-y") class X {}'],
  ])("holds %s to %i lines", (file, budget, text) => {
    expect(broken({ ...HOUSE, [file]: text + lines(budget) })).toEqual([]);
    expect(broken({ ...HOUSE, [file]: text + lines(budget + 1) })).toEqual([`${file}: budget`]);
  });

  it("sees a silenced type error", () => {
    expect(broken({ ...HOUSE, "src/plan/a.ts": `// @ts-${"ignore"}\nexport const x = 1;` })).toEqual(["src/plan/a.ts: ts-ignore"]);
  });

  it("sees WGSL in a string, templates with holes included", () => {
    const shader = "export const w = (n: number) => `@group(0) x; @compute @workgroup_size(${n}) fn main() {}`;";
    expect(broken({ ...HOUSE, "src/kernels/a.ts": shader })).toContain("src/kernels/a.ts: wgsl");
    expect(broken({ ...HOUSE, "src/kernels/a.ts": 'export const w = "var<storage, read> a: array<f32>;";' })).toEqual(["src/kernels/a.ts: wgsl"]);
  });

  it("sees markup and inline handlers in a component's template", () => {
    expect(broken({ ...HOUSE, "src/ui/a.ts": "export const x = (t: string) => html`<p .innerHTML=${t}></p>`;" })).toEqual(["src/ui/a.ts: markup"]);
    expect(broken({ ...HOUSE, "src/ui/a.ts": 'export const x = html`<p onclick="go()"></p>`;' })).toEqual(["src/ui/a.ts: markup"]);
    expect(broken({ ...HOUSE, "src/ui/a.ts": "export const x = html`<p @click=${go} .value=${1}></p>`;" })).toEqual([]);
  });

  it("sees a module that does something when imported; defining an element is allowed", () => {
    expect(broken({ ...HOUSE, "src/plan/a.ts": "export const x = 1; console.log(x);" })).toEqual(["src/plan/a.ts: side-effect"]);
    expect(broken({ ...HOUSE, "src/plan/a.ts": "for (const x of [1]) globalThis.y = x;" })).toEqual(["src/plan/a.ts: side-effect"]);
    expect(broken({ ...HOUSE, "src/ui/a.ts": 'customElements.define("x-y", class extends HTMLElement {});' })).toEqual([]);
  });

  it("says that a file does not parse, rather than pass it", () => {
    expect(broken({ ...HOUSE, "src/plan/a.ts": "export const = ;" })).toEqual(["src/plan/a.ts: syntax"]);
  });
});
