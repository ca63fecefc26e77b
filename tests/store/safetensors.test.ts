/** The safetensors reader and writer: the Python package's own files as the judge, and each hostile form with its code. */
import { describe, expect, test } from "vitest";
import { fromBf16, toBf16 } from "../../src/core/half.ts";
import { blobSource, bytesSource, parseSafetensors, parseSafetensorsHeader, readSafetensorsHeader, readTensor, writeSafetensors } from "../../src/store/index.ts";
import type { ByteSource, TensorToWrite } from "../../src/store/index.ts";
import { codeOf, errorOf, fixture } from "./helpers.ts";

/** A file from a header given as text or JSON, and some zero bytes of data. */
function file(header: unknown, dataBytes = 0, headerLength?: bigint): Uint8Array<ArrayBuffer> {
  const json = typeof header === "string" ? new TextEncoder().encode(header) : header instanceof Uint8Array ? header : new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, headerLength ?? BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const f32 = (shape: unknown, offsets: unknown): unknown => ({ dtype: "F32", shape, data_offsets: offsets });

describe("against files written by the Python package", () => {
  test.each(["gpt2.safetensors", "llama.safetensors", "ops.safetensors"])("%s is read, and written again to the same bytes", (name) => {
    const bytes = fixture(name);
    const { metadata, tensors } = parseSafetensors(bytes);
    expect(metadata.get("format")).toBe("pt");
    expect(tensors.size).toBeGreaterThan(20);
    const again = writeSafetensors([...tensors].reverse());
    expect(Buffer.compare(again, bytes)).toBe(0);
  });

  test("the GPT-2 fixture has the shapes and the ids that its script drew", () => {
    const { tensors } = parseSafetensors(fixture("gpt2.safetensors"));
    expect(tensors.get("weight.transformer.h.0.attn.c_attn.weight")).toMatchObject({ dtype: "F32", shape: [32, 96] });
    expect(tensors.get("logits")!.shape).toEqual([2, 16, 65]);
    const ids = tensors.get("ids")!;
    expect(ids).toMatchObject({ dtype: "I32", shape: [2, 17] });
    expect([...(ids.data as Int32Array)].every((id) => id >= 0 && id < 65)).toBe(true);
  });

  test("ranges of a Blob give the same numbers as the whole in memory", async () => {
    const bytes = fixture("gpt2.safetensors");
    const source = blobSource(new Blob([bytes]));
    const header = await readSafetensorsHeader(source);
    const entry = header.tensors.get("logits")!;
    const tensor = await readTensor(source, entry);
    expect(tensor.data).toEqual(parseSafetensors(bytes).tensors.get("logits")!.data);
    expect(entry.size).toBe(2 * 16 * 65);
  });
});

describe("writing", () => {
  test("every dtype comes back with its values, unaligned sizes beside wide ones", () => {
    const tensors: [string, TensorToWrite][] = [
      ["u8", { shape: [3], data: new Uint8Array([1, 2, 255]) }],
      ["flag", { shape: [1], data: new Uint8Array([1]), dtype: "BOOL" }],
      ["f32", { shape: [2, 1], data: new Float32Array([Math.PI, -0]) }],
      ["f64", { shape: [1], data: new Float64Array([Math.E]) }],
      ["i64", { shape: [1], data: new BigInt64Array([-(2n ** 62n)]) }],
      ["u32", { shape: [1], data: new Uint32Array([2 ** 32 - 1]) }],
      ["i32", { shape: [], data: new Int32Array([-7]) }],
      ["none", { shape: [0, 5], data: new Float32Array(0) }],
      ["half", { shape: [3], data: new Float32Array([1 / 3, -65504, 1e-40]), dtype: "BF16" }],
    ];
    const bytes = writeSafetensors(tensors);
    expect(new DataView(bytes.buffer).getBigUint64(0, true) % 8n).toBe(0n);
    const read = parseSafetensors(bytes).tensors;
    for (const [name, { shape, data, dtype }] of tensors) {
      const expected = dtype === "BF16" ? Float32Array.from(data as Float32Array, (x) => fromBf16(toBf16(x))) : data;
      expect(read.get(name)!.shape, name).toEqual(shape);
      expect(read.get(name)!.data, name).toEqual(expected);
    }
  });

  test("f16 bits are widened to the numbers IEEE 754 gives them", () => {
    const bytes = file({ h: { dtype: "F16", shape: [4], data_offsets: [0, 8] } }, 8);
    const view = new DataView(bytes.buffer, bytes.length - 8);
    [0x3c00, 0xc000, 0x7bff, 0x0001].forEach((half, i) => view.setUint16(2 * i, half, true));
    expect([...(parseSafetensors(bytes).tensors.get("h")!.data as Float32Array)]).toEqual([1, -2, 65504, 2 ** -24]);
  });

  test("a large tensor is cut into pieces that join without a seam", () => {
    const data = Float32Array.from({ length: (5 << 20) / 4 + 3 }, (_, i) => i);
    const read = parseSafetensors(writeSafetensors([["x", { shape: [data.length], data }]])).tensors.get("x")!.data;
    expect(Buffer.compare(new Uint8Array(read.buffer, read.byteOffset, read.byteLength), new Uint8Array(data.buffer))).toBe(0);
  });

  test("a shape that does not fit its data is a programming error, not a file", () => {
    expect(() => writeSafetensors([["x", { shape: [3], data: new Float32Array(2) }]])).toThrow(RangeError);
  });
});

describe("hostile files", () => {
  const good = { a: f32([2], [0, 8]) };
  const cases: [string, Uint8Array, string][] = [
    ["7 bytes", new Uint8Array(7), "ST_TOO_SHORT"],
    ["an empty file", new Uint8Array(0), "ST_TOO_SHORT"],
    ["header length 0", new Uint8Array(16), "ST_HEADER_LENGTH"],
    ["header length 2^63", file(good, 8, 2n ** 63n), "ST_HEADER_LENGTH"],
    ["header length one past the file", file(good, 0, BigInt(JSON.stringify(good).length + 1)), "ST_HEADER_LENGTH"],
    ["a header that begins with a space", file(` ${JSON.stringify(good)}`, 8), "ST_HEADER_JSON"],
    ["a header that is a list", file("[1]"), "ST_HEADER_JSON"],
    ["a header that is cut off", file('{"a":{"dtype":"F32"'), "ST_HEADER_JSON"],
    ["a header that is not UTF-8", file(new Uint8Array([0x7b, 0xc3, 0x28, 0x7d])), "ST_HEADER_JSON"],
    ["a header nested 10,000 deep", file(`{"a":${"[".repeat(10_000)}${"]".repeat(10_000)}}`), "ST_HEADER_JSON"],
    ["a field too many", file({ a: { dtype: "F32", shape: [2], data_offsets: [0, 8], x: 1 } }, 8), "ST_HEADER_JSON"],
    ["a field too few", file({ a: { dtype: "F32", shape: [2] } }, 8), "ST_HEADER_JSON"],
    ["a tensor that is null", file({ a: null }), "ST_HEADER_JSON"],
    ["metadata that is a number", file({ __metadata__: { a: 1 } }), "ST_HEADER_JSON"],
    ["metadata over 1 MB", file({ __metadata__: { a: "x".repeat(1_000_001) } }), "ST_HEADER_TOO_LARGE"],
    ["overlapping tensors", file({ a: f32([2], [0, 8]), b: f32([2], [4, 12]) }, 12), "ST_OFFSETS"],
    ["two tensors over one range", file({ a: f32([2], [0, 8]), b: f32([2], [0, 8]) }, 8), "ST_OFFSETS"],
    ["a hole", file({ a: f32([2], [0, 8]), b: f32([1], [12, 16]) }, 16), "ST_OFFSETS"],
    ["a hole at the start", file({ a: f32([1], [4, 8]) }, 8), "ST_OFFSETS"],
    ["reversed offsets", file({ a: f32([2], [8, 0]) }, 8), "ST_OFFSETS"],
    ["an end past the file", file({ a: f32([2], [0, 8]) }, 7), "ST_OFFSETS"],
    ["a negative offset", file({ a: f32([2], [-4, 4]) }, 8), "ST_OFFSETS"],
    ["an offset of 1.5", file({ a: f32([1], [1.5, 5.5]) }, 8), "ST_OFFSETS"],
    ["an offset of 2^53 + 1", file('{"a":{"dtype":"F32","shape":[1],"data_offsets":[9007199254740993,9007199254740997]}}', 8), "ST_OFFSETS"],
    ["an offset that is text", file({ a: f32([1], ["0", "4"]) }, 4), "ST_OFFSETS"],
    ["three offsets", file({ a: f32([1], [0, 4, 4]) }, 4), "ST_OFFSETS"],
    ["a shape that needs more bytes", file({ a: f32([3], [0, 8]) }, 8), "ST_SIZE"],
    ["a shape of [2^31, 2^31]", file({ a: f32([2 ** 31, 2 ** 31], [0, 8]) }, 8), "ST_SIZE"],
    ["a shape whose product wraps 2^64 to the right size", file({ a: f32([2 ** 32, 2 ** 30, 2], [0, 0]) }), "ST_SIZE"],
    ["a negative size", file({ a: f32([-2], [0, 8]) }, 8), "ST_SIZE"],
    ["nine dimensions", file({ a: f32([1, 1, 1, 1, 1, 1, 1, 1, 2], [0, 8]) }, 8), "ST_SIZE"],
    ["dtype F8", file({ a: { dtype: "F8_E4M3", shape: [8], data_offsets: [0, 8] } }, 8), "ST_DTYPE"],
    ["a dtype that is a method of objects", file({ a: { dtype: "toString", shape: [8], data_offsets: [0, 8] } }, 8), "ST_DTYPE"],
    ["a dtype that is a number", file({ a: { dtype: 4, shape: [8], data_offsets: [0, 8] } }, 8), "ST_DTYPE"],
    ["a tensor named __proto__", file('{"__proto__":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', 8), "ST_NAME"],
    ["a tensor named a.constructor", file({ "a.constructor": f32([2], [0, 8]) }, 8), "ST_NAME"],
    ["one name twice", file('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\\u0061":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}', 8), "ST_NAME"],
    ["one field twice", file('{"a":{"dtype":"F32","dtype":"I32","shape":[2],"data_offsets":[0,8]}}', 8), "ST_NAME"],
    ["a name of 10,000 characters", file({ ["x".repeat(10_000)]: f32([2], [0, 8]) }, 8), "ST_NAME"],
    ["an empty name", file({ "": f32([2], [0, 8]) }, 8), "ST_NAME"],
    ["a name with markup", file({ "<img onerror=alert(1)>": f32([2], [0, 8]) }, 8), "ST_NAME"],
    ["a name with a control character", file({ "a\u0000b": f32([2], [0, 8]) }, 8), "ST_NAME"],
    ["a zip behind the last tensor", file(good, 8 + 22), "ST_TRAILING"],
    ["data and no tensors", file({}, 4), "ST_TRAILING"],
  ];
  test.each(cases)("%s is refused by its own code", async (_, bytes, code) => {
    expect(await codeOf(() => parseSafetensorsHeader(bytes))).toBe(code);
    expect(await codeOf(() => readSafetensorsHeader(bytesSource(bytes)))).toBe(code);
  });

  test("a 100 MB header is refused before it is read", async () => {
    const reads: [number, number][] = [];
    const size = 200_000_000;
    const source: ByteSource = {
      size,
      read: (start, end) => {
        reads.push([start, end]);
        const bytes = new Uint8Array(end - start);
        new DataView(bytes.buffer).setBigUint64(0, 100_000_000n, true);
        return Promise.resolve(bytes);
      },
    };
    expect(await codeOf(() => readSafetensorsHeader(source))).toBe("ST_HEADER_TOO_LARGE");
    expect(reads).toEqual([[0, 8]]);
  });

  test("over 100,000 tensors are refused", async () => {
    const header: Record<string, unknown> = {};
    for (let i = 0; i <= 100_000; i++) header[`t${i}`] = f32([0], [0, 0]);
    expect(await codeOf(() => parseSafetensorsHeader(file(header)))).toBe("ST_HEADER_TOO_LARGE");
  });

  test("a message shows a hostile name quoted and short, and the numbers it speaks of", async () => {
    const name = `<script>${"x".repeat(1000)}`;
    const error = await errorOf(() => parseSafetensorsHeader(file({ [name]: f32([2], [0, 8]) }, 8)));
    expect(error.message.length).toBeLessThan(300);
    const size = await errorOf(() => parseSafetensorsHeader(file({ a: f32([3], [0, 8]) }, 8)));
    expect(size.details).toMatchObject({ name: "a", needed: "12", has: 8 });
  });

  test("an empty file of tensors and a tensor of no elements are legal", () => {
    expect(parseSafetensors(file({})).tensors.size).toBe(0);
    expect(parseSafetensors(file({ a: f32([0], [0, 0]), b: f32([1], [0, 4]) }, 4)).tensors.size).toBe(2);
  });
});
