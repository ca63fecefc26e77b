// What tiles of a product hold and multiply: f32.
alias Vector = vec4<f32>;
alias Block = mat4x4<f32>;

fn narrowed(block: mat4x4<f32>) -> Block {
  return block;
}

fn widened(block: Block) -> mat4x4<f32> {
  return block;
}

fn checked(block: mat4x4<f32>) -> mat4x4<f32> {
  return block;
}
