// What tiles of a product hold and multiply: f16. A number that f16 cannot hold (a gradient times the loss scale) is found here, since WGSL
// lets its conversion give anything: every output of the workgroup is then so large that its square is infinite, so that the step is not taken.
alias Vector = vec4<f16>;
alias Block = mat4x4<f16>;
const LARGEST: f32 = 65504.0;
const SPOILED: f32 = 1e30;

var<workgroup> spoiled: atomic<u32>;

fn narrowed(block: mat4x4<f32>) -> Block {
  let size = max(max(abs(block[0]), abs(block[1])), max(abs(block[2]), abs(block[3])));
  // Not "is too large": what is not a number must be found too.
  if (!all(size <= vec4<f32>(LARGEST))) {
    atomicStore(&spoiled, 1u);
  }
  return Block(
    vec4<f16>(clamp(block[0], vec4<f32>(-LARGEST), vec4<f32>(LARGEST))),
    vec4<f16>(clamp(block[1], vec4<f32>(-LARGEST), vec4<f32>(LARGEST))),
    vec4<f16>(clamp(block[2], vec4<f32>(-LARGEST), vec4<f32>(LARGEST))),
    vec4<f16>(clamp(block[3], vec4<f32>(-LARGEST), vec4<f32>(LARGEST))),
  );
}

fn widened(block: Block) -> mat4x4<f32> {
  return mat4x4<f32>(vec4<f32>(block[0]), vec4<f32>(block[1]), vec4<f32>(block[2]), vec4<f32>(block[3]));
}

// Called once all of the workgroup has fetched.
fn checked(block: mat4x4<f32>) -> mat4x4<f32> {
  if (atomicLoad(&spoiled) != 0u) {
    return mat4x4<f32>(vec4<f32>(SPOILED), vec4<f32>(SPOILED), vec4<f32>(SPOILED), vec4<f32>(SPOILED));
  }
  return block;
}
