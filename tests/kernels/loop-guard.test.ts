/** The bound on loops: where it is put, what counts by itself, what comments hide. What it does on a device is in tests/bench/lab.gpu.test.ts. */
import { describe, expect, it } from "vitest";
import { NestlingError } from "../../src/core/errors.ts";
import type { AnyKernel } from "../../src/device/types.ts";
import { kernels } from "../../src/kernels/index.ts";
import { GUARD, guardLoops, withGuardedText, withText } from "../../src/kernels/loop-guard.ts";

const all = Object.values(kernels) as unknown as readonly AnyKernel[];
const bodyOf = (wgsl: string): string => wgsl.slice(0, wgsl.indexOf("// Put at the end of a text"));
const shared = (wgsl: string): number => [...bodyOf(wgsl).matchAll(/if \(guard_ends\((\d+)u\)\) \{ break; \}/g)].length;
const own = (wgsl: string): number => [...bodyOf(wgsl).matchAll(/var guard_turns_\d+ = 0u; (for|while|loop)\b/g)].length;

describe("the bound on loops", () => {
  it("stands in every loop's body, first thing, and leaves every line in its place", () => {
    const text = "fn f() {\n  for (var i = 0u; i < 4u; i++) {\n    a();\n  }\n  while (b()) { c(); }\n  loop {\n    if (d()) { break; }\n    continuing { i++; }\n  }\n}\n";
    const { wgsl, lines } = guardLoops(text);
    expect(lines).toEqual([6, 5, 2]);
    expect(shared(wgsl)).toBe(3);
    expect(bodyOf(wgsl).split("\n").map((line) => line.replace(/ if \(guard_ends\(\d+u\)\) \{ break; \} /, ""))).toEqual([...text.split("\n"), ""]);
  });

  it("counts a loop around a barrier for itself, also where a function of the text has the barrier", () => {
    const text = "fn meet() { workgroupBarrier(); }\nfn deep() { meet(); }\nfn main() {\n  for (var i = 0u; i < 4u; i++) { for (var j = 0u; j < 4u; j++) { x(); } deep(); }\n  while (a) { subgroupAdd(1.0); }\n}\n";
    const { wgsl } = guardLoops(text);
    expect([own(wgsl), shared(wgsl)]).toEqual([2, 1]);
    expect(own(guardLoops(text, true).wgsl)).toBe(3);
  });

  it("is deceived by no comment", () => {
    const hidden = "fn f() { /* for (;;) { /* nested */ } */ // while (true) {\n loop { break; } }";
    expect(guardLoops(hidden).lines).toEqual([2]);
    // A line ends for WGSL where it ends here: what follows counts.
    for (const end of ["\u2028", "\u0085", "\r"]) expect(shared(guardLoops(`fn f() { // x${end} loop { } }`).wgsl)).toBe(1);
    expect(guardLoops("fn f() { /* for ( */ /* } */ forward(); loops += 1; }").lines).toEqual([]);
  });

  it("takes texts that are not WGSL without harm, and refuses one that is loops alone", () => {
    for (const text of ["", "}}}}((", "for", "for (", "loop", "fn", "fn {", "while }{", "/* /*", "loop {"]) expect(guardLoops(text).wgsl.startsWith(text.slice(0, 4))).toBe(true);
    expect(() => guardLoops("loop {".repeat(501))).toThrow(NestlingError);
    expect(() => guardLoops("loop {}".repeat(501))).toThrow(/501 loops and functions; 500 are allowed/);
  });

  it("finds every loop of every shipped text, and leaves room for its binding", () => {
    for (const kernel of all) {
      expect(Object.keys(kernel.bindings).length, kernel.name).toBeLessThan(8);
      kernel.variants.forEach((variant, index) => {
        const { kernel: guarded, lines } = withGuardedText(kernel, index, variant.wgsl);
        const bare = variant.wgsl.replace(/\/\/.*$/gm, "");
        expect(lines.length, variant.name).toBe([...bare.matchAll(/\b(for|while|loop)\b\s*[({]/g)].length);
        expect(Object.keys(guarded.bindings)).toEqual([...Object.keys(kernel.bindings), GUARD]);
        expect(guarded.variants[index]!.workgroups).toBe(variant.workgroups);
      });
    }
  });
});

describe("a kernel with another text", () => {
  it("keeps everything but the text of one variant", () => {
    const kernel = kernels.softmax as unknown as AnyKernel;
    const other = withText(kernel, 1, "x");
    expect(other.variants.map(({ wgsl }) => wgsl)).toEqual(kernel.variants.map(({ wgsl }, i) => (i === 1 ? "x" : wgsl)));
    expect({ ...other, variants: 0 }).toEqual({ ...kernel, variants: 0 });
    expect(other.variants[1]!.workgroups).toBe(kernel.variants[1]!.workgroups);
  });
});
