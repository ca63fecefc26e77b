/**
 * A second WebGPU implementation: wgpu and naga, which Firefox uses, by way of Deno's npm package in this folder. It must take every
 * shader, and train the smallest models to the same losses as Dawn, which everything else here runs on.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AnyKernel } from "../../src/device/types.ts";
import { kernels } from "../../src/kernels/index.ts";
import { ofOneThread, withOneThread } from "../support/adapter-threads.ts";
import { gpuDevice } from "../support/gpu.ts";
import "../support/one-thread.ts";
import { relativeL2 } from "../support/micro.ts";
import { bundleProgram, findDeno, findLavapipe, HOW_TO_INSTALL, runUnderDeno } from "./build.ts";
import { formOf, halfOf, STEPS, trainAll, type Trace } from "./checks.ts";
import type { Answer } from "./program.ts";

const MINUTE_MS = 60_000;
const TOLERANCE = 1e-4;
/** Features that naga lacks or this adapter does not offer, and that a kernel may have a variant for beside a plain twin. */
const OPTIONAL_FEATURES = ["subgroups", "shader-f16"];

const deno = findDeno();
const missing = `Deno is not installed; ${HOW_TO_INSTALL} brings it`;
if (deno === null) console.warn(`SKIPPED, the second WebGPU implementation: ${missing}.`);
const lavapipe = findLavapipe();
if (lavapipe === null) console.warn("SKIPPED, half precision: Mesa's lavapipe, which has it, is not installed (Debian: mesa-vulkan-drivers; another place: NESTLING_LAVAPIPE=.../lvp_icd.x86_64.json).");

const nightly = Boolean(process.env["NESTLING_NIGHTLY"]);
const drivers = [
  { title: "on the driver of the other tests", driver: null, short: false, f16: false },
  ...(lavapipe === null ? [] : [{ title: "on lavapipe", driver: lavapipe, short: !nightly, f16: true }]),
];

const all = (Object.values(kernels) as unknown as AnyKernel[]).flatMap((kernel) => kernel.variants.map((variant) => `${kernel.name}/${variant.name}`));

/** Parameters but for the key third of each attention bias: its gradient is zero but for rounding, which AdamW scales up to whole steps. */
function comparable({ weights }: Trace): Map<string, readonly number[]> {
  const withoutKeys = (name: string, data: readonly number[]): readonly number[] =>
    name.endsWith("attn.c_attn.bias") ? data.filter((_, i) => Math.floor((3 * i) / data.length) !== 1) : data;
  return new Map(Object.entries(weights).map(([name, data]) => [name, withoutKeys(name, data)]));
}

describe.skipIf(deno === null)(`wgpu and naga${deno === null ? ` (skipped: ${missing})` : ""}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "nestling-naga-"));
  let program: string;

  beforeAll(async () => {
    program = await bundleProgram(join(folder, "bundle"));
  }, MINUTE_MS);

  afterAll(() => rmSync(folder, { recursive: true }));

  describe.each(drivers)("$title", ({ driver, short, f16 }) => {
    let answer: Answer;
    let dawn: readonly Trace[];

    beforeAll(async () => {
      answer = JSON.parse(await runUnderDeno(deno!, program, join(folder, "deno"), { driver, ...(ofOneThread && { cwd: withOneThread(folder) }), args: [...(short ? ["short"] : []), ...(nightly ? ["every"] : [])] })) as Answer;
      dawn = await trainAll(await gpuDevice(), short);
      const { adapter, compilation, seconds } = answer;
      console.info(
        `${adapter.description}${adapter.f16 ? " with" : " without"} shader-f16: of ${all.length} variants ${compilation.compiled.length} modules became pipelines and ${compilation.validated.length} more were validated in ` +
          `${seconds.compile.toFixed(1)} s (machine shared), ${compilation.unsupported.length} left for want of a feature; trained in ${seconds.train.toFixed(1)} s`,
      );
    }, 6 * MINUTE_MS);

    it(`takes every shader and variant, ${nightly ? "each" : "one of each form"} through to its pipeline, and refuses a shader that is wrong`, () => {
      const { failed, compiled, validated, unsupported } = answer.compilation;
      expect(failed).toEqual([]);
      expect(unsupported.filter(({ feature }) => !OPTIONAL_FEATURES.includes(feature))).toEqual([]);
      expect([...new Set([...compiled, ...validated, ...unsupported].map(({ name }) => name))].sort()).toEqual([...all].sort());
      // The plain twin of what needs a feature is among those compiled.
      const plain = (Object.values(kernels) as unknown as AnyKernel[]).filter(({ name }) => nightly || halfOf(name) === undefined).map((kernel) => `${kernel.name}/${kernel.variants[0]!.name}`);
      expect(plain.filter((name) => !compiled.some((one) => one.name === name))).toEqual([]);
      // At night each has its pipeline; by day each form.
      const forms = new Set(compiled.map(({ name }) => formOf(...(name.split("/") as [string, string]))));
      expect(validated.filter(({ form }) => nightly || !forms.has(form))).toEqual([]);
      expect(answer.runtime).toMatch(/^Deno\//);
      expect(answer.refusal.join()).toContain("missing");
      expect(answer.uncaptured).toEqual([]);
    });

    it(`trains each family for ${short ? "a few" : STEPS} steps to Dawn's losses, norms and weights within ${TOLERANCE}`, () => {
      expect(answer.traces.map(({ name }) => name)).toEqual(dawn.map(({ name }) => name));
      for (const [i, want] of dawn.entries()) {
        const got = answer.traces[i]!;
        const apart = (a: readonly number[], b: readonly number[]): number => Math.max(...b.map((value, step) => Math.abs(a[step]! - value)));
        const losses = apart(got.losses, want.losses);
        const norms = apart(got.gradNorms, want.gradNorms);
        const mine = comparable(got);
        const off = [...comparable(want)].map(([name, data]) => ({ name, off: relativeL2(mine.get(name) ?? [], data) }));
        const worst = off.reduce((a, b) => (b.off > a.off ? b : a));
        console.info(`${want.name}, ${want.steps} steps: losses within ${losses.toExponential(1)}, gradient norms ${norms.toExponential(1)}, held out ${Math.abs(got.held - want.held).toExponential(1)}, weights ${worst.off.toExponential(1)} relative (${worst.name})`);
        expect(got.losses).toHaveLength(want.steps);
        expect(want.losses.at(-1)!).toBeLessThan(want.losses[0]! - 0.1);
        expect(losses).toBeLessThanOrEqual(TOLERANCE);
        expect(norms).toBeLessThanOrEqual(TOLERANCE);
        expect(Math.abs(got.held - want.held)).toBeLessThanOrEqual(TOLERANCE);
        // Not by the worst: what is missing or not a number is greater than nothing.
        expect(off.filter((each) => !(each.off <= TOLERANCE))).toEqual([]);
        expect([...mine.keys()]).toEqual(off.map(({ name }) => name));
      }
      expect(dawn.some(({ steps }) => steps === STEPS)).toBe(!short);
    });

    it.runIf(f16)("computes in half precision within what WGSL allows", () => {
      expect(answer.adapter.f16).toBe(true);
      console.info(`${answer.f16!.results} results in f16, ${answer.f16!.rounded} of them rounded where f32 would not have been`);
      expect(answer.f16!.wrong).toEqual([]);
      // Arithmetic that is secretly f32 would round hardly anything.
      expect(answer.f16!.rounded).toBeGreaterThan(answer.f16!.results / 2);
    });

    it.runIf(f16)("trains in float16 with products that multiply in f16, near float32, and leaves out steps that f16 cannot hold", () => {
      expect(answer.inF16.map(({ name }) => name)).toEqual(["gpt2", "llama"]);
      for (const { name, inF16, products, losses, full, held, heldFull, overflow, skippedInF32 } of answer.inF16) {
        const off = Math.max(...losses.map((loss, i) => Math.abs(loss / full[i]! - 1)));
        console.info(`${name}, ${losses.length} steps, ${inF16} of ${products} products in f16: losses within ${off.toExponential(1)} of float32's, held out ${held.toFixed(4)} and ${heldFull.toFixed(4)}; from a scale of 2^40 ${overflow.skipped} steps left out, ${skippedInF32} where products multiply in f32`);
        expect(inF16).toBeGreaterThan(products / 2);
        expect(losses).not.toEqual(full);
        expect(losses.at(-1)!).toBeLessThan(losses[0]! - 0.3);
        // Promise 9: within 1 % at the end of 500 steps (at night).
        expect(Math.abs(held / heldFull - 1)).toBeLessThan(0.01);
        expect(overflow).toMatchObject({ changed: 0, lossesFinite: true, scale: 2 ** (40 - overflow.skipped) });
        expect(overflow.skipped).toBeGreaterThan(5);
        expect(overflow.skipped).toBeLessThan(40);
        expect(skippedInF32).toBe(0);
      }
    });
  });
});
