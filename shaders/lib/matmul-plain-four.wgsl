// The product with four outputs of a row per invocation, for outputs that are stored packed: what the other variants are compared with.
// A is (M, K); B is (K, N), or (N, K) where B_TRANSPOSED; both read one at a time, N a multiple of four. The kernel has store().
const WORKGROUP_SIZE: u32 = 64u;

fn run(group: u32, lane: u32) {
  let index = group * WORKGROUP_SIZE + lane;
  let across = dims.N / 4u;
  if (index >= dims.M * across) {
    return;
  }
  let row = index / across;
  let column = index % across;
  var sum = vec4<f32>();
  for (var k = 0u; k < dims.K; k++) {
    let at = select(k * dims.N + 4u * column, 4u * column * dims.K + k, B_TRANSPOSED == 1u);
    let next = select(1u, dims.K, B_TRANSPOSED == 1u);
    sum += read_a(row * dims.K + k) * vec4<f32>(read_b(at), read_b(at + next), read_b(at + 2u * next), read_b(at + 3u * next));
  }
  store(index, column, sum);
}
