// The product with one output per invocation: what the other variants are compared with.
// A is (M, K), or (K, M) where A_TRANSPOSED; B is (K, N), or (N, K) where B_TRANSPOSED. The kernel has store().
const WORKGROUP_SIZE: u32 = 64u;

fn run(group: u32, lane: u32) {
  let index = group * WORKGROUP_SIZE + lane;
  if (index >= dims.M * dims.N) {
    return;
  }
  let row = index / dims.N;
  let column = index % dims.N;
  var sum = 0.0;
  for (var k = 0u; k < dims.K; k++) {
    let a_index = select(row * dims.K + k, k * dims.M + row, A_TRANSPOSED == 1u);
    let b_index = select(k * dims.N + column, column * dims.K + k, B_TRANSPOSED == 1u);
    sum += read_a(a_index) * read_b(b_index);
  }
  store(index, column, sum);
}
