// ring[metricRow mod rows] = loss mean, gradient norm, clip scale, learning rate, latched, t, targets, step. One thread.
struct Dims {
  rows: u32,
}

@group(0) @binding(0) var<storage, read> lossSum: array<f32>; // (2)
@group(0) @binding(1) var<storage, read> scalars: array<f32>; // (4)
@group(0) @binding(2) var<storage, read> counts: array<u32>; // (4)
@group(0) @binding(3) var<storage, read> stepF: array<f32>; // (4)
@group(0) @binding(4) var<storage, read> stepU: array<u32>; // (4)
@group(0) @binding(5) var<storage, read_write> ring: array<f32>; // (rows, METRIC_COLUMNS)
@group(1) @binding(0) var<uniform> dims: Dims;

@compute @workgroup_size(1)
fn main() {
  let row = (stepU[STEP_METRIC_ROW] % dims.rows) * METRIC_COLUMNS;
  let targets = lossSum[1];
  if (targets == 0.0) {
    ring[row + METRIC_LOSS] = 0.0;
  } else {
    ring[row + METRIC_LOSS] = lossSum[0] / targets;
  }
  ring[row + METRIC_GRAD_NORM] = scalars[SCALAR_GRAD_NORM];
  ring[row + METRIC_CLIP_SCALE] = scalars[SCALAR_CLIP_SCALE];
  ring[row + METRIC_LR] = stepF[STEP_LR];
  ring[row + METRIC_LATCHED] = f32(counts[COUNT_LATCHED] != 0u);
  ring[row + METRIC_T] = f32(counts[COUNT_T]);
  ring[row + METRIC_TARGETS] = targets;
  ring[row + METRIC_STEP] = f32(stepU[STEP_NUMBER]);
}
