// Threefry-2x32, 20 rounds (Salmon, Moraes, Dror, Shaw, SC 2011): the same bits as src/core/random.ts.
const THREEFRY_ROTATIONS = array<u32, 8>(13u, 15u, 26u, 6u, 17u, 29u, 16u, 24u);
const SKEIN_PARITY: u32 = 0x1bd11bdau;

fn threefry2x32(key: vec2<u32>, counter: vec2<u32>) -> vec2<u32> {
  let keys = array<u32, 3>(key.x, key.y, SKEIN_PARITY ^ key.x ^ key.y);
  var x = counter + key;
  for (var group = 0u; group < 5u; group++) {
    for (var i = 0u; i < 4u; i++) {
      let r = THREEFRY_ROTATIONS[(group % 2u) * 4u + i];
      x.x += x.y;
      x.y = ((x.y << r) | (x.y >> (32u - r))) ^ x.x;
    }
    x += vec2<u32>(keys[(group + 1u) % 3u], keys[(group + 2u) % 3u] + group + 1u);
  }
  return x;
}

// [0, 1) with 24 bits, exact in f32.
fn unit(word: u32) -> f32 {
  return f32(word >> 8u) * 0x1p-24;
}
