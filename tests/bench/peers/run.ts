/**
 * `npm run bench:peers`: this project beside jax-js and TensorFlow.js in one browser, in turns: both reference trainings and the kernel
 * shapes. Prints a table, and JSON with `--json FILE`.
 */
import { mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { launchBrowser } from "../../../src/cli/browser.ts";
import { isMain } from "../../../src/cli/paths.ts";
import { buildPeers, HOW_TO_INSTALL, peersInstalled, servePeers } from "./build.ts";
import { caseName, KERNEL_CASES } from "./cases.ts";
import { measureKernel, measureTraining, Tab, type Backend, type ContenderName, type PairRow } from "./measure.ts";

const HELP = `npm run bench:peers -- [flags]      needs, once: ${HOW_TO_INSTALL}
  --only REGEX      jobs whose "PEER BACKEND NAME" matches, such as "jax-js webgpu train" (all)
  --pairs N         samples of each, in turns (5)
  --backend NAME    webgpu or wasm (both)
  --json FILE       writes {date, browser, device, rows}`;

export interface PeersOptions {
  readonly only: RegExp;
  readonly pairs: number;
  readonly backends: readonly Backend[];
}

export interface PeersResult {
  readonly date: string;
  readonly browser: string;
  /** What this project ran on, by backend. */
  readonly device: Readonly<Record<string, string>>;
  readonly rows: readonly PairRow[];
  /** What could not be measured or was wrong, and why. */
  readonly failed: readonly string[];
}

const TRAININGS = ["tiny", "small"] as const;
const PEERS = ["jax-js", "tfjs"] as const;

/** A contender that does not start, or fails, is among `failed`; the others go on. */
export async function runPeers({ only, pairs, backends }: PeersOptions, say: (line: string) => void): Promise<PeersResult> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "nestling-peers-")));
  await buildPeers(folder);
  const served = await servePeers(folder);
  const launched = await launchBrowser();
  const rows: PairRow[] = [];
  const failed: string[] = [];
  const device: Record<string, string> = {};
  try {
    for (const backend of backends) {
      const tabs = new Map<ContenderName, Tab>();
      const tab = async (name: ContenderName): Promise<Tab> => {
        const open = tabs.get(name) ?? (await Tab.open(launched, served.url, name, backend));
        tabs.set(name, open);
        return open;
      };
      const job = async (peer: ContenderName, what: string, measure: (ours: Tab, theirs: Tab) => Promise<PairRow>): Promise<void> => {
        if (!only.test(`${peer} ${backend} ${what}`)) return;
        try {
          const ours = await tab("ours");
          device[backend] ??= await ours.about();
          const row = await measure(ours, await tab(peer));
          rows.push(row);
          say(lineOf(row));
        } catch (error) {
          failed.push(`${peer} ${backend} ${what}: ${error instanceof Error ? error.message : String(error)}`);
          say(`failed: ${failed.at(-1)}`);
        }
      };
      for (const peer of PEERS) {
        for (const name of TRAININGS) await job(peer, `train ${name}`, (ours, theirs) => measureTraining(name, ours, theirs, pairs));
        for (const [index, kernel] of KERNEL_CASES.entries()) await job(peer, caseName(kernel), (ours, theirs) => measureKernel(index, ours, theirs, pairs));
      }
      for (const { page } of tabs.values()) await page.close();
    }
    return { date: new Date().toISOString(), browser: await launched.browser.version(), device, rows, failed };
  } finally {
    await launched.close();
    served.close();
    await rm(folder, { recursive: true, force: true });
  }
}

const HEADER = `${"what".padEnd(30)}${"peer".padEnd(15)}${"ours ms".padStart(9)}${"peer ms".padStart(10)}${"ratio".padStart(8)}   spread`;

function lineOf(row: PairRow): string {
  const training = row.ours_tokens_per_sec === undefined ? "" : `  ${row.ours_tokens_per_sec.toFixed(0)} and ${row.peer_tokens_per_sec!.toFixed(0)} tokens/s, loss ${row.ours_loss!.toFixed(4)} and ${row.peer_loss!.toFixed(4)}`;
  const launches = row.ours_launches ? `, launches ${row.ours_launches} and ${row.peer_launches}, submits ${row.ours_submits} and ${row.peer_submits}` : "";
  return `${row.what.padEnd(30)}${`${row.peer} ${row.backend}`.padEnd(15)}${row.ours_ms.toPrecision(3).padStart(9)}${row.peer_ms.toPrecision(3).padStart(10)}${row.ratio.toFixed(2).padStart(8)}   ${row.ratio_min.toFixed(2)} to ${row.ratio_max.toFixed(2)}${training}${launches}`;
}

async function main(): Promise<void> {
  const text = { type: "string" } as const;
  const { values } = parseArgs({ options: { only: { ...text, default: "" }, pairs: { ...text, default: "5" }, backend: text, json: text, help: { type: "boolean" } } });
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  if (values.help) return say(HELP);
  const pairs = Number(values.pairs);
  if (!Number.isInteger(pairs) || pairs < 1) throw new Error(`--pairs is ${values.pairs}; it is a whole number from 1 on`);
  if (values.backend !== undefined && values.backend !== "webgpu" && values.backend !== "wasm") throw new Error(`--backend is ${values.backend}; it is webgpu or wasm`);
  if (!peersInstalled()) throw new Error(`The other trainers are not installed: ${HOW_TO_INSTALL}`);
  say(HEADER);
  const result = await runPeers({ only: new RegExp(values.only), pairs, backends: values.backend ? [values.backend] : ["webgpu", "wasm"] }, say);
  for (const [backend, name] of Object.entries(result.device)) say(`${backend}: ${name}; ${result.browser}`);
  if (values.json) await writeFile(values.json, `${JSON.stringify(result, null, 2)}\n`);
  if (result.rows.length + result.failed.length === 0) throw new Error(`Nothing matches --only ${values.only}`);
  if (result.failed.length > 0) process.exitCode = 1;
}

if (isMain(import.meta.url)) {
  main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
}
