// The product for few outputs and long sums, such as a small model's weight gradients, which in tiles would leave most of a GPU
// idle: 32 x 32 outputs a workgroup, K in four parts with 64 threads each, 4 x 4 outputs a thread. Then the first part adds the
// others' sums to its own, in their order: the same bits on every run, and no second launch. K is a multiple of four.
const WORKGROUP_SIZE: u32 = 256u;
const PART_THREADS: u32 = 64u;
const PARTS: u32 = 4u;

var<workgroup> sums: array<vec4<f32>, 768>; // of parts 1 to 3: vector v of a thread's block: (4 (part - 1) + v) PART_THREADS + thread

fn run(group: u32, lane: u32) {
  let across = (dims.N + 31u) / 32u;
  let part = lane / PART_THREADS;
  let thread = lane % PART_THREADS;
  let row = (group / across) * 32u + 4u * (thread / 8u);
  let column = (group % across) * 32u + 4u * (thread % 8u);
  let steps = dims.K / 4u;
  let share = (steps + PARTS - 1u) / PARTS;
  let first = min(part * share, steps);
  let end = min(first + share, steps);
  let a_start = start_a(row);
  let b_start = start_b(column);
  let a_step = next_a(a_start) - a_start;
  let b_step = next_b(b_start) - b_start;
  var a_at = a_start + first * a_step;
  var b_at = b_start + first * b_step;
  var c = mat4x4<f32>();
  for (var step = first; step < end; step++) {
    c += load_b(b_at) * load_a(a_at);
    a_at += a_step;
    b_at += b_step;
  }
  if (part > 0u) {
    for (var v = 0u; v < 4u; v++) {
      sums[(4u * (part - 1u) + v) * PART_THREADS + thread] = c[v];
    }
  }
  workgroupBarrier();
  if (part == 0u) {
    for (var other = 0u; other < PARTS - 1u; other++) {
      let at = 4u * other * PART_THREADS + thread;
      c += mat4x4<f32>(sums[at], sums[at + PART_THREADS], sums[at + 2u * PART_THREADS], sums[at + 3u * PART_THREADS]);
    }
    store_block(row, column, c);
  }
}
