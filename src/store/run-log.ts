/**
 * The log of a run: metrics, samples and whatever else is to be drawn again after a reload, as append-only records that survive
 * a crash at any byte. It is read whole when a run is opened, and never while it trains.
 *
 * A record: u32 little-endian length of the payload, u32 CRC-32C of length and payload, the payload as UTF-8 JSON.
 */
import { NestlingError } from "../core/errors.ts";
import { crc32c } from "../core/hash.ts";
import { scanJson } from "../core/json-scan.ts";
import type { Storage, StoreNotice } from "./storage.ts";

export interface LogRecord {
  /** Step over all stages that the record belongs to. */
  readonly globalStep: number;
  /** "metrics", "sample", ...: the writer's own word. */
  readonly type: string;
  readonly value: unknown;
}

export const MAX_RECORD_BYTES = 1 << 20;
const HEAD_BYTES = 8;
/** Deeper values could not be sent to the page. */
const MAX_DEPTH = 64;

export class RunLog {
  #tail: Promise<unknown> = Promise.resolve();
  #bytes: number;

  private constructor(
    readonly storage: Storage,
    readonly path: string,
    bytes: number,
  ) {
    this.#bytes = bytes;
  }

  /**
   * Opens (or begins) a log. Cut at the first bad record; the rest is dropped from the file by the next append.
   * @param upToStep drop records past this step, as when resuming from a checkpoint there
   */
  static async open(storage: Storage, path: string, upToStep = Infinity): Promise<{ log: RunLog; records: LogRecord[]; notice: StoreNotice | null }> {
    const bytes = await storage.read(path).catch((error: unknown) => {
      if (error instanceof NestlingError && error.code === "CKPT_MISSING") return new Uint8Array(0);
      throw error;
    });
    const { records, ends } = decodeRecords(bytes);
    const kept = records.findIndex((record) => record.globalStep > upToStep);
    const count = kept < 0 ? records.length : kept;
    const whole = ends.at(-1) ?? 0;
    const notice: StoreNotice | null =
      whole === bytes.length
        ? null
        : { code: "CKPT_CORRUPT", text: `The log of this run ended in ${bytes.length - whole} damaged bytes; they were left out. ${records.length} records are whole.`, details: { path, lost: bytes.length - whole, records: records.length } };
    return { log: new RunLog(storage, path, count > 0 ? ends[count - 1]! : 0), records: records.slice(0, count), notice };
  }

  /** Bytes of whole records: what a checkpoint's `metricsOffset` says. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Appends after what is whole; a failed append is written over by the next. Calls queue. */
  append(records: readonly LogRecord[]): Promise<void> {
    const bytes = encodeRecords(records);
    const next = this.#tail.then(async () => {
      await this.storage.append(this.path, this.#bytes, bytes);
      this.#bytes += bytes.length;
    });
    this.#tail = next.catch(() => undefined);
    return next;
  }
}

export function encodeRecords(records: readonly LogRecord[]): Uint8Array<ArrayBuffer> {
  const parts = records.map((record) => {
    const payload = new TextEncoder().encode(JSON.stringify(record));
    if (payload.length > MAX_RECORD_BYTES) throw new RangeError(`a log record of ${payload.length} bytes; allowed are ${MAX_RECORD_BYTES}`);
    const part = new Uint8Array(HEAD_BYTES + payload.length);
    const view = new DataView(part.buffer);
    view.setUint32(0, payload.length, true);
    part.set(payload, HEAD_BYTES);
    view.setUint32(4, crc32c(payload, crc32c(part.subarray(0, 4))), true);
    return part;
  });
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A checksum vouches for bytes, not for who wrote them: null where they are no record. */
function recordOf(payload: Uint8Array): LogRecord | null {
  try {
    const text = new TextDecoder().decode(payload);
    if (scanJson(text, { depth: MAX_DEPTH, unique: true }) !== null) return null;
    const value = JSON.parse(text) as Partial<LogRecord> | null;
    return typeof value?.globalStep === "number" && typeof value.type === "string" ? (value as LogRecord) : null;
  } catch {
    return null;
  }
}

/** All whole records from the start, and where each ends. Stops, without a throw, at the first that is not. */
export function decodeRecords(bytes: Uint8Array): { records: LogRecord[]; ends: number[] } {
  const records: LogRecord[] = [];
  const ends: number[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + HEAD_BYTES <= bytes.length; ) {
    const length = view.getUint32(at, true);
    const end = at + HEAD_BYTES + length;
    if (length === 0 || length > MAX_RECORD_BYTES || end > bytes.length) break;
    const payload = bytes.subarray(at + HEAD_BYTES, end);
    if (crc32c(payload, crc32c(bytes.subarray(at, at + 4))) !== view.getUint32(at + 4, true)) break;
    const record = recordOf(payload);
    if (record === null) break;
    records.push(record);
    ends.push(end);
    at = end;
  }
  return { records, ends };
}
