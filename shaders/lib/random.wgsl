// Threefry-2x32, 20 rounds (Salmon, Moraes, Dror, Shaw, SC 2011): the same bits as src/core/random.ts. Written out round by
// round, since rotations looked up in an array cost more than the rounds.
const SKEIN_PARITY: u32 = 0x1bd11bdau;

fn threefry_round(x: vec2<u32>, rotation: u32) -> vec2<u32> {
  let sum = x.x + x.y;
  return vec2<u32>(sum, ((x.y << rotation) | (x.y >> (32u - rotation))) ^ sum);
}

fn threefry_even(x: vec2<u32>) -> vec2<u32> {
  return threefry_round(threefry_round(threefry_round(threefry_round(x, 13u), 15u), 26u), 6u);
}

fn threefry_odd(x: vec2<u32>) -> vec2<u32> {
  return threefry_round(threefry_round(threefry_round(threefry_round(x, 17u), 29u), 16u), 24u);
}

fn threefry2x32(key: vec2<u32>, counter: vec2<u32>) -> vec2<u32> {
  let third = SKEIN_PARITY ^ key.x ^ key.y;
  var x = threefry_even(counter + key) + vec2<u32>(key.y, third + 1u);
  x = threefry_odd(x) + vec2<u32>(third, key.x + 2u);
  x = threefry_even(x) + vec2<u32>(key.x, key.y + 3u);
  x = threefry_odd(x) + vec2<u32>(key.y, third + 4u);
  return threefry_even(x) + vec2<u32>(third, key.x + 5u);
}

// [0, 1) with 24 bits, exact in f32.
fn unit(word: u32) -> f32 {
  return f32(word >> 8u) * 0x1p-24;
}
