/**
 * dtype bfloat16 and float16: weights read and activations kept as packed halves, everything that is trained and saved f32. What the other promises ask of
 * f32 holds here too: the same seed gives the same bits, a resumed run goes on bit for bit, poisoned memory changes nothing.
 */
import { describe, expect, it } from "vitest";
import { bf16Decode, bf16Encode } from "../../src/core/half.ts";
import type { StorageRole } from "../../src/plan/tensor.ts";
import type { LoraMethod } from "../../src/protocol/recipe.ts";
import { FIRST_SCALE } from "../../src/training/loss-scaler.ts";
import { memoryOf, type TrainerState } from "../../src/training/trainer.ts";
import { allDevices, devices, differentBits, gradients, losses, microPrograms, microTrainer, relativeL2, wasmCpu, webGpu, weightsHash, type MicroOptions } from "../support/micro.ts";

const half: MicroOptions = { dtype: "bfloat16" };
const lora = (...target_modules: LoraMethod["target_modules"][number][]): LoraMethod => ({ type: "lora", r: 4, lora_alpha: 8, target_modules });

/** Both families, each with all weights and with adapters wherever one may be; the last ones with heads that are no multiple of eight. */
const kinds: readonly (readonly [name: string, options: MicroOptions])[] = [
  ["gpt2", half],
  ["llama", { ...half, family: "llama" }],
  ["gpt2 with LoRA", { ...half, lora: lora("c_attn", "attn.c_proj", "c_fc", "mlp.c_proj") }],
  ["llama with LoRA", { ...half, family: "llama", lora: lora("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj") }],
  ["llama with heads of four", { ...half, family: "llama", model: { n_head: 8, n_kv_head: 4 } }],
];
/** On a device without shader-f16, and on the CPU: stored so, multiplied in f32. */
const float16: MicroOptions = { dtype: "float16" };
const inF16: typeof kinds = [["gpt2 in float16", float16], ["llama in float16", { ...float16, family: "llama" }]];

/** Loss of a step, relative: bf16 keeps 8 bits, errors of single numbers average out. */
const LOSS_BOUND = 5e-3;
/** Of 20 losses between devices, relative: f32 sums of another order round to another bf16 here and there. */
const DEVICES_BOUND = 5e-4;
/** A gradient's distance from f32's: a few roundings of 2^-9 each, root mean square. */
const GRADIENT_BOUND = 2e-2;

/** Every second number of each tensor moved a little, by its place. */
const stirred = (weights: TrainerState["weights"]): TrainerState["weights"] =>
  new Map([...weights].map(([name, one]) => [name, { ...one, data: one.data.map((x, i) => x + (i % 2) * 0.02 * Math.sin(i)) }]));

const far = (got: readonly number[], want: readonly number[]): number => Math.max(...got.map((loss, i) => Math.abs(loss - want[i]!) / want[i]!));

/** By day WebGPU, which compiles what each kind launches for seconds, sees these; the CPU sees all, and variants by workgroup are for the night. */
const nightly = typeof process !== "undefined" && process.env["NESTLING_NIGHTLY"] !== undefined;
const byDay = (device: string, all: typeof kinds, ...names: readonly string[]): typeof kinds => (nightly || device === "CPU" ? all : all.filter(([name]) => names.includes(name)));
const places = nightly ? allDevices : devices;

describe.each(places)("halves on %s", (device, open) => {
  it.each(byDay(device, kinds.slice(0, 4), "llama with LoRA"))("gives the same bits for the same seed, poisoned memory or not, and steps of several micro-steps with dropout: %s", async (_, kind) => {
    const options: MicroOptions = { ...kind, model: { dropout: 0.1, n_layer: 2 }, stage: { gradient_accumulation_steps: 2 } };
    const hashes: string[] = [];
    for (const poison of [undefined, undefined, 0x7fc07fc0]) {
      const trainer = await microTrainer(await open(), { ...options, ...(poison && { compile: { poison } }) });
      const found = await losses(trainer, 4);
      expect(found.every(Number.isFinite)).toBe(true);
      hashes.push(weightsHash(await trainer.snapshot(false)));
      trainer.destroy();
    }
    expect(new Set(hashes).size).toBe(1);
  });

  it.each(byDay(device, [...kinds, ...inF16], "llama with LoRA", "gpt2 in float16"))("has gradients near those of float32, and not those: %s", async (name, kind) => {
    const { dtype: _, ...plain } = kind;
    const [one, other] = [await microTrainer(await open(), kind), await microTrainer(await open(), plain)];
    // An adapter begins at zero, and with it all gradients of its other side.
    if (kind.lora) for (const trainer of [one, other]) trainer.loadWeights(stirred((await other.snapshot(false)).weights));
    const [[loss], [want]] = [await losses(one, 1), await losses(other, 1)];
    const [got, full] = [await gradients(one), await gradients(other)];
    const scale = one.gradientScale;
    expect(scale).toBe(kind.dtype === "float16" ? FIRST_SCALE : 1);
    const errors = [...full].map(([parameter, gradient]) => ({ parameter, error: relativeL2(got.get(parameter)!.map((x) => x / scale), gradient) }));
    one.destroy();
    other.destroy();
    const worst = errors.toSorted((a, b) => b.error - a.error)[0]!;
    console.info(`${device}, ${name}: first loss off by ${(Math.abs(loss! - want!) / want!).toExponential(1)}, worst of ${errors.length} gradients ${worst.parameter} by ${worst.error.toExponential(1)}`);
    expect(Math.abs(loss! - want!) / want!).toBeLessThan(LOSS_BOUND);
    expect(worst.error).toBeLessThan(GRADIENT_BOUND);
    // It does round: a run that stored f32 would be exact.
    expect(Math.min(...errors.map(({ error }) => error))).toBeGreaterThan(kind.dtype === "float16" ? 1e-6 : 1e-5);
  });
});

describe.each(devices)("halves on %s, saved", (place, open) => {
  it.each(byDay(place, [kinds[0]!, kinds[3]!, inF16[0]!], "gpt2"))("saves f32 weights and moments, and goes on from them bit for bit: 20 losses, weights and moments of %s", async (_kind, kind) => {
    const device = await open();
    const options: MicroOptions = { ...kind, stage: { gradient_accumulation_steps: 2 } };
    const unbroken = await microTrainer(device, options);
    await losses(unbroken, 7);
    const saved = await unbroken.snapshot(true);
    const want = await losses(unbroken, 20);
    const wantState = await unbroken.snapshot(true);
    unbroken.destroy();
    const resumed = await microTrainer(device, { ...options, seed: 5 });
    // Steps of its own first: a shadow that stayed behind would show.
    await losses(resumed, 2);
    resumed.restore(saved);
    const got = await losses(resumed, 20);
    const gotState = await resumed.snapshot(true);
    resumed.destroy();
    expect(got).toEqual(want);
    expect(weightsHash(gotState)).toBe(weightsHash(wantState));
    expect(gotState.m).toEqual(wantState.m);
    expect(gotState.v).toEqual(wantState.v);
    expect(new Set(want).size).toBe(20);
    // The weights that train are not rounded.
    expect([...saved.weights.values()].some(({ data }) => differentBits(data, bf16Decode(bf16Encode(data))) > data.length / 2)).toBe(true);
  });

  it("reads the shadow of the weights as they are now, and full precision where the model is looked at", async () => {
    const device = await open();
    const trainer = await microTrainer(device, half);
    const full = await microTrainer(device);
    // Initial weights are equal, so is what is seen of them: evaluation rounds nothing.
    expect(await trainer.evaluate(trainer.data, 2)).toBe(await full.evaluate(full.data, 2));
    await losses(trainer, 2);
    const bucket = trainer.programs.parameters.buckets.find(({ shadow }) => shadow)!;
    const shadow = async (): Promise<Float32Array> => bf16Decode(new Uint16Array(await device.read(trainer.plan.view(bucket.shadow!))));
    const before = await trainer.plan.readF32(bucket.param);
    await losses(trainer, 1);
    expect(differentBits(await shadow(), bf16Decode(bf16Encode(before)))).toBe(0);
    trainer.destroy();
    full.destroy();
  });
});

describe("bfloat16", () => {
  it.each(byDay("WebGPU", [...kinds.slice(0, 2), ...inF16], "gpt2", "gpt2 in float16"))("gives nearly the same 20 losses on WebGPU and on the CPU, and nearly those of float32: %s", async (_name, kind) => {
    const { dtype: _, ...plain } = kind;
    const runs = await Promise.all([[webGpu, kind], [wasmCpu, kind], [wasmCpu, plain]].map(async ([open, options]) => {
      const trainer = await microTrainer(await (open as typeof webGpu)(), options as MicroOptions);
      const found = await losses(trainer, 20);
      trainer.destroy();
      return found;
    }));
    const [gpu, cpu, full] = runs as [number[], number[], number[]];
    console.info(`losses of 20 steps: WebGPU and CPU apart by ${far(gpu, cpu).toExponential(1)}, from float32 by ${far(cpu, full).toExponential(1)}`);
    expect(far(gpu, cpu)).toBeLessThan(DEVICES_BOUND);
    expect(far(cpu, full)).toBeLessThan(LOSS_BOUND);
    expect(cpu).not.toEqual(full);
    expect(full[0]! - full[19]!).toBeGreaterThan(0.5);
  });

  it.each(["gpt2", "llama"] as const)("takes less memory for activations, room to unpack on the CPU included, and the plan counts it to the byte: %s", async (family) => {
    const options: MicroOptions = { family, model: { n_layer: 4, n_embd: 64, n_head: 2, n_kv_head: 2, intermediate_size: 176 }, stage: { batch_size: 8 } };
    const bytes = (dtype: MicroOptions["dtype"], cpu: boolean, role: StorageRole): number =>
      memoryOf(microPrograms({ ...options, ...(dtype && { dtype }) }), { maxBufferBytes: 0, maxBindingBytes: 0, maxTotalBytes: 0, unpacksHalves: cpu })
        .buffers.reduce((sum, buffer) => sum + (buffer.role === role ? buffer.sizeBytes : 0), 0);
    const [full, gpu, cpu] = [bytes(undefined, false, "activations"), bytes("bfloat16", false, "activations"), bytes("bfloat16", true, "activations")];
    console.info(`${family}, activations of 4 layers: float32 ${full}, bfloat16 ${gpu} on WebGPU, ${cpu} on the CPU`);
    expect(gpu).toBeLessThan(0.65 * full);
    expect(cpu).toBeLessThan(0.8 * full);
    expect(bytes("bfloat16", false, "gradients")).toBeGreaterThanOrEqual(bytes(undefined, false, "gradients"));
    for (const open of [webGpu, wasmCpu]) {
      const device = await open();
      const trainer = await microTrainer(device, { ...options, ...half });
      expect(trainer.plan.heap.sizeBytes).toBe(memoryOf(trainer.programs, device.limits).totalBytes);
      trainer.destroy();
    }
  });

  it("stops at a gradient that is not finite with every weight's bits as they were, and names what it met", async () => {
    const device = await wasmCpu();
    const trainer = await microTrainer(device, half);
    await losses(trainer, 2);
    const good = await trainer.snapshot(true);
    const name = "transformer.h.0.mlp.c_fc.weight";
    const bad = new Map(good.weights).set(name, { ...good.weights.get(name)!, data: good.weights.get(name)!.data.map((x, i) => (i === 3 ? 1e38 : x)) });
    trainer.restore({ ...good, weights: bad });
    trainer.takeStep();
    await expect(trainer.readMetrics()).rejects.toMatchObject({ code: "NONFINITE_LOSS" });
    const after = await trainer.snapshot(true);
    expect([...after.weights].map(([one, { data }]) => differentBits(data, bad.get(one)!.data))).toEqual([...bad].map(() => 0));
    expect(after.m).toEqual(good.m);
    trainer.destroy();
  });
});

describe("a run of 500 steps in halves on the CPU", () => {
  it.each([...kinds.slice(0, 2), ...inF16])("ends with a held-out loss within a hundredth of float32's: %s", async (name, kind) => {
    const device = await wasmCpu();
    const ends: number[] = [];
    const { dtype: _, ...plain } = kind;
    for (const options of [kind, plain]) {
      const trainer = await microTrainer(device, { ...options, model: { n_layer: 2 }, stage: { max_iters: 500, batch_size: 4 }, optimizer: { learning_rate: 3e-3 } });
      const curve = await losses(trainer, 500);
      ends.push(await trainer.evaluate(trainer.data, 8));
      expect(curve.at(-1)!).toBeLessThan(0.7 * curve[0]!);
      trainer.destroy();
    }
    const [packed, full] = ends as [number, number];
    console.info(`${name}, held-out loss after 500 steps: in halves ${packed.toFixed(4)}, float32 ${full.toFixed(4)}, apart by ${(100 * Math.abs(packed - full) / full).toFixed(2)} %`);
    expect(Math.abs(packed - full) / full).toBeLessThan(0.01);
  }, 120_000);
});

describe.each(devices)("float16 on %s", (_, open) => {
  /** As if the scale had grown to where a gradient's square leaves f32: the first steps overflow. */
  const tooLarge = { scale: 2 ** 72, good: 1998, skipped: 5 };

  it("leaves out a step whose gradients overflow, every bit of weights and moments as it was, halves the scale and goes on", async () => {
    const trainer = await microTrainer(await open(), float16);
    await losses(trainer, 3);
    const before = await trainer.snapshot(true);
    trainer.restore({ ...before, scaler: tooLarge });
    trainer.takeStep();
    // Submitted in good faith: it takes nothing either, and is submitted again.
    trainer.takeStep();
    const [skipped] = await trainer.readMetrics();
    expect(skipped).toMatchObject({ step: 4, lossScale: 2 ** 72, skipped: true });
    expect(Number.isFinite(skipped!.loss)).toBe(true);
    expect(trainer.step).toBe(4);
    expect(trainer.gradientStep).toBeNull();
    const after = await trainer.snapshot(true);
    expect([...after.weights].filter(([name, { data }]) => differentBits(data, before.weights.get(name)!.data) > 0)).toEqual([]);
    expect(after.m).toEqual(before.m);
    expect(after.v).toEqual(before.v);
    expect(after.scaler).toEqual({ scale: 2 ** 71, good: 0, skipped: 6 });
    // Adam's own count of steps stands still as well.
    expect(after.counts[0]).toBe(before.counts[0]);
    let tries = 0;
    for (let row = skipped; row!.skipped && tries < 30; tries++) {
      trainer.takeStep();
      [row] = await trainer.readMetrics();
    }
    expect(tries).toBeLessThan(30);
    const gone = await trainer.snapshot(true);
    expect(gone.counts[0]).toBe(before.counts[0]! + 1);
    expect(gone.scaler).toEqual({ scale: 2 ** (72 - tries), good: 1, skipped: 5 + tries });
    trainer.destroy();
  });

  it("takes the very steps that it takes with another scale, since scales are powers of two: the same losses and weights to the bit", async () => {
    const hashes: string[] = [];
    for (const scale of [2 ** 16, 2 ** 9]) {
      const trainer = await microTrainer(await open(), float16);
      const fresh = await trainer.snapshot(true);
      trainer.restore({ ...fresh, scaler: { scale, good: 0, skipped: 0 } });
      const found = await losses(trainer, 5);
      hashes.push(`${found.join(" ")} ${weightsHash(await trainer.snapshot(false))}`);
      trainer.destroy();
    }
    expect(new Set(hashes).size).toBe(1);
  });

  it("says so where no scale helps: a weight that is not finite stops the run, named, once the scale is one", async () => {
    const trainer = await microTrainer(await open(), float16);
    await losses(trainer, 2);
    const good = await trainer.snapshot(true);
    const name = "transformer.h.0.mlp.c_fc.weight";
    const bad = new Map(good.weights).set(name, { ...good.weights.get(name)!, data: good.weights.get(name)!.data.map((x, i) => (i === 3 ? 1e38 : x)) });
    trainer.restore({ ...good, weights: bad });
    let skipped = 0;
    const stopped = await (async () => {
      for (;;) {
        trainer.takeStep();
        for (const row of await trainer.readMetrics()) if (row.skipped) skipped++;
      }
    })().catch((error: unknown) => error);
    expect(stopped).toMatchObject({ code: "NONFINITE_LOSS" });
    expect(skipped).toBe(16);
    const after = await trainer.snapshot(true);
    expect([...after.weights].filter(([one, { data }]) => differentBits(data, bad.get(one)!.data) > 0)).toEqual([]);
    trainer.destroy();
  });
});
