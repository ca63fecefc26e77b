/**
 * Runs one parser on many hostile files and holds it to the promise: a value or a typed error with a code that belongs to it, within a
 * second, within 64 MB and twice the file, and no prototype touched. What the files are is `targets.ts`.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { expect } from "vitest";
import { describeError, NestlingError } from "../../src/core/errors.ts";
import { byteFault, faultyBytes, faultyJson, jsonFault, type ByteFault, type Bytes, type Weak } from "./faults.ts";
import { utf8, type Specimen } from "./specimens.ts";

export interface Target<Value = unknown> extends Weak {
  readonly name: string;
  /** Codes that this parser may answer with. */
  readonly codes: RegExp;
  specimens(): readonly Specimen[] | Promise<readonly Specimen[]>;
  /** Reads the file as the engine does; this is what time and memory are counted for. */
  parse(bytes: Bytes): Value | Promise<Value>;
  /** What an outcome is called that is neither a plain value nor an error; default "read". */
  outcome?(value: Value): string;
  /** What must hold of everything that was read. */
  check?(value: Value, bytes: Bytes): void | Promise<void>;
  /** Outcomes that hostile files must reach ("read" = it was taken): a fuzzer that reaches nothing proves nothing. */
  readonly reaches: readonly string[];
  /** Share of all inputs, in parts; default 1. */
  readonly weight?: number;
}

export const LIMITS = { ms: 1000, bytes: 64 * 2 ** 20, perInputByte: 2, messageChars: 4000 } as const;

export interface Report {
  readonly name: string;
  readonly inputs: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly slowestMs: number;
  readonly mostBytes: number;
}

/**
 * The seed of this run: `NESTLING_FUZZ_SEED`; else the date's day number at night, so that each night searches elsewhere; else 1,
 * so that a change is judged by what it changed and not by a file that nobody had tried before.
 */
export function fuzzSeed(env: NodeJS.ProcessEnv = process.env): number {
  const given = env["NESTLING_FUZZ_SEED"];
  if (given === undefined || given === "") return env["NESTLING_NIGHTLY"] === undefined ? 1 : Math.floor(Date.now() / 86_400_000);
  const seed = Number(given);
  if (!Number.isInteger(seed) || Math.abs(seed) > 0x80000000) throw new Error(`NESTLING_FUZZ_SEED is "${given}"; it must be a whole number of 32 bits`);
  return seed;
}

/** Searching for a smaller file ends here too. */
const MOST_MS = 45 * 60_000;

export const sweep = (): void => {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
};

const PROTOTYPES = { Object: Object.prototype, Array: Array.prototype, Function: Function.prototype, String: String.prototype, Map: Map.prototype, Promise: Promise.prototype } as const;

/** Everything a polluted prototype would show: names, symbols, and whether each is the same value still. */
function prototypes(): unknown[] {
  return Object.values(PROTOTYPES).flatMap((prototype) => Reflect.ownKeys(prototype).flatMap((key) => {
    const { value, get, set, writable, configurable } = Object.getOwnPropertyDescriptor(prototype, key)!;
    return [key, value as unknown, get, set, writable, configurable];
  }));
}

export const heldBytes = (): number => {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};
const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

const spoil = (faults: readonly ByteFault[], file: Bytes, weak: Weak): Bytes => faults.reduce((bytes, fault) => faultyBytes(bytes, fault, weak), file);

/** A file that is shown, where it fails, as base64: to be put into `found.test.ts`. */
interface Hostile {
  readonly bytes: Bytes;
  [fc.toStringMethod](): string;
}
const hostile = (bytes: Bytes): Hostile => ({
  bytes,
  [fc.toStringMethod]: () => `${bytes.length} bytes ${JSON.stringify(new TextDecoder("latin1").decode(bytes.subarray(0, 400)))}; base64 ${Buffer.from(bytes.subarray(0, 3000)).toString("base64")}`,
});

/** Files: whole ones with faults mostly, and now and then noise. */
function files(specimens: readonly Specimen[], weak: Weak): fc.Arbitrary<Hostile> {
  const faulty = fc.record({ which: fc.nat({ max: specimens.length - 1 }), json: fc.array(jsonFault, { maxLength: 3 }), bytes: fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.array(byteFault, { maxLength: 3 }) }) })
    .map(({ which, json, bytes }) => {
      const specimen = specimens[which]!;
      const built = specimen.build(faultyJson(specimen.json, json));
      return spoil(bytes, built, weak);
    });
  const noise = fc.oneof(fc.uint8Array({ maxLength: 200 }).map((bytes) => new Uint8Array(bytes)), fc.json({ maxDepth: 4 }).map(utf8), fc.string({ unit: "binary", maxLength: 80 }).map(utf8));
  const [random, mutated] = [{ weight: 1, arbitrary: noise }, { weight: 9, arbitrary: faulty }];
  // Where a specimen has no JSON its bytes are all there is to spoil.
  const byBytes = fc.record({ which: fc.nat({ max: specimens.length - 1 }), bytes: fc.array(byteFault, { minLength: 1, maxLength: 4 }) })
    .map(({ which, bytes }) => spoil(bytes, specimens[which]!.build(faultyJson(specimens[which]!.json, [])), weak));
  return fc.oneof(random, mutated, { weight: 4, arbitrary: byBytes }).map(hostile);
}

/** @throws AssertionError with fast-check's seed, path and the smallest file that fails */
export async function fuzz(target: Target, inputs: number, seed: number): Promise<Report> {
  const specimens = await target.specimens();
  for (const { json, build, refused } of specimens) {
    const untouched = build(faultyJson(json, []));
    expect(await attempt(target, untouched).then(({ outcome }) => outcome), `${target.name}: a file without a fault`).toBe(refused ?? "read");
  }
  const before = prototypes();
  const outcomes = new Map<string, number>();
  let [count, slowestMs, mostBytes] = [0, 0, 0];
  const property = fc.asyncProperty(files(specimens, target), async ({ bytes }) => {
    count++;
    const allowed = LIMITS.bytes + LIMITS.perInputByte * bytes.length;
    const { outcome, took, ...first } = await attempt(target, bytes);
    let { grown } = first;
    // What was thrown away and not yet swept up counts too: a second look, on a swept heap, is fairer.
    if (grown > allowed) {
      sweep();
      grown = Math.min(grown, (await attempt(target, bytes)).grown);
    }
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    slowestMs = Math.max(slowestMs, took);
    mostBytes = Math.max(mostBytes, grown);
    if (took > LIMITS.ms) throw new Error(`${target.name}: ${bytes.length} bytes took ${took.toFixed(0)} ms of ${LIMITS.ms}`);
    if (grown > allowed) throw new Error(`${target.name}: ${bytes.length} bytes took ${grown} bytes of memory; allowed are ${allowed}`);
    const after = prototypes();
    if (after.length !== before.length || after.some((value, i) => !Object.is(value, before[i]))) throw new Error(`${target.name}: a prototype was changed`);
  });
  await fc.assert(property, { numRuns: inputs, seed, interruptAfterTimeLimit: MOST_MS, markInterruptAsFailure: true });
  for (const outcome of target.reaches) expect(outcomes.get(outcome) ?? 0, `${target.name}: no file of ${inputs} reached ${outcome} (seed ${seed})`).toBeGreaterThan(0);
  return { name: target.name, inputs: count, outcomes: Object.fromEntries([...outcomes].sort((a, b) => b[1] - a[1])), slowestMs, mostBytes };
}

interface Attempt {
  readonly outcome: string;
  readonly took: number;
  readonly grown: number;
}

/** One file read and, if it was taken, checked. @throws what is no typed error */
async function attempt(target: Target, bytes: Bytes): Promise<Attempt> {
  const held = heldBytes();
  const cpu = cpuMs();
  const from = performance.now();
  let outcome: string;
  let taken = false;
  let value: unknown;
  try {
    value = await target.parse(bytes);
    taken = true;
    outcome = target.outcome?.(value) ?? "read";
  } catch (error) {
    outcome = checkRefusal(error, target);
  }
  // A machine that is busy elsewhere makes the clock run; the processor's time does not lie.
  const took = Math.min(performance.now() - from, cpuMs() - cpu);
  const grown = heldBytes() - held;
  if (taken) await target.check?.(value, bytes);
  return { outcome, took, grown };
}

/** The error's code; anything else than a typed refusal in plain words is a finding. */
function checkRefusal(error: unknown, { name, codes }: Target): string {
  if (!(error instanceof NestlingError)) throw error;
  if (!codes.test(error.code)) throw new Error(`${name}: the code ${error.code} is none of its own: ${error.message}`, { cause: error });
  if (error.message.length > LIMITS.messageChars) throw new Error(`${name}: a message of ${error.message.length} characters`, { cause: error });
  // It goes from the worker to the page as it is.
  structuredClone(describeError(error));
  return error.code;
}

/** How many inputs each target gets of a whole number of them. */
export function shares(targets: readonly Target[], inputs: number): number[] {
  const weights = targets.map(({ weight = 1 }) => weight);
  const sum = weights.reduce((a, b) => a + b, 0);
  const counts = weights.map((weight) => Math.floor((inputs * weight) / sum));
  counts[0]! += inputs - counts.reduce((a, b) => a + b, 0);
  return counts;
}

export const reportLine = ({ name, inputs, outcomes, slowestMs, mostBytes }: Report): string =>
  `${name}: ${inputs} inputs, slowest ${slowestMs.toFixed(0)} ms, most memory ${(mostBytes / 2 ** 20).toFixed(1)} MB: ${Object.entries(outcomes).map(([code, times]) => `${code} ${times}`).join(", ")}`;
