/**
 * Writing safetensors, whole or as a stream of pieces. Byte for byte what the format's own Rust writer gives for the same
 * tensors: largest element first, then by name, compact JSON, header padded with spaces to 8 bytes, no gaps in the data.
 */
import { bf16Encode } from "../core/half.ts";
import { DTYPE_BYTES, checkTensorName } from "./safetensors.ts";
import type { Dtype, TensorArray } from "./safetensors.ts";

/** A tensor to write. Without `dtype` the array's own type; Float32Array may also be written as "BF16", Uint8Array as "BOOL". */
export interface TensorToWrite {
  readonly shape: readonly number[];
  readonly data: TensorArray;
  readonly dtype?: Dtype;
}

export const PT_METADATA = { format: "pt" } as const;

const PIECE_BYTES = 4 << 20;

/** The type order of the Rust writer's enum; it sorts descending. */
const ORDER: readonly Dtype[] = ["BOOL", "U8", "F16", "BF16", "I32", "U32", "F32", "F64", "I64"];

export interface SafetensorsPiece {
  /** The tensor this belongs to; null for the header. */
  readonly name: string | null;
  readonly bytes: Uint8Array;
}

export interface SafetensorsPlan {
  readonly totalBytes: number;
  /** The file in order, in pieces of at most 4 MiB; bf16 is encoded as it goes. The pieces may be views of the tensors. */
  pieces(): Generator<SafetensorsPiece>;
}

/** Lays out a file; nothing is copied yet. @throws ST_NAME, and RangeError when a shape and its data disagree (a bug, not a file) */
export function planSafetensors(tensors: Iterable<readonly [string, TensorToWrite]>, metadata: Readonly<Record<string, string>> = PT_METADATA): SafetensorsPlan {
  const list = [...tensors].map(([name, tensor]) => ({ name, tensor, dtype: tensor.dtype ?? ownDtype(tensor.data) }));
  list.sort((a, b) => ORDER.indexOf(b.dtype) - ORDER.indexOf(a.dtype) || (a.name < b.name ? -1 : 1));
  const fields: string[] = [`"__metadata__":${JSON.stringify(metadata)}`];
  let at = 0;
  for (const { name, tensor, dtype } of list) {
    checkTensorName(name);
    const size = tensor.shape.reduce((product, dim) => product * dim, 1);
    if (size !== tensor.data.length) throw new RangeError(`${name} has ${tensor.data.length} values, its shape [${tensor.shape.join(", ")}] needs ${size}`);
    if (dtype !== ownDtype(tensor.data) && !(dtype === "BF16" && tensor.data instanceof Float32Array) && !(dtype === "BOOL" && tensor.data instanceof Uint8Array)) {
      throw new RangeError(`${name} is ${ownDtype(tensor.data)} and cannot be written as ${dtype}`);
    }
    const end = at + size * DTYPE_BYTES[dtype];
    fields.push(`${JSON.stringify(name)}:{"dtype":"${dtype}","shape":[${tensor.shape.join(",")}],"data_offsets":[${at},${end}]}`);
    at = end;
  }
  const json = new TextEncoder().encode(`{${fields.join(",")}}`);
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const header = new Uint8Array(8 + headerBytes).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(headerBytes), true);
  header.set(json, 8);
  return {
    totalBytes: header.length + at,
    *pieces() {
      yield { name: null, bytes: header };
      for (const { name, tensor, dtype } of list) {
        for (const bytes of tensorPieces(tensor.data, dtype)) yield { name, bytes };
      }
    },
  };
}

/** The whole file in memory. */
export function writeSafetensors(tensors: Iterable<readonly [string, TensorToWrite]>, metadata?: Readonly<Record<string, string>>): Uint8Array<ArrayBuffer> {
  const plan = planSafetensors(tensors, metadata);
  const whole = new Uint8Array(plan.totalBytes);
  let at = 0;
  for (const { bytes } of plan.pieces()) {
    whole.set(bytes, at);
    at += bytes.length;
  }
  return whole;
}

function* tensorPieces(data: TensorArray, dtype: Dtype): Generator<Uint8Array> {
  const step = PIECE_BYTES / DTYPE_BYTES[dtype];
  for (let from = 0; from < data.length; from += step) {
    const part = data.subarray(from, from + step);
    const source = dtype === "BF16" ? bf16Encode(part as Float32Array) : part;
    yield new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  }
}

function ownDtype(data: TensorArray): Dtype {
  if (data instanceof Float32Array) return "F32";
  if (data instanceof Float64Array) return "F64";
  if (data instanceof Int32Array) return "I32";
  if (data instanceof Uint32Array) return "U32";
  if (data instanceof BigInt64Array) return "I64";
  return "U8";
}
