/**
 * Unpacks gzip by the platform's DecompressionStream, within a cap, and checks the trailer itself (RFC 1952, section 2.3.1): platforms
 * differ in what they make of bytes after the end, and bytes passed over in silence would be data lost.
 */
import { NestlingError } from "../../core/errors.ts";
import { MAX_FILE_BYTES, quoted, type ByteStream } from "./types.ts";

/** Text packs 3 to 30 times; deflate itself reaches 1,032. */
const MAX_RATIO = 200;
/** Below this a ratio says nothing. */
const FREE_BYTES = 64 * 2 ** 20;
const TRAILER_BYTES = 8;
/** Chromium unpacks all it is given before anybody can read, a thousand times the size at worst: packed bytes go in by little. */
const PIECE_BYTES = 1 << 14;

export const isGzip = (head: Uint8Array): boolean => head[0] === 0x1f && head[1] === 0x8b;

/** Most that an archive of this size may unpack to. */
export const gzipCap = (packedBytes: number, maxBytes = MAX_FILE_BYTES): number => Math.min(maxBytes, Math.max(FREE_BYTES, MAX_RATIO * packedBytes));

/** Size before packing, modulo 2^32, as the archive claims it. */
export async function claimedSize(data: ByteStream): Promise<number> {
  return (await trailerOf(data)).size;
}

/** What an archive says of itself, before all of it is unpacked. @throws NestlingError GZ_TOO_LARGE */
export function checkClaim(name: string, packedBytes: number, claimed: number): void {
  const cap = gzipCap(packedBytes);
  if (claimed > cap) throw tooLarge(name, packedBytes, `its end claims that it unpacks to ${claimed}; ${cap} are`, cap, MAX_FILE_BYTES);
}

const tooLarge = (name: string, packedBytes: number, what: string, cap: number, most: number): NestlingError =>
  new NestlingError("GZ_TOO_LARGE", `${quoted(name)} has ${packedBytes} bytes, and ${what} the most that is allowed for it (${MAX_RATIO} times its size or ${FREE_BYTES}, whichever is more, and ${most} in all). ` +
    "Nothing of it was kept. Unpack it yourself and take a part.", { packedBytes, allowed: cap });

async function trailerOf(data: ByteStream): Promise<{ crc: number; size: number }> {
  const bytes = await data.slice(Math.max(0, data.size - TRAILER_BYTES), data.size).arrayBuffer();
  if (bytes.byteLength < TRAILER_BYTES) return { crc: -1, size: 0 };
  const view = new DataView(bytes);
  return { crc: view.getUint32(0, true), size: view.getUint32(4, true) };
}

/**
 * The unpacked bytes in chunks. Stopping early frees what was under way.
 * @throws NestlingError GZ_TOO_LARGE at the cap; GZ_CORRUPT for damage, a cut end, or bytes after the end (a second member too)
 */
export async function* gunzip(data: ByteStream, options: { readonly name: string; readonly maxBytes?: number }): AsyncGenerator<Uint8Array> {
  const { name } = options;
  const cap = gzipCap(data.size, options.maxBytes);
  const corrupt = (why: string, details: Record<string, unknown> = {}): NestlingError =>
    new NestlingError("GZ_CORRUPT", `${quoted(name)} is no whole gzip archive: ${why}. Nothing of it was kept. Pack it again, or unpack it first.`, { packedBytes: data.size, unpackedBytes: bytes, ...details });
  let bytes = 0;
  let crc = 0;
  const trailer = await trailerOf(data);
  const followed = (why: string): NestlingError => corrupt(`${why}, so something stands after its end (another archive, or stray bytes)`, { claimed: trailer.size });
  const reader = data.stream().pipeThrough(inPieces()).pipeThrough<Uint8Array>(new DecompressionStream("gzip") as unknown as ReadableWritablePair<Uint8Array, Uint8Array>).getReader();
  let finished = false;
  try {
    for (;;) {
      let turn: ReadableStreamReadResult<Uint8Array>;
      try {
        turn = await reader.read();
      } catch (error) {
        finished = true;
        throw corrupt(`after ${bytes} unpacked bytes of ${data.size} packed ones: ${(error instanceof Error ? error.message : String(error)).replace(/\.$/, "")}`);
      }
      if (turn.done) break;
      bytes += turn.value.length;
      if (bytes > cap) {
        throw tooLarge(name, data.size, `it unpacks to more than ${cap},`, cap, Math.min(MAX_FILE_BYTES, options.maxBytes ?? MAX_FILE_BYTES));
      }
      // A size beyond 2^32 is claimed less than it is; where none can be so large, the rest need not be unpacked.
      if (bytes > trailer.size && trailer.size + 2 ** 32 > cap) throw followed(`it unpacks to more than the ${trailer.size} bytes that its end claims`);
      crc = crc32(turn.value, crc);
      yield turn.value;
    }
    finished = true;
    if (trailer.size !== bytes % 2 ** 32 || trailer.crc !== crc) throw followed(`its last ${TRAILER_BYTES} bytes are not the checksum and size of the ${bytes} bytes before them`);
  } finally {
    // A reader that stops before the end lets go of the file; one that failed has nothing to cancel.
    if (!finished) await reader.cancel().catch(() => undefined);
  }
}

function inPieces(): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream({
    transform(chunk, controller) {
      for (let at = 0; at < chunk.length; at += PIECE_BYTES) controller.enqueue(chunk.subarray(at, at + PIECE_BYTES));
    },
  });
}

let table: Uint32Array | undefined;

/** CRC-32 of RFC 1952 (reflected polynomial 0xEDB88320); pass the last result to go on. */
export function crc32(bytes: Uint8Array, previous = 0): number {
  table ??= Uint32Array.from({ length: 256 }, (_, n) => {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
    return c;
  });
  let crc = ~previous;
  for (let i = 0; i < bytes.length; i++) crc = table[(crc ^ bytes[i]) & 0xff] ^ (crc >>> 8);
  return ~crc >>> 0;
}
