/** Runs contenders in turns, each in a tab of its own of one browser, and puts times into pairs. Not what prints them. Node only. */
import { loadavg } from "node:os";
import type { Page } from "puppeteer";
import type { LaunchedBrowser } from "../../../src/cli/browser.ts";
import { caseName, KERNEL_CASES } from "./cases.ts";
import type { ContenderPage, TimedStep } from "./page.ts";

export type Backend = "webgpu" | "wasm";
export type ContenderName = "ours" | "jax-js" | "tfjs";

export interface PairRow {
  readonly what: string;
  readonly backend: Backend;
  readonly peer: ContenderName;
  readonly pairs: number;
  /** Medians: of a step or of one run of the operation. */
  readonly ours_ms: number;
  readonly peer_ms: number;
  /** Their time through ours, per pair: above 1 we are faster. */
  readonly ratio: number;
  readonly ratio_min: number;
  readonly ratio_max: number;
  /** Of a training. */
  readonly ours_tokens_per_sec?: number;
  readonly peer_tokens_per_sec?: number;
  readonly ours_launches?: number;
  readonly peer_launches?: number;
  readonly ours_submits?: number;
  readonly peer_submits?: number;
  readonly ours_loss?: number;
  readonly peer_loss?: number;
  readonly load: number;
}

/** What a page holds as `globalThis.contender`. */
type Held = { contender?: ContenderPage; contenderError?: string };

/** Steps until the loss is compared; the first ones also compile. */
export const CHECKED_STEPS = 5;
const LOSS_TOLERANCE = 2e-3;
/** Of the largest number in the result: f32 sums of up to 1,024 products in different orders. */
const RESULT_TOLERANCE = 1e-4;
const SAMPLE_MS = 100;
const MOST_RUNS = 256;
/** A tiny step is short on the CPU: more of them make one sample. */
const SAMPLE_STEPS_MS = 150;

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};

export class Tab {
  constructor(
    readonly name: ContenderName,
    readonly backend: Backend,
    readonly page: Page,
  ) {}

  /** @throws Error where the contender does not start, with its own words */
  static async open({ browser }: LaunchedBrowser, url: string, name: ContenderName, backend: Backend): Promise<Tab> {
    const page = await browser.newPage();
    const said: string[] = [];
    page.on("pageerror", (error) => said.push(String(error)));
    page.on("console", (message) => void (message.type() === "error" && said.push(message.text())));
    await page.goto(`${url}?contender=${name}&backend=${backend}`);
    const settled = await page.waitForFunction(() => "contender" in globalThis || "contenderError" in globalThis, { timeout: 60_000, polling: 100 }).then(() => true, () => false);
    const failed = settled ? await page.evaluate(() => (globalThis as Held).contenderError) : "it did not start in a minute";
    if (failed !== undefined) throw new Error(`${name} on ${backend}: ${[failed, ...said].join("; ")}`);
    return new Tab(name, backend, page);
  }

  about(): Promise<string> {
    return this.page.evaluate(() => (globalThis as Held).contender!.about);
  }
  startTraining(name: "small" | "tiny"): Promise<{ tokens: number; loss: number }> {
    return this.page.evaluate((which) => (globalThis as Held).contender!.startTraining(which), name);
  }
  steps(count: number): Promise<TimedStep[]> {
    return this.page.evaluate((many) => (globalThis as Held).contender!.steps(many), count);
  }
  startKernel(index: number): Promise<number[]> {
    return this.page.evaluate((which) => (globalThis as Held).contender!.startKernel(which), index);
  }
  time(count: number): Promise<number> {
    return this.page.evaluate((many) => (globalThis as Held).contender!.time(many), count);
  }
  stop(): Promise<void> {
    return this.page.evaluate(() => (globalThis as Held).contender!.stop());
  }
}

type Timed = Pick<PairRow, "what" | "backend" | "peer" | "pairs" | "ours_ms" | "peer_ms" | "ratio" | "ratio_min" | "ratio_max" | "load">;

function paired(what: string, peer: Tab, ours: readonly number[], theirs: readonly number[]): Timed {
  const ratios = ours.map((ms, pair) => theirs[pair]! / ms);
  return {
    what, backend: peer.backend, peer: peer.name, pairs: ours.length, ours_ms: median(ours), peer_ms: median(theirs),
    ratio: median(ratios), ratio_min: Math.min(...ratios), ratio_max: Math.max(...ratios), load: loadavg()[0]!,
  };
}

/** A, B, B, A, A, B: `count` samples of each; whoever goes first has no lasting advantage of it. */
export async function inTurns(count: number, a: () => Promise<number>, b: () => Promise<number>): Promise<[number[], number[]]> {
  const times: [number[], number[]] = [[], []];
  for (let pair = 0; pair < count; pair++) {
    for (const turn of pair % 2 === 0 ? [0, 1] : [1, 0]) times[turn]!.push(await (turn === 0 ? a : b)());
  }
  return times;
}

/** @throws Error where a loss is wrong: a wrong result has no time */
export async function measureTraining(name: "small" | "tiny", ours: Tab, peer: Tab, pairs: number): Promise<PairRow> {
  try {
    const checked: TimedStep[][] = [];
    const { tokens, loss: expected } = await ours.startTraining(name);
    await peer.startTraining(name);
    for (const tab of [ours, peer]) checked.push(await tab.steps(CHECKED_STEPS));
    const last = checked.map((steps) => steps.at(-1)!);
    const wrong = [ours, peer].filter((_, i) => !(Math.abs(last[i]!.loss - expected) <= LOSS_TOLERANCE)).map((tab) => tab.name);
    if (wrong.length > 0) throw new Error(`wrong, and so without a time: the loss of ${wrong.join(" and ")} at step ${CHECKED_STEPS} is not ${expected} (${last.map(({ loss }) => loss).join(" and ")})`);
    const repeats = last.map(({ ms }) => Math.max(1, Math.min(8, Math.ceil(SAMPLE_STEPS_MS / ms))));
    const sampler = (tab: Tab, count: number) => async (): Promise<number> => (await tab.steps(count)).reduce((sum, { ms }) => sum + ms, 0) / count;
    const [mine, theirs] = await inTurns(pairs, sampler(ours, repeats[0]!), sampler(peer, repeats[1]!));
    const row = paired(`train ${name}`, peer, mine, theirs);
    return {
      ...row, ours_tokens_per_sec: (1000 * tokens) / row.ours_ms, peer_tokens_per_sec: (1000 * tokens) / row.peer_ms,
      ours_launches: last[0]!.launches, peer_launches: last[1]!.launches, ours_submits: last[0]!.submits, peer_submits: last[1]!.submits,
      ours_loss: last[0]!.loss, peer_loss: last[1]!.loss,
    };
  } finally {
    await ours.stop();
    await peer.stop();
  }
}

/** Their largest difference, of the largest number; Infinity where they are not of one shape. */
export function resultsDiffer(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length || a[0] !== b[0]) return Infinity;
  const scale = Math.max(...a.slice(1).map(Math.abs));
  return Math.max(...a.slice(1).map((value, i) => Math.abs(value - b[i + 1]!))) / scale;
}

/** @throws Error where the results differ */
export async function measureKernel(index: number, ours: Tab, peer: Tab, pairs: number): Promise<PairRow> {
  try {
    const results: number[][] = [];
    const repeats: number[] = [];
    for (const tab of [ours, peer]) {
      results.push(await tab.startKernel(index));
      await tab.time(1);
      repeats.push(Math.max(1, Math.min(MOST_RUNS, Math.ceil(SAMPLE_MS / (await tab.time(2))))));
    }
    const error = resultsDiffer(results[0]!, results[1]!);
    if (!(error <= RESULT_TOLERANCE)) throw new Error(`wrong, and so without a time: results differ by ${error.toExponential(1)} of the largest; ${RESULT_TOLERANCE} is allowed`);
    const [mine, theirs] = await inTurns(pairs, () => ours.time(repeats[0]!), () => peer.time(repeats[1]!));
    return paired(caseName(KERNEL_CASES[index]!), peer, mine, theirs);
  } finally {
    await ours.stop();
    await peer.stop();
  }
}
