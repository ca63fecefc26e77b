// loss[n] = lse - x[target]; x := mask[n] invTargets lossScale (softmax(x) - onehot), over each row x of logits.
// One thread a row: no barriers. An element is one number, or four where V allows. The sum goes in blocks, as one
// long chain of f32 additions would lose digits. The powers are kept in place between the passes, since exp costs more than a
// store. A masked row is written as zeros without being read, so that nothing that stands in it, NaN included, reaches a
// gradient.
const WORKGROUP_SIZE: u32 = 16u;
const BLOCK: u32 = 32u;

struct Dims {
  N: u32,
  V: u32,
}

@group(0) @binding(0) var<storage, read_write> logits: array<Element>; // (N, V)
@group(0) @binding(1) var<storage, read> targets: array<u32>; // (N)
@group(0) @binding(2) var<storage, read> mask: array<f32>; // (N)
@group(0) @binding(3) var<storage, read> stepF: array<f32>; // (4)
@group(0) @binding(4) var<storage, read_write> loss: array<f32>; // (N)
@group(1) @binding(0) var<uniform> dims: Dims;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let n = linear_workgroup_id(workgroup_id, num_workgroups) * WORKGROUP_SIZE + lane;
  if (n >= dims.N) {
    return;
  }
  let columns = dims.V / ELEMENT_SIZE;
  let row = n * columns;
  if (!(mask[n] > 0.0)) {
    for (var c = 0u; c < columns; c++) {
      logits[row + c] = Element();
    }
    loss[n] = 0.0;
    return;
  }
  var highest = logits[row];
  for (var c = 1u; c < columns; c++) {
    highest = max(highest, logits[row + c]);
  }
  let largest = element_max(highest);
  let target_column = targets[n];
  let target_logit = element_at(logits[row + target_column / ELEMENT_SIZE], target_column) - largest;
  var sums = Element();
  for (var block = 0u; block < columns; block += BLOCK) {
    var part = Element();
    for (var c = block; c < min(block + BLOCK, columns); c++) {
      let e = exp(logits[row + c] - largest);
      logits[row + c] = e;
      part += e;
    }
    sums += part;
  }
  let sum = element_sum(sums);
  loss[n] = log(sum) - target_logit;
  let scale = mask[n] * stepF[STEP_INV_TARGETS] * stepF[STEP_LOSS_SCALE];
  for (var c = 0u; c < columns; c++) {
    logits[row + c] = scale * (logits[row + c] / sum - element_hit(c, target_column));
  }
}
