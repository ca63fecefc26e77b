import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bf16Decode, bf16Encode, f16Decode, f16Encode, fromBf16, fromF16, toBf16, toF16 } from "../../src/core/half.ts";

describe("bf16", () => {
  it("decodes and encodes all 65,536 patterns to themselves, NaN to a NaN", () => {
    for (let bits = 0; bits < 65_536; bits++) {
      const value = fromBf16(bits);
      if (Number.isNaN(value)) expect(fromBf16(toBf16(value))).toBeNaN();
      else expect(toBf16(value)).toBe(bits);
    }
  });

  it("rounds to the nearest pattern, ties to the even one", () => {
    expect(fromBf16(toBf16(1 + 2 ** -9))).toBe(1);
    expect(fromBf16(toBf16(1 + 2 ** -8))).toBe(1); // tie, even below
    expect(fromBf16(toBf16(1 + 3 * 2 ** -8))).toBe(1 + 2 ** -6); // tie, even above
    expect(fromBf16(toBf16(1 + 2 ** -8 + 2 ** -20))).toBe(1 + 2 ** -7);
    expect(fromBf16(toBf16(3.4e38))).toBe(Infinity); // past the midpoint above the largest finite value
    expect(toBf16(-0)).toBe(0x8000);
  });

  it("errs by at most 2^-8 of a normal value, and no neighbour is nearer", () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, min: Math.fround(-1e38), max: Math.fround(1e38) }), (x) => {
        const bits = toBf16(x);
        const error = Math.abs(fromBf16(bits) - x);
        if (Math.abs(x) > 2 ** -126) expect(error).toBeLessThanOrEqual(Math.abs(x) * 2 ** -8);
        for (const neighbour of [bits - 1, bits + 1]) {
          const value = fromBf16(neighbour & 0xffff);
          if (Number.isFinite(value)) expect(Math.abs(value - x)).toBeGreaterThanOrEqual(error);
        }
      }),
      { seed: 1 },
    );
  });

  it("keeps a NaN whose payload lies in the dropped half", () => {
    const bits = Uint32Array.of(0x7f800001, 0xff800001);
    for (const x of new Float32Array(bits.buffer)) expect(fromBf16(toBf16(x))).toBeNaN();
  });

  it("encodes and decodes arrays element by element", () => {
    const values = Float32Array.of(0, -1.5, 3.140625, 1e30);
    expect([...bf16Encode(values)]).toEqual([...values].map(toBf16));
    expect([...bf16Decode(bf16Encode(values)).subarray(0, 3)]).toEqual([0, -1.5, 3.140625]);
  });
});

describe("f16", () => {
  it.each([
    [0x0000, 0],
    [0x0001, 2 ** -24], // smallest subnormal
    [0x03ff, 1023 * 2 ** -24],
    [0x0400, 2 ** -14], // smallest normal
    [0x3555, 0.333251953125],
    [0x3c00, 1],
    [0x3c01, 1 + 2 ** -10],
    [0xc000, -2],
    [0x7bff, 65504],
    [0x7c00, Infinity],
    [0xfc00, -Infinity],
  ])("decodes %i to %d", (bits, value) => {
    expect(fromF16(bits)).toBe(value);
  });

  it("decodes every pattern with exponent 31 and a fraction to NaN, and the sign of zero", () => {
    expect(fromF16(0x7c01)).toBeNaN();
    expect(fromF16(0xffff)).toBeNaN();
    expect(Object.is(fromF16(0x8000), -0)).toBe(true);
  });

  it("is strictly increasing over the positive patterns and exact in f32", () => {
    const values = f16Decode(Uint16Array.from({ length: 0x7c01 }, (_, bits) => bits));
    for (let bits = 1; bits <= 0x7c00; bits++) expect(values[bits]!).toBeGreaterThan(values[bits - 1]!);
    for (let bits = 0; bits < 0x7c00; bits += 97) expect(values[bits]).toBe(fromF16(bits));
  });

  it("encodes all 65,536 patterns to themselves, NaN to a NaN of its sign", () => {
    for (let bits = 0; bits < 65_536; bits++) {
      const value = fromF16(bits);
      if (Number.isNaN(value)) expect(fromF16(toF16(value))).toBeNaN();
      else expect(toF16(value)).toBe(bits);
    }
  });

  it("rounds between all neighbours to the nearer, a tie to the even one, subnormals too, and from 65520 on to infinity", () => {
    for (let bits = 0; bits < 0x7bff; bits++) {
      const [low, high] = [fromF16(bits), fromF16(bits + 1)];
      const middle = (low + high) / 2;
      expect(toF16(middle)).toBe(bits % 2 === 0 ? bits : bits + 1);
      // f32 has thirteen more bits: the number beside the tie is nearer to one of the two.
      const step = (high - low) / 4096;
      expect(toF16(middle - step)).toBe(bits);
      expect(toF16(-(middle + step))).toBe(0x8000 | (bits + 1));
    }
    expect([65519, 65520, 1e30, Infinity].map(toF16)).toEqual([0x7bff, 0x7c00, 0x7c00, 0x7c00]);
    expect([...f16Encode(Float32Array.of(-0, 1, -2))]).toEqual([0x8000, 0x3c00, 0xc000]);
  });
});
