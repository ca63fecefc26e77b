/** Every shader says the same as its contract: bindings, access, element types, dims. Read as text; nothing is compiled here. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { accessOf, elementTypeOf } from "../../src/device/launch.ts";
import type { AnyKernel, AnyVariant } from "../../src/device/types.ts";
import { kernels } from "../../src/kernels/index.ts";
import { guardLoops } from "../../src/kernels/loop-guard.ts";

const MAX_STORAGE_BUFFERS = 8; // the specification's default
const MAX_INVOCATIONS = 256;

const shaders = fileURLToPath(new URL("../../shaders/", import.meta.url));
const all: readonly AnyKernel[] = Object.values(kernels) as unknown as AnyKernel[];
const variants = all.flatMap((kernel) => kernel.variants.map((variant) => ({ name: `${kernel.name} [${variant.name}]`, kernel, variant })));

const withoutComments = (wgsl: string): string => wgsl.replace(/\/\/.*$/gm, "").replace(/\/\*[\s\S]*?\*\//g, "");

interface Declared {
  readonly group: number;
  readonly binding: number;
  readonly space: string;
  readonly name: string;
  readonly type: string;
}

function declarations(wgsl: string): Declared[] {
  const pattern = /@group\((\d+)\)\s*@binding\((\d+)\)\s*var<([^>]*)>\s*(\w+)\s*:\s*([^;]+);/g;
  return [...withoutComments(wgsl).matchAll(pattern)].map(([, group, binding, space, name, type]) => ({
    group: Number(group),
    binding: Number(binding),
    space: space!.replace(/\s+/g, ""),
    name: name!,
    type: type!.replace(/\s+/g, ""),
  }));
}

/** The scalar at the bottom of an array's element type: array<vec4<f32>> and an alias of it are f32. */
function scalarOf(type: string, wgsl: string): string {
  const element = /^array<(.+)>$/.exec(type)?.[1] ?? type;
  const alias = new RegExp(`alias\\s+${element}\\s*=\\s*([^;]+);`).exec(wgsl)?.[1];
  return /(f32|u32|i32)/.exec(element)?.[1] ?? (alias === undefined ? element : scalarOf(alias, wgsl));
}

function dimsOf(wgsl: string): [string, string][] {
  const body = /struct\s+Dims\s*\{([^}]*)\}/.exec(withoutComments(wgsl))?.[1] ?? "";
  return body
    .split(",")
    .map((field) => field.trim())
    .filter(Boolean)
    .map((field) => field.split(":").map((part) => part.trim()) as [string, string]);
}

/** `const NAME: u32 = 12u;` in the module, or what the variant's `constants` emit. */
function constantsOf(variant: AnyVariant, kernel: AnyKernel): Map<string, number> {
  const found = [...withoutComments(variant.wgsl).matchAll(/const\s+(\w+)\s*(?::\s*\w+)?\s*=\s*(\d+)u?\s*;/g)].map(
    ([, name, value]) => [name!, Number(value)] as const,
  );
  const dims = Object.fromEntries(Object.keys(kernel.dims).map((name) => [name, 16]));
  return new Map([...found, ...Object.entries(variant.constants?.(dims) ?? {})]);
}

describe.each(variants)("$name", ({ kernel, variant }) => {
  const declared = declarations(variant.wgsl);

  it("declares the contract's bindings, in order, with their access and element type", () => {
    const storage = declared.filter(({ group }) => group === 0);
    expect(storage.map(({ name }) => name)).toEqual(Object.keys(kernel.bindings));
    expect(storage.map(({ binding }) => binding)).toEqual(storage.map((_, i) => i));
    for (const { name, space, type } of storage) {
      const spec = kernel.bindings[name]!;
      expect({ name, space }).toEqual({ name, space: accessOf(spec) === "read" ? "storage,read" : "storage,read_write" });
      expect({ name, scalar: scalarOf(type.replace(/atomic<(.*)>/, "$1"), variant.wgsl) }).toEqual({ name, scalar: elementTypeOf(spec) === "f32" ? "f32" : "u32" }); // bf16 lies packed in u32
    }
  });

  it("reads the contract's dims, in order, from the uniform at group 1", () => {
    expect(declared.filter(({ group }) => group !== 0)).toEqual([{ group: 1, binding: 0, space: "uniform", name: "dims", type: "Dims" }]);
    expect(dimsOf(variant.wgsl)).toEqual(Object.entries(kernel.dims));
  });

  it("has one entry point, main, within the default limits", () => {
    expect(declared.filter(({ space }) => space.startsWith("storage")).length).toBeLessThanOrEqual(MAX_STORAGE_BUFFERS);
    const entries = [...withoutComments(variant.wgsl).matchAll(/@compute\s*@workgroup_size\(([^)]*)\)\s*fn\s+(\w+)/g)];
    expect(entries.map((entry) => entry[2])).toEqual(["main"]);
    const constants = constantsOf(variant, kernel);
    const size = entries[0]![1]!
      .split(/[,*]/)
      .map((part) => part.trim())
      .filter(Boolean)
      .map((part) => constants.get(part) ?? Number.parseInt(part, 10));
    const invocations = size.reduce((product, side) => product * side, 1);
    expect(invocations).toBeGreaterThan(0);
    expect(invocations).toBeLessThanOrEqual(MAX_INVOCATIONS);
  });
});

describe("the list of kernels", () => {
  it("holds each under its own name, and every kernel's variants have names of their own", () => {
    for (const [name, kernel] of Object.entries(kernels)) {
      expect(kernel.name).toBe(name);
      const names = kernel.variants.map((variant) => variant.name);
      expect(new Set(names).size).toBe(names.length);
    }
  });

  it("uses every shader file: none lies about", () => {
    const modules = [...variants.map(({ variant }) => variant.wgsl), guardLoops("").wgsl].join("\n");
    const files = readdirSync(shaders, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".wgsl"));
    expect(files.length).toBeGreaterThan(0);
    expect(files.filter((file) => !modules.includes(readFileSync(`${shaders}${file}`, "utf8")))).toEqual([]);
  });

  it("calls WebAssembly exports by names of their own", () => {
    // What is stored as halves reaches the export of the same kernel unpacked, of either format.
    const again = ({ name }: AnyKernel): boolean => all.some((other) => name !== other.name && (name.startsWith(`${other.name}Bf16`) || name.startsWith(`${other.name}F16`))) || /^matmulNTF16ABOut$/.test(name);
    const names = all.flatMap((kernel) => (again(kernel) ? [] : (kernel.wasm ?? [])));
    expect(new Set(names).size).toBe(names.length);
  });
});
