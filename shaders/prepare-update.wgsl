// norm = sqrt(SUM partial) / lossScale; a norm that is not finite latches, else t += 1; clip scale min(1, clip / (norm + 1e-6)) / lossScale;
// corrections 1 - beta^t = -expm1(t log beta). One workgroup sums, its first thread decides.
const WORKGROUP_SIZE: u32 = 256u;
const EXPONENT_BITS: u32 = 0x7f800000u;

struct Dims {
  partials: u32,
  logBeta1: f32,
  logBeta2: f32,
}

@group(0) @binding(0) var<storage, read> partial: array<f32>; // (partials)
@group(0) @binding(1) var<storage, read> stepF: array<f32>; // (4)
@group(0) @binding(2) var<storage, read> stepU: array<u32>; // (4)
@group(0) @binding(3) var<storage, read_write> counts: array<u32>; // (4)
@group(0) @binding(4) var<storage, read_write> scalars: array<f32>; // (4)
@group(1) @binding(0) var<uniform> dims: Dims;

// 1 - e^x for x <= 0. Near 0 the difference would cancel (1 - 0.999 keeps four digits), so there it is the Taylor series of
// expm1; its first term left out is 1/13! of the result.
fn one_minus_exp(x: f32) -> f32 {
  if (x <= -1.0) {
    return 1.0 - exp(x);
  }
  var series = 1.0;
  for (var n = 12.0; n > 1.5; n -= 1.0) {
    series = 1.0 + series * x / n;
  }
  return -x * series;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var i = lane; i < dims.partials; i += WORKGROUP_SIZE) {
    sum += partial[i];
  }
  sum = reduce_sum(sum, lane);
  if (lane != 0u) {
    return;
  }
  let norm = sqrt(sum) / stepF[STEP_LOSS_SCALE];
  let clip = stepF[STEP_GRAD_CLIP];
  var clip_scale = 0.0;
  // By bits: a compiler may assume that no value is NaN.
  let finite = (bitcast<u32>(sum) & EXPONENT_BITS) != EXPONENT_BITS;
  if (finite && counts[COUNT_LATCHED] == 0u) {
    counts[COUNT_T] += 1u;
    counts[COUNT_GOOD_STEPS] += 1u;
    clip_scale = select(1.0, min(1.0, clip / (norm + 1e-6)), clip > 0.0) / stepF[STEP_LOSS_SCALE];
  } else if (counts[COUNT_LATCHED] == 0u) {
    counts[COUNT_LATCHED] = 1u;
    counts[COUNT_LATCHED_STEP] = stepU[STEP_NUMBER];
    counts[COUNT_GOOD_STEPS] = 0u;
  }
  let t = f32(counts[COUNT_T]);
  scalars[SCALAR_GRAD_NORM] = norm;
  scalars[SCALAR_CLIP_SCALE] = clip_scale;
  scalars[SCALAR_CORRECTION1] = one_minus_exp(t * dims.logBeta1);
  scalars[SCALAR_CORRECTION2] = one_minus_exp(t * dims.logBeta2);
}
