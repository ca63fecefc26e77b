// Writes the two words of threefry2x32 for each row of four inputs: the published vectors against lib/random.wgsl.
struct Dims { size: u32 }

@group(0) @binding(0) var<storage, read> inp: array<vec4<u32>>; // (size, 4): key, then counter
@group(0) @binding(1) var<storage, read_write> out: array<vec2<u32>>; // (size, 2)
@group(1) @binding(0) var<uniform> dims: Dims;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x < dims.size) {
    out[id.x] = threefry2x32(inp[id.x].xy, inp[id.x].zw);
  }
}
