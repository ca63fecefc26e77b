/**
 * Reading safetensors from files that nobody vouches for: a strict parser of the header, and tensors read by ranges, so that a
 * hostile file costs no more memory than its header. Writing is `safetensors-write.ts`. It knows no model: names and shapes are
 * compared with a config elsewhere.
 *
 * Format: u64 little-endian header length n, n bytes of JSON `{name: {dtype, shape, data_offsets}}`, then the data
 * (github.com/huggingface/safetensors, README). Stricter here than there: see `PARSE_LIMITS`.
 */
import { NestlingError } from "../core/errors.ts";
import type { ErrorCode } from "../core/errors.ts";
import { bf16Decode, f16Decode } from "../core/half.ts";
import { scanJson } from "../core/json-scan.ts";
import type { ByteSource } from "./storage.ts";

/** Bytes an element takes, in the order in which the format's own writer sorts: see `safetensors-write.ts`. */
export const DTYPE_BYTES = { BOOL: 1, U8: 1, F16: 2, BF16: 2, I32: 4, U32: 4, F32: 4, F64: 8, I64: 8 } as const;
export type Dtype = keyof typeof DTYPE_BYTES;

export const PARSE_LIMITS = { headerBytes: 25_000_000, tensors: 100_000, nameChars: 512, rank: 8, metadataBytes: 1_000_000 } as const;

/** Tensors and their metadata in one object; shapes are the longest lists. */
const JSON_LIMITS = { depth: 4, keys: PARSE_LIMITS.tensors + 1, items: 64, unique: true } as const;

export interface TensorEntry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Number of elements. */
  readonly size: number;
  /** Bytes from the start of the file. */
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  readonly metadata: ReadonlyMap<string, string>;
  /** In the order of the data. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** Where the data begins, bytes from the start of the file. */
  readonly dataStart: number;
}

export type TensorArray = Float32Array | Float64Array | Int32Array | Uint32Array | Uint8Array | BigInt64Array;

/** A tensor of any dtype; bf16 and f16 arrive widened to Float32Array, BOOL as Uint8Array. */
export interface AnyTensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly data: TensorArray;
}

/** A tensor of floats, row-major. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/**
 * Reads and checks the header of a file.
 * @throws ST_TOO_SHORT, ST_HEADER_LENGTH, ST_HEADER_TOO_LARGE, ST_HEADER_JSON, ST_NAME, ST_DTYPE, ST_SIZE, ST_OFFSETS, ST_TRAILING
 */
export async function readSafetensorsHeader(source: ByteSource): Promise<SafetensorsHeader> {
  const length = headerLength(source.size >= 8 ? await source.read(0, 8) : null, source.size);
  return parseHeader(await source.read(8, 8 + length), source.size);
}

/** The same for a file in memory. */
export function parseSafetensorsHeader(bytes: Uint8Array): SafetensorsHeader {
  const length = headerLength(bytes.length >= 8 ? bytes.subarray(0, 8) : null, bytes.length);
  return parseHeader(bytes.subarray(8, 8 + length), bytes.length);
}

/** All tensors of a file in memory. 4-byte types may be views of `bytes`. */
export function parseSafetensors(bytes: Uint8Array): { metadata: ReadonlyMap<string, string>; tensors: Map<string, AnyTensor> } {
  const header = parseSafetensorsHeader(bytes);
  const tensors = new Map<string, AnyTensor>();
  for (const entry of header.tensors.values()) tensors.set(entry.name, decodeTensor(entry, bytes.subarray(entry.begin, entry.end)));
  return { metadata: header.metadata, tensors };
}

export async function readTensor(source: ByteSource, entry: TensorEntry): Promise<AnyTensor> {
  return decodeTensor(entry, await source.read(entry.begin, entry.end));
}

/** The tensor's bytes as numbers; a view of them where type and alignment allow. */
export function decodeTensor(entry: Pick<TensorEntry, "dtype" | "shape">, bytes: Uint8Array): AnyTensor {
  const { dtype, shape } = entry;
  const width = DTYPE_BYTES[dtype];
  const aligned = bytes.byteOffset % width === 0 && bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
  const { buffer, byteOffset } = aligned;
  const count = bytes.length / width;
  switch (dtype) {
    case "F32": return { dtype, shape, data: new Float32Array(buffer, byteOffset, count) };
    case "F64": return { dtype, shape, data: new Float64Array(buffer, byteOffset, count) };
    case "I32": return { dtype, shape, data: new Int32Array(buffer, byteOffset, count) };
    case "U32": return { dtype, shape, data: new Uint32Array(buffer, byteOffset, count) };
    case "I64": return { dtype, shape, data: new BigInt64Array(buffer, byteOffset, count) };
    case "U8":
    case "BOOL": return { dtype, shape, data: new Uint8Array(buffer, byteOffset, count) };
    case "BF16": return { dtype, shape, data: bf16Decode(new Uint16Array(buffer, byteOffset, count)) };
    case "F16": return { dtype, shape, data: f16Decode(new Uint16Array(buffer, byteOffset, count)) };
  }
}

/** A float tensor as f32 (f64 rounded). @throws ST_DTYPE for integers */
export function asFloat32(tensor: AnyTensor, name: string): Tensor {
  if (tensor.data instanceof Float32Array) return { shape: tensor.shape, data: tensor.data };
  if (tensor.data instanceof Float64Array) return { shape: tensor.shape, data: Float32Array.from(tensor.data) };
  throw fail("ST_DTYPE", `Tensor ${show(name)} has dtype ${tensor.dtype}; weights must be F32, F64, F16 or BF16. Convert it and save again.`, { name, dtype: tensor.dtype });
}

/** How many values are NaN or infinite. */
export function countNonFinite(data: Float32Array): number {
  let count = 0;
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) count++;
  return count;
}

/** Names that are refused everywhere: they would meet a prototype, or could not be shown or stored as they are. */
export function checkTensorName(name: string): void {
  const reason =
    name === "" ? "is empty"
    : name.length > PARSE_LIMITS.nameChars ? `has ${name.length} characters; allowed are ${PARSE_LIMITS.nameChars}`
    : name.split(/[./]/).some((part) => part === "__proto__" || part === "constructor" || part === "prototype") ? "is a reserved word of the language"
    : !/^[A-Za-z0-9_.:/+-]+$/.test(name) ? "has characters other than letters, digits and _ . : / + -"
    : null;
  if (reason) throw fail("ST_NAME", `The tensor name ${show(name)} ${reason}. Nothing was loaded; rename it in the program that wrote the file.`, { name: name.slice(0, 80) });
}

/** A name as a short quoted string, whatever it holds. */
function show(name: string): string {
  return JSON.stringify(name.length > 60 ? `${name.slice(0, 60)}...` : name);
}

function fail(code: ErrorCode, message: string, details: Record<string, unknown>): NestlingError {
  return new NestlingError(code, message, details);
}

function headerLength(first8: Uint8Array | null, fileBytes: number): number {
  if (!first8) throw fail("ST_TOO_SHORT", `The file has ${fileBytes} bytes; a safetensors file has at least 8. It was cut off or is something else.`, { fileBytes });
  const n = new DataView(first8.buffer, first8.byteOffset, 8).getBigUint64(0, true);
  if (n === 0n || n > BigInt(fileBytes - 8)) {
    throw fail("ST_HEADER_LENGTH", `The header claims ${n} bytes; the file has ${fileBytes - 8} after the length. It was cut off or is no safetensors file.`, { headerBytes: String(n), fileBytes });
  }
  if (n > BigInt(PARSE_LIMITS.headerBytes)) {
    throw fail("ST_HEADER_TOO_LARGE", `The header has ${n} bytes; allowed are ${PARSE_LIMITS.headerBytes}. Nothing was read.`, { headerBytes: String(n), allowed: PARSE_LIMITS.headerBytes });
  }
  return Number(n);
}

function parseHeader(bytes: Uint8Array, fileBytes: number): SafetensorsHeader {
  const dataStart = 8 + bytes.length;
  const json = parseHeaderJson(bytes);
  const metadata = parseMetadata(json);
  const names = Object.keys(json).filter((name) => name !== "__metadata__");
  if (names.length > PARSE_LIMITS.tensors) {
    throw fail("ST_HEADER_TOO_LARGE", `The header lists ${names.length} tensors; allowed are ${PARSE_LIMITS.tensors}.`, { tensors: names.length, allowed: PARSE_LIMITS.tensors });
  }
  const entries = names.map((name) => parseEntry(name, json[name], dataStart, fileBytes));
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = dataStart;
  for (const { name, begin, end } of entries) {
    if (begin !== at) {
      const what = begin > at ? "leaves a hole" : "overlaps the tensor before it";
      throw fail("ST_OFFSETS", `Tensor ${show(name)} begins at data byte ${begin - dataStart} and ${what}; expected ${at - dataStart}. The file is damaged; nothing was loaded.`, { name, begin: begin - dataStart, expected: at - dataStart });
    }
    at = end;
  }
  if (at !== fileBytes) {
    throw fail("ST_TRAILING", `${fileBytes - at} bytes follow the last tensor; a safetensors file has none. They could hide another file; nothing was loaded.`, { trailing: fileBytes - at });
  }
  return { metadata, tensors: new Map(entries.map((entry) => [entry.name, entry])), dataStart };
}

function parseHeaderJson(bytes: Uint8Array): Record<string, unknown> {
  const bad = (why: string): NestlingError => fail("ST_HEADER_JSON", `The header is no valid safetensors JSON: ${why}. The file is damaged or something else; nothing was loaded.`, { why });
  if (bytes[0] !== 0x7b) throw bad(`its first byte is ${bytes[0]}, expected 123, "{"`);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(new Uint8Array(bytes));
  } catch {
    throw bad("it is not UTF-8");
  }
  const problem = scanJson(text, JSON_LIMITS);
  if (problem?.kind === "duplicate") throw fail("ST_NAME", `The name ${show(problem.key)} occurs twice in the header. Which one is meant cannot be known; nothing was loaded.`, { name: problem.key.slice(0, 80) });
  if (problem?.kind === "length") throw fail("ST_HEADER_TOO_LARGE", `The header has an object or a list of more than ${problem.allowed} members; a file has at most ${PARSE_LIMITS.tensors} tensors. Nothing was loaded.`, { allowed: problem.allowed });
  if (problem) throw bad(problem.kind === "depth" ? `it nests deeper than ${problem.allowed}` : `it breaks the grammar at character ${problem.index}`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw bad(error instanceof Error ? error.message.slice(0, 120) : "it cannot be parsed");
  }
  if (!isRecord(json)) throw bad("it is no object");
  return json;
}

function parseMetadata(json: Record<string, unknown>): Map<string, string> {
  const metadata = new Map<string, string>();
  if (!Object.hasOwn(json, "__metadata__")) return metadata;
  const value = json["__metadata__"];
  let bytes = 0;
  if (!isRecord(value)) throw fail("ST_HEADER_JSON", "__metadata__ is no object of strings; nothing was loaded.", {});
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string") throw fail("ST_HEADER_JSON", `__metadata__ field ${show(key)} is ${typeof text}, expected a string; nothing was loaded.`, { key: key.slice(0, 80) });
    bytes += key.length + text.length;
    if (bytes > PARSE_LIMITS.metadataBytes) throw fail("ST_HEADER_TOO_LARGE", `__metadata__ has over ${PARSE_LIMITS.metadataBytes} characters; nothing was loaded.`, { allowed: PARSE_LIMITS.metadataBytes });
    metadata.set(key, text);
  }
  return metadata;
}

function parseEntry(name: string, value: unknown, dataStart: number, fileBytes: number): TensorEntry {
  checkTensorName(name);
  if (!isRecord(value) || Object.keys(value).sort().join() !== "data_offsets,dtype,shape") {
    throw fail("ST_HEADER_JSON", `Tensor ${show(name)} has not exactly the fields dtype, shape and data_offsets; nothing was loaded.`, { name });
  }
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== "string" || !Object.hasOwn(DTYPE_BYTES, dtype)) {
    throw fail("ST_DTYPE", `Tensor ${show(name)} has dtype ${typeof dtype === "string" ? show(dtype) : `of another kind (${typeof dtype})`}; supported are ${Object.keys(DTYPE_BYTES).join(", ")}. Convert it and save again.`, { name, dtype: typeof dtype === "string" ? dtype.slice(0, 80) : typeof dtype, supported: Object.keys(DTYPE_BYTES) });
  }
  if (!Array.isArray(shape) || shape.length > PARSE_LIMITS.rank || !shape.every(isCount)) {
    throw fail("ST_SIZE", `Tensor ${show(name)} has a shape that is no list of at most ${PARSE_LIMITS.rank} sizes; nothing was loaded.`, { name });
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw fail("ST_OFFSETS", `Tensor ${show(name)} has data_offsets that are not two whole numbers from 0; nothing was loaded.`, { name });
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > fileBytes - dataStart) {
    throw fail("ST_OFFSETS", `Tensor ${show(name)} lies at data bytes ${begin} to ${end}; the file has ${fileBytes - dataStart}. It was cut off or damaged; nothing was loaded.`, { name, begin, end, dataBytes: fileBytes - dataStart });
  }
  const count = (shape as number[]).reduce((product, dim) => product * BigInt(dim), 1n);
  const bytes = count * BigInt(DTYPE_BYTES[dtype as Dtype]);
  if (bytes !== BigInt(end - begin)) {
    throw fail("ST_SIZE", `Tensor ${show(name)} [${shape.join(", ")}] of ${dtype} needs ${bytes} bytes and has ${end - begin}. The file is damaged; nothing was loaded.`, { name, needed: String(bytes), has: end - begin });
  }
  return { name, dtype: dtype as Dtype, shape: shape as number[], size: Number(count), begin: dataStart + begin, end: dataStart + end };
}

function isCount(value: unknown): boolean {
  // Minus zero is a whole number to JavaScript and no size.
  return Number.isSafeInteger(value) && (value as number) >= 0 && !Object.is(value, -0);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
