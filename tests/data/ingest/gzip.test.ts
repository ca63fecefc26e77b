import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it, vi } from "vitest";
import { gunzip } from "../../../src/data/ingest/gzip.ts";
import type { ByteStream } from "../../../src/data/ingest/types.ts";

/** A file whose stream gives all of it at once, as a browser's gives two megabytes. */
const atOnce = (bytes: Uint8Array<ArrayBuffer>): ByteStream => {
  const blob = new Blob([bytes]);
  const stream = (): ReadableStream<Uint8Array<ArrayBuffer>> => new ReadableStream({
    start(controller) {
      controller.enqueue(bytes);
      controller.close();
    },
  });
  return { size: blob.size, slice: (from: number, to: number) => blob.slice(from, to), stream } as unknown as ByteStream;
};

afterEach(() => void vi.unstubAllGlobals());

describe("gunzip", () => {
  it("gives the platform little at a time, which unpacks all it is given before anybody reads", async () => {
    const given: number[] = [];
    const real = DecompressionStream;
    vi.stubGlobal("DecompressionStream", class {
      readonly readable: ReadableStream<Uint8Array>;
      readonly writable: WritableStream<Uint8Array>;
      constructor() {
        const inner = new real("gzip");
        const seen = new TransformStream<Uint8Array, Uint8Array>({
          transform(chunk, controller) {
            given.push(chunk.length);
            controller.enqueue(chunk);
          },
        });
        this.writable = seen.writable;
        this.readable = seen.readable.pipeThrough(inner as unknown as ReadableWritablePair<Uint8Array, Uint8Array>);
      }
    });
    const text = Uint8Array.from({ length: 400_000 }, (_, i) => Math.imul(Math.imul(i + 1, 0x9e3779b1) ^ (i >>> 3), 0x85ebca6b) >>> 24);
    const packed = Uint8Array.from(gzipSync(text));
    const parts: Uint8Array[] = [];
    for await (const part of gunzip(atOnce(packed), { name: "noise.gz" })) parts.push(part);
    expect(Buffer.concat(parts).equals(Buffer.from(text))).toBe(true);
    expect(given.reduce((sum, size) => sum + size, 0)).toBe(packed.length);
    expect(Math.max(...given)).toBeLessThanOrEqual(16_384);
    expect(packed.length).toBeGreaterThan(5 * 16_384);
  });
});
