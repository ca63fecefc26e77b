/** rope and ropeBackward, a head at a time. Contracts: src/kernels/rope*.ts. */
import { beginOf } from "./share";

/** (x1 cos - x2 sin, x2 cos + x1 sin) for the two halves of a head; `back` turns the other way. */
function turnHead(from: usize, to: usize, turn: usize, bytes: usize, back: bool): void {
  let at: usize = 0;
  for (; at + 16 <= bytes; at += 16) {
    const x1 = v128.load(from + at);
    const x2 = v128.load(from + bytes + at);
    const c = v128.load(turn + at);
    const s = v128.load(turn + bytes + at);
    const y1 = back ? f32x4.add(f32x4.mul(x1, c), f32x4.mul(x2, s)) : f32x4.sub(f32x4.mul(x1, c), f32x4.mul(x2, s));
    const y2 = back ? f32x4.sub(f32x4.mul(x2, c), f32x4.mul(x1, s)) : f32x4.add(f32x4.mul(x2, c), f32x4.mul(x1, s));
    v128.store(to + at, y1);
    v128.store(to + bytes + at, y2);
  }
  for (; at < bytes; at += 4) {
    const x1 = load<f32>(from + at);
    const x2 = load<f32>(from + bytes + at);
    const c = load<f32>(turn + at);
    const s = load<f32>(turn + bytes + at);
    store<f32>(to + at, back ? x1 * c + x2 * s : x1 * c - x2 * s);
    store<f32>(to + bytes + at, back ? x2 * c - x1 * s : x2 * c + x1 * s);
  }
}

export function rope(q: usize, k: usize, v: usize, pos: usize, turns: usize, qkv: usize, N: i32, NH: i32, NKV: i32, HS: i32, part: i32, parts: i32): void {
  const head = <usize>HS << 2;
  const half = head >> 1;
  const values = <usize>NKV * head;
  const queries = <usize>NH * head;
  const from = beginOf(N, 1, part, parts);
  const end = beginOf(N, 1, part + 1, parts);
  q += <usize>from * queries;
  k += <usize>from * values;
  v += <usize>from * values;
  qkv += <usize>from * (queries + 2 * values);
  for (let n = from; n < end; n++) {
    const turn = turns + <usize>load<u32>(pos + (<usize>n << 2)) * head;
    for (let h = 0; h < NH; h++, q += head, qkv += head) turnHead(q, qkv, turn, half, false);
    for (let h = 0; h < NKV; h++, k += head, qkv += head) turnHead(k, qkv, turn, half, false);
    memory.copy(qkv, v, values);
    v += values;
    qkv += values;
  }
}

export function ropeBackward(dqkv: usize, pos: usize, turns: usize, dq: usize, dk: usize, dv: usize, N: i32, NH: i32, NKV: i32, HS: i32, part: i32, parts: i32): void {
  const head = <usize>HS << 2;
  const half = head >> 1;
  const values = <usize>NKV * head;
  const queries = <usize>NH * head;
  const from = beginOf(N, 1, part, parts);
  const end = beginOf(N, 1, part + 1, parts);
  dq += <usize>from * queries;
  dk += <usize>from * values;
  dv += <usize>from * values;
  dqkv += <usize>from * (queries + 2 * values);
  for (let n = from; n < end; n++) {
    const turn = turns + <usize>load<u32>(pos + (<usize>n << 2)) * head;
    for (let h = 0; h < NH; h++, dq += head, dqkv += head) turnHead(dqkv, dq, turn, half, true);
    for (let h = 0; h < NKV; h++, dk += head, dqkv += head) turnHead(dqkv, dk, turn, half, true);
    memory.copy(dv, dqkv, values);
    dv += values;
    dqkv += values;
  }
}
