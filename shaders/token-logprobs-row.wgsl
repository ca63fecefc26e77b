// logprob[n] = x[target] - lse, lse = log SUM_v exp(x[v]), over each row x of logits. One thread a row: no barriers. An
// element is one number, or four where V allows. The sum goes in blocks, as one long chain of f32 additions would lose digits.
const WORKGROUP_SIZE: u32 = 16u;
const BLOCK: u32 = 32u;

struct Dims {
  N: u32,
  V: u32,
}

@group(0) @binding(0) var<storage, read> logits: array<Element>; // (N, V)
@group(0) @binding(1) var<storage, read> targets: array<u32>; // (N)
@group(0) @binding(2) var<storage, read_write> logprob: array<f32>; // (N)
@group(0) @binding(3) var<storage, read_write> lse: array<f32>; // (N)
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
  var highest = logits[row];
  for (var c = 1u; c < columns; c++) {
    highest = max(highest, logits[row + c]);
  }
  let largest = element_max(highest);
  var sums = Element();
  for (var block = 0u; block < columns; block += BLOCK) {
    var part = Element();
    for (var c = block; c < min(block + BLOCK, columns); c++) {
      part += exp(logits[row + c] - largest);
    }
    sums += part;
  }
  let log_sum = log(element_sum(sums));
  lse[n] = largest + log_sum;
  // Not logit - lse: at logits of 1e4 that would lose four digits.
  let target_column = targets[n];
  logprob[n] = (element_at(logits[row + target_column / ELEMENT_SIZE], target_column) - largest) - log_sum;
}
