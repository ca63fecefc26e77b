/**
 * Promise 17, read from the shaders' text: no variant that a device without features gets asks for more than the specification's
 * defaults: 8 storage buffers, 256 invocations, 16 KiB of workgroup memory, no extension. Contracts: tests/kernels/contracts.test.ts.
 */
import { describe, expect, it } from "vitest";
import { headerText } from "../../src/device/webgpu/pipelines.ts";
import type { AnyKernel, AnyVariant } from "../../src/device/types.ts";
import { kernels } from "../../src/kernels/index.ts";

const LIMITS = { buffers: 8, invocations: 256, workgroupBytes: 16 * 1024, dimsBytes: 64 } as const;
const SCALAR_BYTES: Readonly<Record<string, number>> = { f32: 4, u32: 4, i32: 4, f16: 2, bool: 4 };

const withoutComments = (wgsl: string): string => wgsl.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\/\/.*$/gm, "");

const all = (Object.values(kernels) as unknown as AnyKernel[]).flatMap((kernel) => kernel.variants.map((variant) => ({ title: `${kernel.name} [${variant.name}]`, kernel, variant })));

/** Dims of the largest model that a recipe may ask for, where a variant's constants depend on them. */
const largest = (kernel: AnyKernel): Record<string, number> => Object.fromEntries(Object.keys(kernel.dims).map((name) => [name, name === "HS" ? 128 : 4096]));

interface Demand {
  readonly buffers: number;
  readonly invocations: number;
  readonly workgroupBytes: number;
  readonly extensions: readonly string[];
}

/** The types of a struct's members; commas within angle brackets separate nothing. */
const membersOf = (body: string): string[] => body.replace(/\s+/g, "").split(/,(?![^<]*>)/).filter(Boolean).map((member) => member.slice(member.indexOf(":") + 1));

/** What a module asks of a device. @throws Error where it uses a size that this reader does not know */
export function demandOf(wgsl: string, given: Readonly<Record<string, number>> = {}): Demand {
  const text = withoutComments(wgsl);
  const constants = new Map(Object.entries(given));
  const valueOf = (expression: string): number => {
    const bare = expression.trim().replace(/u$/, "");
    if (/^\d+$/.test(bare)) return Number(bare);
    const product = bare.split("*");
    if (product.length > 1) return product.map(valueOf).reduce((a, b) => a * b);
    const known = constants.get(expression.trim());
    if (known === undefined) throw new Error(`a size "${expression}" that is no constant`);
    return known;
  };
  for (const [, name, value] of text.matchAll(/\b(?:const|override)\s+(\w+)\s*(?::\s*u32)?\s*=\s*([\w *]+);/g)) {
    try {
      constants.set(name!, valueOf(value!));
    } catch {
      // A constant that is no size, such as a float or an expression of one.
    }
  }
  const aliases = new Map([...text.matchAll(/\balias\s+(\w+)\s*=\s*([^;]+);/g)].map(([, name, type]) => [name!, type!.replace(/\s+/g, "")]));
  const structs = new Map([...text.matchAll(/\bstruct\s+(\w+)\s*\{([^}]*)\}/g)].map(([, name, body]) => [name!, membersOf(body!)]));
  const bytesOf = (type: string): number => {
    const array = /^array<(.*),([^,>]+)>$/.exec(type);
    if (array) return bytesOf(array[1]!) * valueOf(array[2]!);
    const vector = /^vec([234])<(\w+)>$/.exec(type);
    // In an array a vec3 takes the room of a vec4, in a matrix a column of three likewise.
    if (vector) return (vector[1] === "3" ? 4 : Number(vector[1])) * SCALAR_BYTES[vector[2]!]!;
    const matrix = /^mat([234])x([234])<(\w+)>$/.exec(type);
    if (matrix) return Number(matrix[1]) * bytesOf(`vec${matrix[2]}<${matrix[3]}>`);
    if (aliases.has(type)) return bytesOf(aliases.get(type)!);
    // Every member counted as if it began at 16 bytes: never less than it is.
    if (structs.has(type)) return structs.get(type)!.reduce((sum, member) => sum + 16 * Math.ceil(bytesOf(member) / 16), 0);
    const bytes = SCALAR_BYTES[/^atomic<(\w+)>$/.exec(type)?.[1] ?? type];
    if (bytes === undefined) throw new Error(`a type "${type}" in workgroup memory`);
    return bytes;
  };
  const sizes = [...text.matchAll(/@workgroup_size\(([^)]*)\)/g)];
  if (sizes.length !== 1) throw new Error(`${sizes.length} entry points`);
  return {
    buffers: [...text.matchAll(/var<storage[^>]*>/g)].length,
    invocations: sizes[0]![1]!.split(",").filter((part) => part.trim()).map(valueOf).reduce((a, b) => a * b),
    workgroupBytes: [...text.matchAll(/var<workgroup>\s*\w+\s*:\s*([^;]+);/g)].map(([, type]) => bytesOf(type!.replace(/\s+/g, ""))).reduce((a, b) => a + b, 0),
    extensions: [...text.matchAll(/^\s*(?:enable|requires)\s+([^;]+);/gm)].map(([, names]) => names!.trim()),
  };
}

const demandOfVariant = (kernel: AnyKernel, variant: AnyVariant): Demand => demandOf(headerText({ ...variant, constants: undefined }, largest(kernel)) + variant.wgsl, variant.constants?.(largest(kernel)));

describe("the reader of demands", () => {
  it("counts buffers, invocations, workgroup memory and extensions, and refuses sizes it cannot read", () => {
    const wgsl = `
      enable f16; // a comment with var<workgroup> x: array<f32, 9999>;
      const SIDE: u32 = 16u;
      var<workgroup> a: array<vec4<f32>, SIDE>;
      var<workgroup> b: array<array<f32, 17>, SIDE>;
      var<workgroup> flag: atomic<u32>;
      alias Element = vec2<f32>;
      struct Pair { a: mat4x4<f32>, b: array<Element, 2>, c: f32 }
      var<workgroup> pairs: array<Pair, 3>;
      @group(0) @binding(0) var<storage, read> inp: array<f32>;
      @group(0) @binding(1) var<storage, read_write> out: array<f32>;
      @compute @workgroup_size(SIDE, SIDE * 2) fn main() {}`;
    expect(demandOf(wgsl)).toEqual({ buffers: 2, invocations: 512, workgroupBytes: 256 + 17 * 16 * 4 + 4 + 3 * (64 + 16 + 16), extensions: ["f16"] });
    expect(() => demandOf(wgsl.replace("SIDE>;", "side>;"))).toThrow('a size "side"');
  });
});

describe.each(all)("$title", ({ kernel, variant }) => {
  it("asks for no more than the smallest legal device has", () => {
    const demand = demandOfVariant(kernel, variant);
    expect(demand.invocations).toBeLessThanOrEqual(LIMITS.invocations);
    expect(demand.workgroupBytes).toBeLessThanOrEqual(LIMITS.workgroupBytes);
    expect(demand.buffers).toBeLessThanOrEqual(LIMITS.buffers);
    expect(demand.buffers).toBe(Object.keys(kernel.bindings).length);
    expect(4 * Object.keys(kernel.dims).length).toBeLessThanOrEqual(LIMITS.dimsBytes);
    // What needs a feature must say so, and must have a plain variant beside it that does not.
    expect(demand.extensions.length > 0).toBe((variant.requires ?? []).length > 0);
    expect(kernel.variants[0]!.requires ?? []).toEqual([]);
  });
});

describe("all kernels", () => {
  it("reach these figures", () => {
    const demands = all.map(({ title, kernel, variant }) => ({ title, ...demandOfVariant(kernel, variant) }));
    const most = (key: "buffers" | "invocations" | "workgroupBytes"): string => {
      const top = demands.reduce((a, b) => (b[key] > a[key] ? b : a));
      return `${key} ${top[key]} of ${LIMITS[key]} (${top.title})`;
    };
    console.info(`${demands.length} variants: ${most("buffers")}, ${most("invocations")}, ${most("workgroupBytes")}`);
    expect(demands.length).toBeGreaterThanOrEqual(Object.keys(kernels).length);
  });
});
