/** The tuner on a device: what it finds wrong it never takes, what it takes is right, and a run keeps its promises whatever was remembered. */
import { beforeAll, describe, expect, it } from "vitest";
import type { AnyKernel, Device } from "../../src/device/types.ts";
import { KernelChoices } from "../../src/engine/kernel-choices.ts";
import { softmax } from "../../src/kernels/softmax.ts";
import { tune, type TuneOptions, type Tuning } from "../../src/plan/tuner.ts";
import { Recorder, type Recording } from "../../src/plan/recorder.ts";
import { newTensor } from "../../src/plan/tensor.ts";
import { chooseVariant, ownKey, usableVariants, type VariantChoices } from "../../src/plan/variants.ts";
import { MemoryStorage } from "../../src/store/index.ts";
import { losses, microPrograms, microSource, microTrainer, unevenMasks, webGpu, weightsHash, type MicroOptions } from "../support/micro.ts";

let device: Device;
beforeAll(async () => {
  device = await webGpu();
});

const clock = { now: () => performance.now(), breathe: async () => {} };
const [plain, , byRow] = softmax.variants;

/** The plain variant under another name: the same bits at about the same speed. */
const twin = { ...plain, name: "twin" } as unknown as AnyKernel["variants"][number];

/** Softmax with variants beside its own and the twin. */
const withVariants = (...more: AnyKernel["variants"]): AnyKernel => ({ ...(softmax as unknown as AnyKernel), name: "softmax", variants: [plain, twin, byRow, ...more] as unknown as AnyKernel["variants"] });
/** Rows are shared by a workgroup there, so that sums run in another order. */
const SAME_BITS = ["thread-per-row", "twin"];

/** One element in a row of 33 wrong: the sum forgets it. */
const forgetful = { ...plain, name: "forgetful", wgsl: plain!.wgsl.replace("var i = first; i < end; i++) {\n    sums", "var i = first + 1u; i < end; i++) {\n    sums") } as unknown as AnyKernel["variants"][number];
const broken = { ...plain, name: "broken", wgsl: plain!.wgsl.replace("let scale", "let let scale") } as unknown as AnyKernel["variants"][number];

function recordingOf(kernel: AnyKernel, ...shapes: readonly (readonly [number, number])[]): Recording {
  const r = new Recorder("program", false);
  for (const [N, C] of shapes) r.launch(kernel as never, { inp: newTensor("inp", [N, C], "inputs"), out: newTensor("out", [N, C], "outputs") } as never, { N, C } as never);
  return r.recording();
}

const run = (kernel: AnyKernel, options: Partial<TuneOptions> = {}): Promise<Tuning> =>
  tune(device, [recordingOf(kernel, [64, 33], [8, 33], [64, 33])], { budgetMs: 20_000, ...clock, ...options });

/** The device with something else to say of itself; its methods work on the real one. */
const saying = (changes: Partial<Device>): Device =>
  new Proxy(device, { get: (target, name) => {
    if (name in changes) return Reflect.get(changes, name) as unknown;
    const value: unknown = Reflect.get(target, name, target);
    return typeof value === "function" ? (value.bind(target) as unknown) : value;
  } });
// Listed last, the forgetful one is what a device without dear barriers takes unmeasured.
const eager = (changes: Partial<Device> = {}): Device => saying({ barriersAreDear: false, ...changes });
const noTime = { budgetMs: -1, ...clock };

describe("the tuner", () => {
  it("times each kernel at each size, and counts how often the programs launch it", async () => {
    const { report, choices } = await run(withVariants());
    expect(report).toMatchObject({ sites: 2, timed: 2, remembered: 0, wrong: [] });
    expect(report.rows.map(({ dims, launches }) => [dims, launches])).toEqual([[{ N: 64, C: 33 }, 2], [{ N: 8, C: 33 }, 1]]);
    for (const { candidates, variant } of report.rows) {
      expect(candidates.map(({ name }) => name)).toEqual(SAME_BITS);
      expect(candidates.every(({ ms }) => ms > 0)).toBe(true);
      expect(SAME_BITS).toContain(variant);
    }
    expect(Object.keys(choices)).toEqual(["softmax 64,33", "softmax 8,33"]);
  });

  it("names a variant whose result is wrong, or that does not compile, and never takes it, at no size", async () => {
    expect(forgetful.wgsl).not.toBe(plain!.wgsl);
    const { report, choices } = await run(withVariants(forgetful, broken));
    expect(Object.fromEntries(report.wrong.map(({ variant, why }) => [variant, why]))).toEqual({
      "softmax/forgetful": expect.stringMatching(/differs from the plain variant's by .* 0\.0001 is allowed/),
      "softmax/broken": expect.stringContaining("does not compile"),
    });
    for (const variant of Object.values(choices)) expect(SAME_BITS).toContain(variant);
  });


  it("takes nothing that is wrong, also where no time is left to look, and does not look again at what was seen", async () => {
    const recordings = [recordingOf(withVariants(forgetful), [64, 33], [8, 33])];
    const unknown = await tune(eager(), recordings, noTime);
    expect(unknown.choices).toEqual({ "softmax 64,33": byRow!.name, "softmax 8,33": byRow!.name });
    expect(unknown.report).toMatchObject({ timed: 0, wrong: [{ variant: "softmax/forgetful" }] });
    expect(unknown.right).toEqual({ "softmax 64,33": [byRow!.name], "softmax 8,33": [byRow!.name] });
    const known = await tune(eager(), recordings, { ...noTime, knownWrong: { "softmax/forgetful": "seen" }, knownRight: unknown.right });
    expect(known.choices).toEqual(unknown.choices);
    // What is said to be right is not compared: the proof that nothing was looked at.
    const believed = await tune(eager(), recordings, { ...noTime, knownRight: { "softmax 64,33": ["forgetful"], "softmax 8,33": ["forgetful"] } });
    expect(believed.choices).toEqual({ "softmax 64,33": "forgetful", "softmax 8,33": "forgetful" });
  });

  it("finds what is wrong at one size alone, on a software adapter too, where the formula is the judge", async () => {
    const wgsl = forgetful.wgsl.replace("first + 1u; i < end; i++) {\n    sums", "first + select(0u, 1u, dims.N == 64u); i < end; i++) {\n    sums");
    expect(wgsl).not.toBe(forgetful.wgsl);
    const sometimes = { ...forgetful, name: "sometimes", wgsl };
    for (const each of [device, eager()]) {
      const { choices, report } = await tune(each, [recordingOf(withVariants(sometimes), [8, 33], [64, 33])], { ...noTime, known: { softmax: "sometimes" } });
      expect(report.wrong).toEqual([{ variant: "softmax/sometimes", why: expect.stringMatching(/its result at softmax 64,33 differs/) as string }]);
      expect(Object.values(choices)).not.toContain("sometimes");
    }
  });

  it("compares choices made elsewhere too, and takes another where one is wrong here", async () => {
    const { choices, report } = await tune(device, [recordingOf(withVariants(forgetful), [64, 33], [8, 33])], { budgetMs: 20_000, ...clock, known: { softmax: "forgetful" } });
    expect(report.wrong.map(({ variant }) => variant)).toEqual(["softmax/forgetful"]);
    for (const variant of Object.values(choices)) expect(SAME_BITS).toContain(variant);
  });

  it("leaves at the plain variant what is too large to compare and was compared at no other size", async () => {
    const small = eager({ limits: { ...device.limits, maxTotalBytes: 4 * 64 * 33 * 4 } });
    expect((await tune(small, [recordingOf(withVariants(forgetful), [64, 33])], noTime)).choices).toEqual({ "softmax 64,33": plain!.name });
    const also = await tune(small, [recordingOf(withVariants(), [64, 33], [8, 33])], noTime);
    expect(also.choices).toEqual({ "softmax 64,33": byRow!.name, "softmax 8,33": byRow!.name });
    expect(also.right).toEqual({ "softmax 8,33": [byRow!.name] });
  });

  it("leaves alone what is known, and ends when its budget is spent or it is stopped", async () => {
    const known = await run(withVariants(), { known: { softmax: byRow!.name } });
    expect(known.report).toMatchObject({ remembered: 2, timed: 0 });
    expect(known.choices).toEqual({ "softmax 64,33": byRow!.name, "softmax 8,33": byRow!.name });
    const hurried = await run(withVariants(), { budgetMs: -1 });
    expect(hurried.report.timed).toBe(0);
    expect(Object.keys(hurried.choices)).toHaveLength(2);
    await expect(run(withVariants(), { shouldStop: () => true })).rejects.toThrow(/CANCELLED/);
  });

  it("spends what time there is on the dearest kernel, and none of it on looking at others first", async () => {
    const cheap = ["one", "two", "three"].map((name) => recordingOf({ ...withVariants(forgetful), name }, [2, 33], [4, 33]));
    const recordings = [...cheap, recordingOf(withVariants(), [128, 64])];
    // A clock that only looking moves: a third of what the whole takes.
    const ticking = (): (() => number) => {
      let ticks = 0;
      return () => ++ticks;
    };
    const whole = await tune(device, recordings, { budgetMs: Infinity, now: ticking(), breathe: clock.breathe });
    expect(whole.report).toMatchObject({ sites: 7, timed: 7 });
    const third = await tune(device, recordings, { budgetMs: whole.report.spentMs / 3, now: ticking(), breathe: clock.breathe });
    expect(Object.keys(third.timed)).toContain("softmax 128,64");
    expect(third.report.timed).toBeLessThan(4);
    expect(third.report.spentMs).toBeLessThan(whole.report.spentMs / 2);
  });

  it("checks what training would take even where time is up by then, and times nothing that it did not compare with that", async () => {
    let looks = 0;
    const { report, choices } = await tune(device, [recordingOf(withVariants(forgetful), [64, 33])], { budgetMs: 1, now: () => ++looks, breathe: clock.breathe });
    expect(report.timed).toBe(0);
    expect(report.wrong.map(({ variant }) => variant)).toEqual(["softmax/forgetful"]);
    expect(SAME_BITS).toContain(choices["softmax 64,33"]);
  });
});

describe("what training launches", () => {
  const lora = { type: "lora", r: 4, lora_alpha: 8, target_modules: ["c_attn", "mlp.c_proj"] } as const;
  const cases: readonly (readonly [string, MicroOptions])[] = [
    ["GPT-2, its quiz, dropout", { quiz: true, model: { dropout: 0.1 } }], ["Llama", { family: "llama" }], ["GPT-2 with LoRA, in bfloat16", { lora, dtype: "bfloat16" }], ["Llama in float16", { family: "llama", dtype: "float16" }],
    ["a stage held to its parent", { shape: { objective: { kind: "next-token", klWeight: 1 }, l2Weight: 0.1 } }], ["preferences", { shape: { objective: { kind: "preference", beta: 0.1, alpha: 0.3 } } }],
  ];

  it.each(cases)("is all compared, and all of it right, so that nothing stays at the plain variant for want of a look: %s", async (_, options) => {
    // Variants of graphics cards take long to compile here: of each family once.
    for (const each of options.quiz || options.dtype === "float16" ? [device, eager()] : [device]) {
      const { recordings } = microPrograms(options);
      const { choices, report, right } = await tune(each, recordings, noTime);
      expect(report.wrong).toEqual([]);
      const usual = Object.fromEntries(recordings.flatMap(({ launches }) => launches).filter((launch) => usableVariants(each, launch).length > 1)
        .map((launch) => [ownKey(launch), launch.kernel.variants[chooseVariant(each, launch, {})]!.name]));
      expect(choices).toEqual(usual);
      const plainAt = new Map(recordings.flatMap(({ launches }) => launches).map((launch) => [ownKey(launch), launch.kernel.variants[0]!.name]));
      expect(Object.keys(right).sort()).toEqual(Object.keys(usual).filter((key) => usual[key] !== plainAt.get(key)).sort());
    }
  }, 300_000);
});

const STEPS = 40;
const SAVED_AT = 15;
const report = { kind: "webgpu", name: "test", why: "", fallbackAdapter: true, features: [], limits: {} } as const;
const hooks = { onProgress: () => {}, shouldStop: () => false, onChanged: () => {} };

describe.each(["gpt2", "llama"] as const)("a tuned run of %s", (family) => {
  const options: MicroOptions = { family, model: { dropout: 0.1 }, source: unevenMasks(microSource()) };
  /** As a run begins on a machine that remembers nothing. */
  const choose = async (frozen: VariantChoices | null): Promise<VariantChoices> =>
    (await new KernelChoices(device, report, new MemoryStorage(), { ...clock, userAgent: "test" }, 3000).choose([microPrograms(options)], frozen, hooks)).choices;

  it(`has the same bits after ${STEPS} steps when it is timed anew, and when it is resumed with its checkpoint's choices`, async () => {
    const hashes: string[] = [];
    const taken: VariantChoices[] = [];
    let saved: Awaited<ReturnType<Awaited<ReturnType<typeof microTrainer>>["snapshot"]>> | null = null;
    for (let turn = 0; turn < 2; turn++) {
      const trainer = await microTrainer(device, { ...options, compile: { choices: await choose(null) } });
      await losses(trainer, SAVED_AT);
      saved = await trainer.snapshot(true);
      await losses(trainer, STEPS - SAVED_AT);
      hashes.push(weightsHash(await trainer.snapshot(false)));
      taken.push(trainer.plan.choices);
      trainer.destroy();
    }
    const resumed = await microTrainer(device, { ...options, compile: { choices: await choose(taken[1]!) } });
    expect(resumed.plan.choices).toEqual(taken[1]);
    resumed.restore(saved!);
    await losses(resumed, STEPS - SAVED_AT);
    hashes.push(weightsHash(await resumed.snapshot(false)));
    resumed.destroy();
    const differ = Object.keys({ ...taken[0], ...taken[1] }).filter((key) => taken[0]![key] !== taken[1]![key]);
    console.info(`${family}: ${hashes.map((hash) => hash.slice(0, 12)).join(", ")}; ${differ.length} choices differ between the two timings`);
    expect(new Set(hashes).size).toBe(1);
  });
});

describe("what was found on a device", () => {
  const recordings = [{ recordings: [recordingOf(withVariants(forgetful), [64, 33], [8, 33])] }];
  const choices = (storage: MemoryStorage, userAgent: string, budgetMs = 20_000, driver = "driver 1"): KernelChoices => new KernelChoices(device, report, storage, { ...clock, userAgent, graphics: async () => driver }, budgetMs);

  it("is remembered with what was wrong, for this browser, this driver and this kernel's text alone", async () => {
    const storage = new MemoryStorage();
    const first = await choices(storage, "Chrome 1").choose(recordings, null, hooks);
    expect(first.report).toMatchObject({ timed: 2, remembered: 0 });
    const second = await choices(storage, "Chrome 1", -1).choose(recordings, null, hooks);
    expect(second.report).toMatchObject({ timed: 0, remembered: 2 });
    expect(second.report!.wrong.map(({ variant }) => variant)).toEqual(["softmax/forgetful"]);
    expect(second.choices).toEqual(first.choices);
    expect((await choices(storage, "Chrome 2").choose(recordings, null, hooks)).report).toMatchObject({ timed: 2, remembered: 0 });
    expect((await choices(storage, "Chrome 1", undefined, "driver 2").choose(recordings, null, hooks)).report).toMatchObject({ timed: 2, remembered: 0 });
    const edited = [{ recordings: [recordingOf(withVariants({ ...forgetful, wgsl: `${plain!.wgsl}\n// edited` }), [64, 33], [8, 33])] }];
    const third = await choices(storage, "Chrome 1").choose(edited, null, hooks);
    expect(third.report).toMatchObject({ timed: 2, remembered: 0, wrong: [] });
  });

  it("is looked for in rows of several documents: attention that ignores where they begin is wrong", async () => {
    const programs = microPrograms();
    const forgets = new Map<AnyKernel, AnyKernel>();
    const recordings = programs.recordings.map((recording) => ({ ...recording, launches: recording.launches.map((launch) => {
      if (!launch.kernel.name.startsWith("attention") || !("start" in launch.kernel.bindings)) return launch;
      const { kernel } = launch;
      // The plain one is right; every other reads row 0 as the beginning of its document.
      const variants = kernel.variants.map((variant, i) => (i === 0 ? variant : { ...variant, wgsl: variant.wgsl.replaceAll(/\bstart\[[^\]]*\]/g, "(start[0] * 0u)") }));
      if (!forgets.has(kernel)) forgets.set(kernel, { ...kernel, variants });
      return { ...launch, kernel: forgets.get(kernel)! };
    }) }));
    expect(forgets.size).toBe(3);
    const { choices: taken, report: found } = await new KernelChoices(device, report, new MemoryStorage(), { ...clock, userAgent: "test" }, -1).choose([{ ...programs, recordings }], null, hooks);
    const plainOf = new Map([...forgets.values()].map(({ name, variants }) => [name, variants[0]!.name]));
    // Generation feeds one document and is not looked at here: its own sizes may keep what is right for them.
    const training = recordings[0]!.launches.filter(({ kernel }) => plainOf.has(kernel.name));
    expect(training.map((launch) => taken[ownKey(launch)])).toEqual(training.map(({ kernel }) => plainOf.get(kernel.name)));
    expect(found!.wrong.length).toBeGreaterThan(2);
  });

  it("stands back behind a checkpoint's choices, and one that is not to be had here is named", async () => {
    const storage = new MemoryStorage();
    const told: string[] = [];
    await choices(storage, "Chrome").choose(recordings, null, hooks);
    const frozen = { softmax: byRow!.name, "softmax 8,33": "of another device" };
    const { choices: taken } = await choices(storage, "Chrome").choose(recordings, frozen, { ...hooks, onChanged: (text) => told.push(text) });
    expect(taken["softmax 64,33"]).toBe(byRow!.name);
    expect(taken["softmax 8,33"]).not.toBe("of another device");
    expect(told).toEqual([expect.stringContaining("softmax 8,33")]);
  });

  it("is found again where the file is damaged", async () => {
    const storage = new MemoryStorage();
    await storage.publish("tuning.json", new TextEncoder().encode("{\"version\":2,\"dev"));
    expect((await choices(storage, "Chrome").choose(recordings, null, hooks)).report).toMatchObject({ timed: 2 });
  });
});
