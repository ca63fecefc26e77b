/** Every variant of every kernel that trains (by day every fourth), forced where it fits: step by step the losses are those of the usual choices. */
import { beforeAll, describe, expect, it } from "vitest";
import type { Device } from "../../src/device/types.ts";
import { createWebGpuDevice } from "../../src/device/webgpu/webgpu-device.ts";
import type { RecordedLaunch } from "../../src/plan/recorder.ts";
import { ownKey, usableVariants, type VariantChoices } from "../../src/plan/variants.ts";
import { gpuDevice } from "../support/gpu.ts";
import { losses, microPrograms, microTrainer, type MicroOptions } from "../support/micro.ts";

const AT_NIGHT = typeof process !== "undefined" && process.env["NESTLING_NIGHTLY"] !== undefined;

/** The fifty of the promise at night (tests/nightly/both-families), where a software adapter takes minutes over them. */
const STEPS = AT_NIGHT ? 50 : 5;
/** Sums in another order differ in their last bits (an ulp of such a loss is 4.8e-7); a wrong gradient is off by far more. */
const TOLERANCE = 1e-5;

let device: Device;
beforeAll(async () => {
  // As the usual software device, with the feature that some variants want.
  device = createWebGpuDevice(await gpuDevice({ features: ["subgroups"] }), { softwareAdapter: true });
});

/** Names of models; the widths at which what is forced there fits. By day the first alone. */
const MODELS = {
  /** Rows by four: all but sums in parts. */
  micro: { model: { n_head: 2, n_kv_head: 1, vocab_size: 68 } },
  /** 256 rows: the long sums of weight gradients. */
  tall: { model: { n_embd: 64, n_head: 2, n_kv_head: 1, vocab_size: 68 }, stage: { batch_size: 8 } },
  /** 256 columns: the long sums of every other product. At micro's own rate so wide a model diverges, and every last bit with it. */
  wide: { model: { n_embd: 256, n_head: 4, n_kv_head: 2, vocab_size: 260 }, optimizer: { learning_rate: 1e-3 } },
  /** Heads of eight. */
  narrow: { model: { n_head: 4, n_kv_head: 2, vocab_size: 68 } },
} as const satisfies Record<string, MicroOptions>;

/** By day one family, at night both. */
const FAMILIES = AT_NIGHT ? (["gpt2", "llama"] as const) : (["gpt2"] as const);

const launchesOf = (options: MicroOptions): RecordedLaunch[] =>
  microPrograms(options).recordings.filter(({ name }) => name === "micro" || name === "update").flatMap((recording) => recording.launches);

async function run(options: MicroOptions, choices: VariantChoices): Promise<number[]> {
  const trainer = await microTrainer(device, { ...options, compile: { choices } });
  const curve = await losses(trainer, STEPS);
  const taken = trainer.plan.choices;
  trainer.destroy();
  for (const [key, variant] of Object.entries(choices)) expect(taken[key] ?? taken[key.split(" ")[0]!], key).toBe(variant);
  return curve;
}

describe.each(FAMILIES)("training %s", (family) => {
  /** "kernel/variant" that was forced in some model. */
  const seen = new Set<string>();

  it.each((Object.keys(MODELS) as (keyof typeof MODELS)[]).slice(0, AT_NIGHT ? undefined : 1))(`has the usual losses over ${STEPS} steps, ${AT_NIGHT ? "whichever variant is forced" : "each fourth variant forced in turn"}, model %s`, async (name) => {
    const options: MicroOptions = { family, ...MODELS[name] };
    /** Variant name to the choices that force it on every launch it fits. */
    const forced = new Map<string, Record<string, string>>();
    for (const recorded of launchesOf(options)) {
      const usable = usableVariants(device, recorded);
      if (usable.length < 2) continue;
      for (const { variant } of usable) {
        const key = `${recorded.kernel.name}/${variant.name}`;
        if (name !== "micro" && seen.has(key)) continue;
        forced.set(variant.name, { ...forced.get(variant.name), [ownKey(recorded)]: variant.name });
      }
    }
    const usual = await run(options, {});
    expect(usual.at(-1)!).toBeLessThan(usual[0]!);
    const worst: [string, number][] = [];
    // A fourth of them by day, since a software adapter compiles each anew; their own tests judge every one (tests/kernels).
    for (const [variant, choices] of [...forced].filter((_, i) => AT_NIGHT || i % 4 === 1)) {
      const curve = await run(options, choices);
      worst.push([variant, Math.max(...curve.map((loss, i) => Math.abs(loss - usual[i]!)))]);
      for (const key of Object.keys(choices)) seen.add(`${key.split(" ")[0]!}/${variant}`);
    }
    console.info(`${family}, ${name}: largest difference of a loss over ${STEPS} steps: ${worst.map(([variant, by]) => `${variant} ${by.toExponential(1)}`).join(", ")}`);
    expect(worst.length).toBeGreaterThan(0);
    for (const [variant, by] of worst) expect(by, variant).toBeLessThan(TOLERANCE);
  }, 300_000);

  it.each(AT_NIGHT ? ["a kernel of it offers"] : [])("leaves out nothing that %s", () => {
    const offered = new Set(launchesOf({ family }).flatMap(({ kernel }) => (kernel.variants.length > 1 ? kernel.variants.map((variant) => `${kernel.name}/${variant.name}`) : [])));
    expect(offered.size).toBeGreaterThan(20);
    expect([...offered].filter((each) => !seen.has(each))).toEqual([]);
  });
});
