/** Mutated safetensors files: whatever comes in, the answer is tensors or a typed error, soon and small, and no prototype moves. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { NestlingError } from "../../src/core/errors.ts";
import { DTYPE_BYTES } from "../../src/store/safetensors.ts";
import { parseSafetensors, writeSafetensors } from "../../src/store/index.ts";
import type { TensorToWrite } from "../../src/store/index.ts";

const CODES = /^(ST_|CKPT_)/;
const HOSTILE_NUMBERS = [-1, 0, 1, 1.5, 7, 8, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 53 + 2, 1e308, -0] as const;
const HOSTILE_TEXT = ["__proto__", "constructor", "prototype", "toString", "", "a\u0000", "\u202e", "F8", "F32", "BOOL", "__metadata__", "x".repeat(600)] as const;

const tensors = fc.dictionary(
  fc.stringMatching(/^[a-z][a-z0-9._]{0,12}$/),
  fc.record({ shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }), wide: fc.boolean() }),
  { maxKeys: 5 },
);

/** Structure-aware faults: in the header's text, its JSON, its length and the bytes around it. */
const fault = fc.oneof(
  fc.record({ kind: fc.constant("flip" as const), at: fc.nat(), bit: fc.nat(7) }),
  fc.record({ kind: fc.constant("cut" as const), at: fc.nat() }),
  fc.record({ kind: fc.constant("grow" as const), bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }) }),
  fc.record({ kind: fc.constant("length" as const), value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
  fc.record({ kind: fc.constant("number" as const), at: fc.nat(), value: fc.constantFrom(...HOSTILE_NUMBERS) }),
  fc.record({ kind: fc.constant("text" as const), at: fc.nat(), value: fc.constantFrom(...HOSTILE_TEXT) }),
  fc.record({ kind: fc.constant("insert" as const), at: fc.nat(), value: fc.constantFrom("[", "{", "}", "]", '"', ",", ":", "\\", "null", "1e999", '{"a":1}', "\ud800") }),
  fc.record({ kind: fc.constant("repeat" as const), at: fc.nat() }),
);
type Fault = typeof fault extends fc.Arbitrary<infer T> ? T : never;

function headerFault(text: string, f: Fault): string {
  if (f.kind === "insert") return text.slice(0, f.at % text.length) + f.value + text.slice(f.at % text.length);
  if (f.kind === "repeat") {
    // The same entry a second time: what JSON.parse would hide.
    const entries = [...text.matchAll(/"[^"]*":\{[^}]*\}/g)];
    const entry = entries[f.at % Math.max(1, entries.length)]?.[0];
    return entry ? text.replace(/\}\s*$/, `,${entry}}`) : text;
  }
  const pattern = f.kind === "number" ? /-?\d+(\.\d+)?/g : /"[^"]*"/g;
  const hits = [...text.matchAll(pattern)];
  const hit = hits[("at" in f ? f.at : 0) % Math.max(1, hits.length)];
  if (!hit) return text;
  const value = f.kind === "number" || f.kind === "text" ? JSON.stringify(f.value) : "";
  return text.slice(0, hit.index) + value + text.slice(hit.index + hit[0].length);
}

function apply(bytes: Uint8Array<ArrayBuffer>, f: Fault): Uint8Array<ArrayBuffer> {
  const out = bytes.slice();
  if (f.kind === "flip") {
    if (out.length > 0) out[f.at % out.length]! ^= 1 << f.bit;
    return out;
  }
  if (f.kind === "cut") return out.slice(0, f.at % (out.length + 1));
  if (f.kind === "grow") return new Uint8Array([...out, ...f.bytes]);
  if (out.length < 8) return out;
  if (f.kind === "length") {
    new DataView(out.buffer).setBigUint64(0, f.value, true);
    return out;
  }
  const length = Math.min(Number(new DataView(out.buffer).getBigUint64(0, true)), out.length - 8);
  if (length <= 0) return out;
  const header = new TextEncoder().encode(headerFault(new TextDecoder().decode(out.subarray(8, 8 + length)), f));
  const whole = new Uint8Array([...out.subarray(0, 8), ...header, ...out.subarray(8 + length)]);
  new DataView(whole.buffer).setBigUint64(0, BigInt(header.length), true);
  return whole;
}

test("4,000 mutated files give tensors or typed errors, each within a second, and Object.prototype unchanged", () => {
  const before = Object.getOwnPropertyNames(Object.prototype).sort().join();
  const seen = new Map<string, number>();
  let slowestMs = 0;
  fc.assert(
    fc.property(tensors, fc.array(fault, { minLength: 1, maxLength: 3 }), (named, faults) => {
      const list = Object.entries(named).map(([name, { shape, wide }]): [string, TensorToWrite] => {
        const size = shape.reduce((a, b) => a * b, 1);
        return [name, { shape, data: wide ? new Float64Array(size) : new Float32Array(size) }];
      });
      const bytes = faults.reduce(apply, writeSafetensors(list.filter(([name]) => !/(^|[.])(constructor|prototype)($|[.])/.test(name))));
      const start = performance.now();
      try {
        const read = parseSafetensors(bytes);
        // What passes must be a file without ambiguity: its tensors fill it to the last byte.
        let total = 0;
        for (const { shape, data, dtype } of read.tensors.values()) {
          expect(data.length).toBe(shape.reduce((a, b) => a * b, 1));
          total += data.length * DTYPE_BYTES[dtype];
        }
        expect(total).toBe(bytes.length - 8 - Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true)));
        seen.set("read", (seen.get("read") ?? 0) + 1);
      } catch (error) {
        if (!(error instanceof NestlingError)) throw error;
        expect(error.code).toMatch(CODES);
        seen.set(error.code, (seen.get(error.code) ?? 0) + 1);
      }
      slowestMs = Math.max(slowestMs, performance.now() - start);
    }),
    { numRuns: 4000, seed: 20 },
  );
  expect(Object.getOwnPropertyNames(Object.prototype).sort().join()).toBe(before);
  expect(slowestMs).toBeLessThan(1000);
  // The mutator reaches every refusal that small files can meet; otherwise it fuzzes nothing.
  for (const code of ["read", "ST_TOO_SHORT", "ST_HEADER_LENGTH", "ST_HEADER_JSON", "ST_NAME", "ST_DTYPE", "ST_SIZE", "ST_OFFSETS", "ST_TRAILING"]) expect(seen.get(code) ?? 0, code).toBeGreaterThan(0);
  console.info("fuzzed safetensors:", Object.fromEntries(seen));
});
