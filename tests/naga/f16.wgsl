// Sum, product and rounding of pairs in half precision, each widened to f32 so that the judge sees which half it was.
enable f16;

@group(0) @binding(0) var<storage, read> inp: array<vec2<f32>>; // (N, 2), the first two operands exact in f16
@group(0) @binding(1) var<storage, read_write> out: array<vec4<f32>>; // (N, 4): a + b, a * b, fma(a, b, a), half of a third of a

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x < arrayLength(&inp)) {
    let a = f16(inp[id.x].x);
    let b = f16(inp[id.x].y);
    out[id.x] = vec4<f32>(f32(a + b), f32(a * b), f32(fma(a, b, a)), f32(f16(inp[id.x].x / 3.0)));
  }
}
