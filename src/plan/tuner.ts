/**
 * The tuner: before step 0 and before memory is planned, each variant of each kernel is checked against the plain one and timed, on
 * this device and at the shapes at hand, in memory of its own. It proposes choices; `compile.ts` takes them, checkpoints keep them.
 *
 * Timings vary from run to run, and results must not: time decides only between variants whose results have the same bits here. Which
 * order of addition is taken is decided by the kind of device alone (`chooseVariant`), unless what that takes is wrong on this one.
 */
import { NestlingError } from "../core/errors.ts";
import { accessOf, dimsOf, elementTypeOf, isHalf } from "../device/launch.ts";
import type { AnyKernel, Device } from "../device/types.ts";
import type { TunedKernel, TuningReport } from "../protocol/tuning.ts";
import type { RecordedLaunch, Recording } from "./recorder.ts";
import { allFinite, allNumbers, differenceOf, Scratch, type Indices } from "./scratch.ts";
import { decide, median, type Timed } from "./timed.ts";
import { chooseVariant, hasBarrier, ownKey, usableVariants, type Candidate, type VariantChoices } from "./variants.ts";
import { workOf } from "./work.ts";

/** Of the largest value of the result: rounding in another order stays far below, a wrong index far above. */
const TOLERANCE = 1e-4;
/** f16 rounds at 2^-11. */
const HALF_TOLERANCE = 2e-2;
/** A result stored as halves may round the other way: one step of its last place, of bf16 2^-7 of a number just above a power of two. */
const STORED_TOLERANCE = 2 ** -7 + TOLERANCE;

const storesHalves = (kernel: AnyKernel): boolean => Object.values(kernel.bindings).some((spec) => accessOf(spec) === "write" && isHalf(elementTypeOf(spec)));
const ROUNDS = 5;
/** One sample lasts about this long, far above the clock's quantum of 0.1 ms. */
const SAMPLE_MS = 5;
const MOST_RUNS = 64;
/** PLATFORM.md's rule for one launch: what is expected to take longer is not tried. */
const MOST_LAUNCH_MS = 100;
/** Work that the formula takes about a tenth of a second for, and a few seconds, in TypeScript. */
const QUICK_ON_HOST = 4e7;
const MOST_ON_HOST = 1e9;
const ALWAYS_SHORT = 1e7;
/** A round this much slower than the best ends a candidate's part. */
const HOPELESS = 2;

export interface TuneOptions {
  readonly budgetMs: number;
  readonly now: () => number;
  readonly breathe: () => Promise<void>;
  /** Choices made earlier, by `ownKey` or by kernel: their launches are not timed again. */
  readonly known?: VariantChoices;
  /** "kernel/variant" that were wrong on this device, with what was wrong. */
  readonly knownWrong?: Readonly<Record<string, string>>;
  /** By `ownKey`: variants that agreed with the plain one on this device before, and are not compared with it again. */
  readonly knownRight?: Agreed;
  /** What stands in inputs of indices, so that what is looked up is spread as in a text. */
  readonly indices?: Indices;
  readonly onProgress?: (share: number) => void;
  readonly shouldStop?: () => boolean;
}

/** By `ownKey`: the variants whose results were compared with the plain one's here, and agree. */
export type Agreed = Readonly<Record<string, readonly string[]>>;

export interface Tuning {
  /** For every launch that has a choice, by `ownKey`. */
  readonly choices: VariantChoices;
  /** Those that were timed, and so are worth remembering. */
  readonly timed: VariantChoices;
  readonly right: Agreed;
  readonly report: TuningReport;
}

/** One kernel at one set of dims, wherever the programs launch it. */
interface Site {
  readonly key: string;
  readonly recorded: RecordedLaunch;
  readonly launches: number;
  readonly cost: number;
  readonly candidates: readonly Candidate[];
}

function sitesOf(device: Device, recordings: readonly Recording[]): Site[] {
  const sites = new Map<string, Site>();
  for (const recorded of recordings.flatMap(({ launches }) => launches)) {
    const key = ownKey(recorded);
    const candidates = usableVariants(device, recorded);
    if (candidates.length > 1) sites.set(key, { key, recorded, candidates, launches: (sites.get(key)?.launches ?? 0) + 1, cost: workOf(recorded) });
  }
  return [...sites.values()];
}

/** Side by side: browsers compile on threads of their own. What does not compile says so where it is used. */
const compileTogether = async (scratch: Scratch, candidates: readonly Candidate[]): Promise<void> => void (await Promise.allSettled(candidates.map(({ index }) => scratch.prepare(index))));

class Tuner {
  readonly #from: number;
  readonly #wrong = new Map<string, string>();
  /** Milliseconds for one unit of cost, by variant: the worst seen, so that a forecast errs on the safe side. */
  readonly #rates = new Map<string, number>();
  /** By site: variants that agreed with the plain one there. */
  readonly #right = new Map<string, Set<string>>();
  /** Variants that agreed with the plain one somewhere. */
  readonly #trusted = new Set<string>();
  /** By site: which candidates have the same bits, by number. */
  readonly #groups = new Map<string, Map<string, number>>();

  constructor(
    private readonly device: Device,
    private readonly options: TuneOptions,
  ) {
    this.#from = options.now();
    for (const [name, why] of Object.entries(options.knownWrong ?? {})) this.#wrong.set(name, why);
    for (const [key, names] of Object.entries(options.knownRight ?? {})) {
      this.#right.set(key, new Set(names));
      for (const name of names) this.#trusted.add(`${key.slice(0, key.indexOf(" "))}/${name}`);
    }
  }

  get spentMs(): number {
    return this.options.now() - this.#from;
  }

  get wrong(): ReadonlyMap<string, string> {
    return this.#wrong;
  }

  get right(): Agreed {
    return Object.fromEntries([...this.#right].map(([key, names]) => [key, [...names]]));
  }

  async pause(share: number): Promise<void> {
    this.options.onProgress?.(Math.min(1, share));
    await this.options.breathe();
    if (this.options.shouldStop?.()) throw new NestlingError("CANCELLED", "Stopped while kernels were being chosen.");
  }

  #name({ recorded }: Site, { variant }: Candidate): string {
    return `${recorded.kernel.name}/${variant.name}`;
  }

  #forecast(site: Site, candidate: Candidate): number {
    // No device takes long for so little: what looked like it was the machine at other work.
    if (site.cost <= ALWAYS_SHORT) return 0;
    return (this.#rates.get(this.#name(site, candidate)) ?? 0) * site.cost;
  }

  /** Times a candidate roughly: what it costs to submit and wait is shared by several launches where one is short. */
  async #see(site: Site, candidate: Candidate, scratch: Scratch): Promise<void> {
    let once = await scratch.time(candidate.index, 1, this.options.now);
    // A short launch that had to wait for other work on the machine looks like a long one, once.
    if (once > SAMPLE_MS && once <= MOST_LAUNCH_MS) once = Math.min(once, await scratch.time(candidate.index, 1, this.options.now));
    this.#noteRate(site, candidate, once > SAMPLE_MS ? once : await scratch.time(candidate.index, MOST_RUNS / 4, this.options.now));
  }

  #noteRate(site: Site, candidate: Candidate, ms: number): void {
    const name = this.#name(site, candidate);
    this.#rates.set(name, Math.max(this.#rates.get(name) ?? 0, ms / Math.max(1, site.cost)));
  }

  /**
   * Those that may run here: none known to be wrong, none that would hold the device up, and where barriers are dear none with barriers, which
   * take longer to compile there than all others together. What training would run anyway may.
   */
  #quick(site: Site): readonly Candidate[] {
    const usual = this.usual(site);
    const tempts = ({ variant }: Candidate): boolean => !this.device.barriersAreDear || !hasBarrier(variant);
    return this.sound(site).filter((candidate) => candidate.variant.name === usual || (tempts(candidate) && this.#forecast(site, candidate) <= MOST_LAUNCH_MS));
  }

  /** Candidates not known to be wrong. */
  sound(site: Site): readonly Candidate[] {
    return site.candidates.filter((candidate) => !this.#wrong.has(this.#name(site, candidate)));
  }

  async #scratch(site: Site, positive = false): Promise<Scratch | null> {
    // The model itself needs its memory later: a launch that would take a quarter of the device is left as it is.
    if (Scratch.bytesOf(site.recorded) > this.device.limits.maxTotalBytes / 4) return null;
    const { indices } = this.options;
    return Scratch.create(this.device, site.recorded, { positive, ...(indices ? { indices } : {}) });
  }

  get late(): boolean {
    return this.spentMs > this.options.budgetMs;
  }

  /**
   * Compares candidates with the plain variant, or with one that agreed with it before where plain would take too long: first what training would
   * take, then the others while there is time.
   */
  async check(site: Site): Promise<void> {
    let scratch = await this.#scratch(site);
    if (!scratch) return;
    try {
      const quick = this.#quick(site);
      const judge = this.#judgeOf(site, quick);
      if (!judge) return;
      const usual = this.usual(site);
      const first = quick.filter((candidate) => candidate === judge || candidate.variant.name === usual);
      await compileTogether(scratch, first);
      let expected = await scratch.outputs(judge.index);
      if (!allFinite(expected)) {
        scratch.destroy();
        scratch = (await this.#scratch(site, true))!;
        await compileTogether(scratch, first);
        expected = await scratch.outputs(judge.index);
        if (!allNumbers(expected)) return;
      }
      const results: { name: string; outputs: Float32Array[] }[] = [];
      for (const candidate of [...first, ...quick.filter((each) => !first.includes(each))]) {
        if (!first.includes(candidate)) {
          if (this.late) break;
          await compileTogether(scratch, quick);
        }
        const outputs = candidate === judge ? expected : await this.#judged(site, candidate, scratch, expected);
        if (!outputs) continue;
        results.push({ name: candidate.variant.name, outputs });
        await this.#see(site, candidate, scratch);
      }
      // What stands beside it may be timed only where it stands there itself: else time would choose between bits.
      if (!results.some(({ name }) => name === this.usual(site))) return;
      const groups = new Map<string, number>();
      results.forEach(({ name, outputs }, i) => {
        const same = results.findIndex((other) => differenceOf(other.outputs, outputs).sameBits);
        groups.set(name, same < 0 ? i : same);
      });
      this.#groups.set(site.key, groups);
    } finally {
      scratch.destroy();
    }
  }

  /** The plain variant, or one that agreed with it before where plain would take too long. */
  #judgeOf(site: Site, among: readonly Candidate[]): Candidate | undefined {
    return among.find((candidate) => candidate.index === 0) ?? among.find((candidate) => this.#trusted.has(this.#name(site, candidate)));
  }

  /**
   * Whether a candidate agrees with the plain variant at this site; null where that cannot be seen. On software adapters the formula stands in for the
   * plain variant, which takes seconds to compile and to run there: at sizes that it does in a moment, and at one larger size where there is no smaller.
   */
  async #agrees(site: Site, candidate: Candidate): Promise<boolean | null> {
    if (candidate.index === 0 || this.#right.get(site.key)?.has(candidate.variant.name)) return true;
    const { barriersAreDear } = this.device;
    const host = barriersAreDear && site.cost <= MOST_ON_HOST;
    if (barriersAreDear && site.cost > QUICK_ON_HOST && this.#trusted.has(this.#name(site, candidate))) return null;
    const judge = host ? undefined : this.#judgeOf(site, this.sound(site).filter((each) => each !== candidate && this.#forecast(site, each) <= MOST_LAUNCH_MS));
    if (!host && !judge) return null;
    for (const positive of [false, true]) {
      const scratch = await this.#scratch(site, positive);
      if (!scratch) return null;
      try {
        if (judge) await compileTogether(scratch, [judge, candidate]);
        const expected = judge ? await scratch.outputs(judge.index) : scratch.meant();
        if (!(positive ? allNumbers : allFinite)(expected)) continue;
        const agrees = (await this.#judged(site, candidate, scratch, expected)) !== null;
        if (judge) this.#noteRate(site, judge, await scratch.time(judge.index, 1, this.options.now));
        return agrees;
      } finally {
        scratch.destroy();
      }
    }
    return null;
  }

  /**
   * What a site takes: what is wished, where it agrees with the plain variant, else what comes next. Agreeing at another size is enough where a site
   * is too large to compare. No time limits this: what was not compared is not used, and what is used must not depend on time.
   */
  async confirmed(site: Site, wish: string): Promise<string> {
    for (let name = wish; ; name = this.usual(site)) {
      const candidate = this.sound(site).find(({ variant }) => variant.name === name);
      if (!candidate) continue;
      const trusted = this.#trusted.has(this.#name(site, candidate));
      const agrees = await this.#agrees(site, candidate);
      if (agrees) return name;
      if (agrees === null) return trusted ? name : site.candidates[0]!.variant.name;
    }
  }

  async #judged(site: Site, candidate: Candidate, scratch: Scratch, expected: readonly Float32Array[]): Promise<Float32Array[] | null> {
    const name = this.#name(site, candidate);
    try {
      const outputs = await scratch.outputs(candidate.index);
      const { worst } = differenceOf(expected, outputs);
      const allowed = candidate.variant.requires?.includes("shader-f16") ? HALF_TOLERANCE : storesHalves(site.recorded.kernel) ? STORED_TOLERANCE : TOLERANCE;
      if (worst <= allowed) {
        this.#trusted.add(name);
        this.#right.set(site.key, (this.#right.get(site.key) ?? new Set()).add(candidate.variant.name));
        return outputs;
      }
      this.#wrong.set(name, `its result at ${site.key} differs from the plain variant's by ${worst.toExponential(1)} of the largest value; ${allowed} is allowed`);
    } catch (error) {
      if (error instanceof NestlingError && (error.code === "GPU_LOST" || error.code === "OUT_OF_MEMORY")) throw error;
      this.#wrong.set(name, error instanceof Error ? error.message : String(error));
    }
    return null;
  }

  /** Times the candidates in turns. Null where there is nothing to choose between. */
  async time(site: Site): Promise<Timed[] | null> {
    const groups = this.#groups.get(site.key);
    if (!groups) return null;
    // Rounding to halves hides the order of addition from a comparison of bits: the kind of device decides alone.
    if (storesHalves(site.recorded.kernel)) return null;
    // Others may be faster, but would change results.
    const group = groups.get(this.usual(site)) ?? [...groups.values()][0];
    const candidates = this.#quick(site).filter(({ variant }) => groups.get(variant.name) === group);
    if (candidates.length < 2) return null;
    const scratch = (await this.#scratch(site))!;
    scratch.fill();
    try {
      const runsOf = new Map<Candidate, number>();
      for (const candidate of candidates) {
        const once = await scratch.time(candidate.index, 1, this.options.now);
        runsOf.set(candidate, Math.max(1, Math.min(MOST_RUNS, Math.ceil(SAMPLE_MS / Math.max(1e-3, once)))));
      }
      const ms = new Map<Candidate, number[]>(candidates.map((candidate) => [candidate, []]));
      let running = candidates;
      for (let round = 0; round < ROUNDS; round++) {
        for (const candidate of running) ms.get(candidate)!.push(await scratch.time(candidate.index, runsOf.get(candidate)!, this.options.now));
        const best = Math.min(...running.map((candidate) => ms.get(candidate)![round]!));
        running = running.filter((candidate) => ms.get(candidate)![round]! <= HOPELESS * best);
      }
      return candidates.map((candidate) => ({ name: candidate.variant.name, group: groups.get(candidate.variant.name)!, ms: ms.get(candidate)! }));
    } finally {
      scratch.destroy();
    }
  }

  /** What a site takes while nothing is known of its times. @throws NestlingError PLAN where every variant is wrong here */
  usual(site: Site): string {
    const sound = new Set(this.sound(site));
    const wrong = new Set(site.candidates.filter((candidate) => !sound.has(candidate)).map(({ variant }) => variant.name));
    return site.recorded.kernel.variants[chooseVariant(this.device, site.recorded, {}, wrong)]!.name;
  }
}

function rowOf(site: Site, usual: string, taken: string, timed: readonly Timed[]): TunedKernel {
  const msOf = (name: string): number => median(timed.find((one) => one.name === name)?.ms ?? []);
  return {
    kernel: site.recorded.kernel.name, dims: dimsOf({ ...site.recorded, variant: 0, views: [] }), launches: site.launches, usual, variant: taken,
    speedup: Number.isFinite(msOf(usual)) ? msOf(usual) / msOf(taken) : 1,
    candidates: timed.map(({ name, ms }) => ({ name, ms: median(ms) })),
  };
}

/**
 * Chooses a variant for every launch of the recordings that has more than one.
 * @throws NestlingError CANCELLED, GPU_LOST, OUT_OF_MEMORY
 */
export async function tune(device: Device, recordings: readonly Recording[], options: TuneOptions): Promise<Tuning> {
  const { known = {}, budgetMs } = options;
  const sites = sitesOf(device, recordings);
  const tuner = new Tuner(device, options);
  const knownAt = (site: Site): string | undefined => known[site.key] ?? known[site.recorded.kernel.name];
  const open = sites.filter((site) => !tuner.sound(site).some(({ variant }) => variant.name === knownAt(site)));
  const smallest = new Map(open.toSorted((a, b) => b.cost - a.cost).map((site) => [site.recorded.kernel.name, site]));
  const [met, rows] = [new Set<string>(), [] as TunedKernel[]];
  const timed: Record<string, string> = {};
  for (const site of open.toSorted((a, b) => b.cost * b.launches - a.cost * a.launches)) {
    if (tuner.late) break;
    const { name } = site.recorded.kernel;
    const small = smallest.get(name)!;
    // A kernel at its smallest first: that trusts its variants, and forecasts how long they take at the sizes that matter most.
    if (!met.has(name)) await tuner.check(small);
    met.add(name);
    if (small !== site && !tuner.late) await tuner.check(site);
    const times = tuner.late ? null : await tuner.time(site);
    if (times) {
      const usual = tuner.usual(site);
      timed[site.key] = decide(times, usual);
      rows.push(rowOf(site, usual, timed[site.key]!, times));
    }
    await tuner.pause(tuner.spentMs / budgetMs / 2);
  }
  const timedMs = tuner.spentMs;
  const isOpen = new Set(open);
  const choices = Object.fromEntries(sites.map((site) => [site.key, isOpen.has(site) ? (timed[site.key] ?? tuner.usual(site)) : knownAt(site)!]));
  // A variant that turns out wrong at one size leaves all others too.
  for (let wrong = -1; wrong < tuner.wrong.size; ) {
    wrong = tuner.wrong.size;
    for (const [done, site] of sites.toSorted((a, b) => a.cost - b.cost).entries()) {
      choices[site.key] = await tuner.confirmed(site, choices[site.key]!);
      await tuner.pause(0.5 + (done + 1) / sites.length / 2);
    }
  }
  return {
    choices, timed, right: tuner.right,
    report: {
      spentMs: timedMs, budgetMs, comparedMs: tuner.spentMs - timedMs, sites: sites.length, timed: rows.length, remembered: sites.length - open.length, rows,
      wrong: [...tuner.wrong].map(([variant, why]) => ({ variant, why })),
    },
  };
}
