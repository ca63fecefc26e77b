// out = a b^T, in the form that `out` is stored in: the product of a linear layer without a bias. A workgroup owns a run or a tile of outputs and
// splits no sum, so the result has the same bits on every run. How the product is walked: lib/matmul-plain.wgsl, -blocks.wgsl and -blocks-16.wgsl.
struct Dims {
  M: u32,
  N: u32,
  K: u32,
}

@group(0) @binding(0) var<storage, read> a: array<ElementA>; // (M, K)
@group(0) @binding(1) var<storage, read> b: array<ElementB>; // (N, K)
@group(0) @binding(2) var<storage, read_write> out: array<ElementOut>; // (M, N)
@group(1) @binding(0) var<uniform> dims: Dims;

const A_TRANSPOSED: u32 = 0u;
const B_TRANSPOSED: u32 = 1u;

fn store(index: u32, column: u32, value: Element) {
  write_out(index, value);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  run(linear_workgroup_id(workgroup_id, num_workgroups), lane);
}
