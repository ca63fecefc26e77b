/** exp and GELU on four f32 at once, and walks over arrays that need not be a multiple of four. */

const LOG2_E: f32 = 1.4426950408889634;
// ln 2 in two parts; the first has nine significant bits, so n * LN2_HIGH is exact.
const LN2_HIGH: f32 = 0.693359375;
const LN2_LOW: f32 = -2.121944400546905827679e-4;
const EXP_LEAST: f32 = -87.0; // exp of it is still a normal number
const EXP_MOST: f32 = 88.0;

/**
 * exp, within 2 ulp on [-87, 88] and clamped to it: exp(x) = 2^n exp(r) with |r| <= ln 2 / 2 and exp(r) by its Taylor series
 * up to r^7 (remainder under 6e-9).
 */
export function exp4(value: v128): v128 {
  const x = f32x4.min(f32x4.max(value, f32x4.splat(EXP_LEAST)), f32x4.splat(EXP_MOST));
  const n = f32x4.nearest(f32x4.mul(x, f32x4.splat(LOG2_E)));
  const r = f32x4.sub(f32x4.sub(x, f32x4.mul(n, f32x4.splat(LN2_HIGH))), f32x4.mul(n, f32x4.splat(LN2_LOW)));
  let sum = f32x4.splat(<f32>(1.0 / 5040.0));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(<f32>(1.0 / 720.0)));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(<f32>(1.0 / 120.0)));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(<f32>(1.0 / 24.0)));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(<f32>(1.0 / 6.0)));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(0.5));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(1));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(1));
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
  return f32x4.mul(sum, power);
}

/** The horizontal sum of four lanes, in a fixed order. */
export function sum4(v: v128): f32 {
  return f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3));
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

/** d gelu / dx = s + x s (1 - s) d(2u)/dx with s = 1 / (1 + exp(-2u)) and 1 - s = exp(-2u) s. */
export function geluSlope4(x: v128): v128 {
  const e = geluExp(x);
  const s = f32x4.div(f32x4.splat(1), f32x4.add(f32x4.splat(1), e));
  const inner = f32x4.mul(f32x4.splat(TWO_ROOT), f32x4.add(f32x4.splat(1), f32x4.mul(f32x4.splat(3 * CUBIC), f32x4.mul(x, x))));
  return f32x4.add(s, f32x4.mul(f32x4.mul(f32x4.mul(x, s), f32x4.mul(e, s)), inner));
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
