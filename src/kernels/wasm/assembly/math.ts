/** exp and GELU on four f32 at once, and walks over arrays that need not be a multiple of four. */

const LOG2_E: f32 = 1.4426950408889634;
// ln 2 in two parts; the first has nine significant bits, so n * LN2_HIGH is exact.
const LN2_HIGH: f32 = 0.693359375;
const LN2_LOW: f32 = -2.121944400546905827679e-4;
const EXP_LEAST: f32 = -87.33654; // exp of it is the smallest normal number
const EXP_MOST: f32 = 89.0; // exp of it is past the largest number

// 1.5 * 2^23: adding it rounds to a whole number and leaves that number in the low bits.
const ROUNDER: f32 = 12582912.0;

/**
 * a b + c: in the relaxed build one instruction and one rounding where the processor has it (WebAssembly relaxed SIMD,
 * `f32x4.relaxed_madd`), else two of each. Which one holds for the whole module, so that a build gives one set of bits on one machine.
 */
// @ts-ignore: decorator
@inline
export function fma(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return v128.relaxed_madd<f32>(a, b, c);
  return f32x4.add(c, f32x4.mul(a, b));
}

/**
 * exp, within 2 ulp; 0 below -87.3, infinite above 88.7, NaN of NaN. exp(x) = 2^n exp(r) with |r| <= ln 2 / 2 and exp(r) by its
 * Taylor series up to r^7 (remainder under 6e-9). pmax and pmin are one instruction each and keep a NaN in their first argument.
 */
export function exp4(value: v128): v128 {
  const x = f32x4.pmin(f32x4.pmax(value, f32x4.splat(EXP_LEAST)), f32x4.splat(EXP_MOST));
  const rounded = f32x4.add(f32x4.mul(x, f32x4.splat(LOG2_E)), f32x4.splat(ROUNDER));
  const n = f32x4.sub(rounded, f32x4.splat(ROUNDER));
  const r = f32x4.sub(f32x4.sub(x, f32x4.mul(n, f32x4.splat(LN2_HIGH))), f32x4.mul(n, f32x4.splat(LN2_LOW)));
  const r2 = f32x4.mul(r, r);
  // Pairs of terms side by side: a shorter chain than term after term.
  const t01 = f32x4.add(f32x4.splat(1), r);
  const t23 = fma(r, f32x4.splat(<f32>(1.0 / 6.0)), f32x4.splat(0.5));
  const t45 = fma(r, f32x4.splat(<f32>(1.0 / 120.0)), f32x4.splat(<f32>(1.0 / 24.0)));
  const t67 = fma(r, f32x4.splat(<f32>(1.0 / 5040.0)), f32x4.splat(<f32>(1.0 / 720.0)));
  const high = fma(r2, t67, t45);
  const sum = fma(r2, fma(r2, high, t23), t01);
  // 2^n as two factors: 2^128 alone would be infinite where the product is not.
  const whole = i32x4.sub(rounded, f32x4.splat(ROUNDER));
  const half = i32x4.shr_s(whole, 1);
  const factor0 = i32x4.shl(i32x4.add(half, i32x4.splat(127)), 23);
  const factor1 = i32x4.shl(i32x4.add(i32x4.sub(whole, half), i32x4.splat(127)), 23);
  return v128.andnot(f32x4.mul(f32x4.mul(sum, factor0), factor1), f32x4.lt(value, f32x4.splat(EXP_LEAST)));
}

/** ln of a positive normal number in f64, to 1e-12: ln(2^e m) = e ln 2 + 2 atanh((m - 1) / (m + 1)), m in [sqrt 1/2, sqrt 2). */
export function log(x: f64): f64 {
  const bits = reinterpret<i64>(x);
  let e = <i32>(bits >> 52) - 1023;
  let m = reinterpret<f64>((bits & 0x000fffffffffffff) | 0x3ff0000000000000);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    e++;
  }
  const z = (m - 1) / (m + 1);
  const q = z * z;
  const series = 1 + q * (1.0 / 3 + q * (1.0 / 5 + q * (1.0 / 7 + q * (1.0 / 9 + q * (1.0 / 11 + q * (1.0 / 13))))));
  return <f64>e * 0.6931471805599453 + 2 * z * series;
}

/** The horizontal sum of four lanes, in a fixed order. */
export function sum4(v: v128): f32 {
  return f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3));
}

/** The largest of four lanes; NaN where one is NaN. */
export function max4(v: v128): f32 {
  return max(max(f32x4.extract_lane(v, 0), f32x4.extract_lane(v, 1)), max(f32x4.extract_lane(v, 2), f32x4.extract_lane(v, 3)));
}

/** The largest of `count` floats; NaN where one is NaN. */
export function maxArray(from: usize, count: i32): f32 {
  let most = f32x4.splat(-f32.MAX_VALUE);
  let i = 0;
  for (; i <= count - 4; i += 4) {
    most = f32x4.max(most, v128.load(from));
    from += 16;
  }
  let result = max4(most);
  for (; i < count; i++) {
    result = max(result, load<f32>(from));
    from += 4;
  }
  return result;
}

/** to[i] = exp(from[i] - shift); returns the sum, sixteen lanes wide. Both may be the same array. */
export function expArray(from: usize, to: usize, count: i32, shift: f32): f32 {
  const by = f32x4.splat(shift);
  let s0 = f32x4.splat(0);
  let s1 = f32x4.splat(0);
  let s2 = f32x4.splat(0);
  let s3 = f32x4.splat(0);
  let i = 0;
  for (; i <= count - 16; i += 16) {
    const e0 = exp4(f32x4.sub(v128.load(from), by));
    const e1 = exp4(f32x4.sub(v128.load(from, 16), by));
    const e2 = exp4(f32x4.sub(v128.load(from, 32), by));
    const e3 = exp4(f32x4.sub(v128.load(from, 48), by));
    v128.store(to, e0);
    v128.store(to, e1, 16);
    v128.store(to, e2, 32);
    v128.store(to, e3, 48);
    s0 = f32x4.add(s0, e0);
    s1 = f32x4.add(s1, e1);
    s2 = f32x4.add(s2, e2);
    s3 = f32x4.add(s3, e3);
    from += 64;
    to += 64;
  }
  for (; i <= count - 4; i += 4) {
    const e = exp4(f32x4.sub(v128.load(from), by));
    v128.store(to, e);
    s0 = f32x4.add(s0, e);
    from += 16;
    to += 16;
  }
  let sum = sum4(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
  for (; i < count; i++) {
    const e = f32x4.extract_lane(exp4(f32x4.splat(load<f32>(from) - shift)), 0);
    store<f32>(to, e);
    sum += e;
    from += 4;
    to += 4;
  }
  return sum;
}

/** Multiplies `count` floats by one factor. */
export function scaleArray(at: usize, count: i32, factor: f32): void {
  let i = 0;
  for (; i <= count - 4; i += 4) {
    v128.store(at, f32x4.mul(v128.load(at), f32x4.splat(factor)));
    at += 16;
  }
  for (; i < count; i++) {
    store<f32>(at, load<f32>(at) * factor);
    at += 4;
  }
}

/** SUM a b over `count` floats, eight lanes wide. */
export function dotArray(a: usize, b: usize, count: i32): f32 {
  let s0 = f32x4.splat(0);
  let s1 = f32x4.splat(0);
  let i = 0;
  for (; i <= count - 8; i += 8) {
    s0 = fma(v128.load(a), v128.load(b), s0);
    s1 = fma(v128.load(a, 16), v128.load(b, 16), s1);
    a += 32;
    b += 32;
  }
  let sum = sum4(f32x4.add(s0, s1));
  for (; i < count; i++) {
    sum += load<f32>(a) * load<f32>(b);
    a += 4;
    b += 4;
  }
  return sum;
}

const TWO_ROOT: f32 = 1.5957691216057308; // 2 sqrt(2 / pi)
const CUBIC: f32 = 0.044715;

/** exp(-2u), u = sqrt(2/pi) (x + 0.044715 x^3). */
function geluExp(x: v128): v128 {
  const cubic = f32x4.add(f32x4.splat(1), f32x4.mul(f32x4.splat(CUBIC), f32x4.mul(x, x)));
  return exp4(f32x4.neg(f32x4.mul(f32x4.mul(f32x4.splat(TWO_ROOT), x), cubic)));
}

/** GELU, tanh form, as x / (1 + exp(-2u)): no tanh, no cancellation. */
export function gelu4(x: v128): v128 {
  return f32x4.div(x, f32x4.add(f32x4.splat(1), geluExp(x)));
}

/**
 * d gelu / dx = s + x s (1 - s) d(2u)/dx with s = 1 / (1 + exp(-2u)) and 1 - s = exp(-2u) s. Where exp(-2u) is 0 or infinite
 * the second term is 0, though its factors are not.
 */
export function geluSlope4(x: v128): v128 {
  const e = geluExp(x);
  const s = f32x4.div(f32x4.splat(1), f32x4.add(f32x4.splat(1), e));
  const inner = f32x4.mul(f32x4.splat(TWO_ROOT), f32x4.add(f32x4.splat(1), f32x4.mul(f32x4.splat(3 * CUBIC), f32x4.mul(x, x))));
  const term = f32x4.mul(f32x4.mul(f32x4.mul(x, s), f32x4.mul(e, s)), inner);
  const inside = v128.and(f32x4.gt(e, f32x4.splat(0)), f32x4.lt(e, f32x4.splat(Infinity)));
  return f32x4.add(s, v128.and(term, inside));
}

/** The first `count` (1 to 3) floats at an address, zeros in the other lanes. Reads nothing past them. */
export function loadPart(from: usize, count: i32): v128 {
  let v = f32x4.replace_lane(f32x4.splat(0), 0, load<f32>(from));
  if (count > 1) v = f32x4.replace_lane(v, 1, load<f32>(from, 4));
  if (count > 2) v = f32x4.replace_lane(v, 2, load<f32>(from, 8));
  return v;
}

export function storePart(to: usize, v: v128, count: i32): void {
  store<f32>(to, f32x4.extract_lane(v, 0));
  if (count > 1) store<f32>(to, f32x4.extract_lane(v, 1), 4);
  if (count > 2) store<f32>(to, f32x4.extract_lane(v, 2), 8);
}

/** out = gelu(inp), `count` floats; both may be the same array. */
export function geluArray(inp: usize, out: usize, count: i32): void {
  let i = 0;
  for (; i <= count - 4; i += 4) {
    v128.store(out, gelu4(v128.load(inp)));
    inp += 16;
    out += 16;
  }
  if (i < count) storePart(out, gelu4(loadPart(inp, count - i)), count - i);
}
