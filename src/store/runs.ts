/**
 * The record of each run: what it is and where it stood, so that a reload can open the last one. Not its tensors (checkpoint.ts)
 * and not its curves (run-log.ts), though it says where the log lies.
 */
import { NestlingError } from "../core/errors.ts";
import { canonicalJson, sha256Hex } from "../core/hash.ts";
import type { Recipe } from "../protocol/recipe.ts";
import { runFolder } from "./checkpoint.ts";
import { isObject } from "./manifest.ts";
import { RunLog } from "./run-log.ts";
import { isPlainId, storageError } from "./storage.ts";
import type { Storage, StoreNotice } from "./storage.ts";

const FORMAT = "nestling-run";
const VERSION = 1;

export interface RunRecord {
  readonly runId: string;
  readonly name: string;
  readonly recipe: Recipe;
  readonly createdMs: number;
  readonly updatedMs: number;
  readonly phase: string;
  /** Anything else the engine wants back: stage progress, chosen device, training time. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

export class RunStore {
  constructor(readonly storage: Storage) {}

  async save(record: RunRecord): Promise<void> {
    const text = JSON.stringify({ format: FORMAT, version: VERSION, sha256: sha256Hex(canonicalJson(record)), record });
    await this.storage.publish(recordPath(record.runId), new TextEncoder().encode(text));
  }

  /** @throws CKPT_MISSING, CKPT_CORRUPT, CKPT_VERSION */
  async load(runId: string): Promise<RunRecord> {
    return parseRecord(await this.storage.read(recordPath(runId)), runId);
  }

  /** Newest first; runs whose record is damaged are in `problems`, their checkpoints can be opened all the same. */
  async list(): Promise<{ runs: RunRecord[]; problems: StoreNotice[] }> {
    const runs: RunRecord[] = [];
    const problems: StoreNotice[] = [];
    for (const { path } of await this.storage.list("runs")) {
      const runId = /^runs\/([^/]+)\/run\.json$/.exec(path)?.[1];
      if (runId === undefined) continue;
      try {
        runs.push(await this.load(runId));
      } catch (error) {
        const { code, message, details } = storageError(error, path);
        problems.push({ code, text: message, details });
      }
    }
    return { runs: runs.sort((a, b) => b.updatedMs - a.updatedMs), problems };
  }

  /** The run's log, cut at the first damaged record and after `upToStep`. */
  openLog(runId: string, upToStep?: number): ReturnType<typeof RunLog.open> {
    return RunLog.open(this.storage, `${folder(runId)}/log.bin`, upToStep);
  }

  /** Begins another run's log with what this one says up to a step: a fork has its parent's past. */
  async copyLog(from: string, to: string, upToStep: number): Promise<void> {
    const { records } = await this.openLog(from, upToStep);
    const { log } = await this.openLog(to);
    if (records.length > 0) await log.append(records);
  }

  /** Removes a run with its log and all its checkpoints; the record goes last, so that a crash leaves it listed. */
  async delete(runId: string): Promise<void> {
    const files = await this.storage.list(folder(runId));
    const manifestsFirst = files.map((f) => f.path).filter((path) => path !== recordPath(runId)).sort((a, b) => Number(b.endsWith(".json")) - Number(a.endsWith(".json")));
    for (const path of manifestsFirst) await this.storage.delete(path);
    await this.storage.delete(recordPath(runId));
  }
}

function folder(runId: string): string {
  if (!isPlainId(runId)) throw new NestlingError("CKPT_MISSING", `${JSON.stringify(runId.slice(0, 80))} is no run id; ids are letters, digits, "_" and "-".`, {});
  return runFolder(runId);
}

const recordPath = (runId: string): string => `${folder(runId)}/run.json`;

function parseRecord(bytes: Uint8Array, runId: string): RunRecord {
  const corrupt = (): NestlingError => new NestlingError("CKPT_CORRUPT", `The record of run ${runId} is damaged. Its checkpoints are untouched; open one of them.`, { runId });
  let outer: unknown;
  try {
    outer = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw corrupt();
  }
  if (!isObject(outer) || outer["format"] !== FORMAT) throw corrupt();
  if (typeof outer["version"] === "number" && outer["version"] > VERSION) {
    throw new NestlingError("CKPT_VERSION", `The record of run ${runId} has format version ${outer["version"]}; this build reads up to ${VERSION}. Open it with a newer build.`, { runId, version: outer["version"] });
  }
  const record = outer["record"];
  if (outer["version"] !== VERSION || !isObject(record) || outer["sha256"] !== sha256Hex(canonicalJson(record)) || record["runId"] !== runId) throw corrupt();
  return record as unknown as RunRecord;
}
