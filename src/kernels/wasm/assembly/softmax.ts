/** softmax and crossEntropy: a row at a time, maximum first. Contracts: src/kernels/softmax.ts and cross-entropy.ts. */
import { expArray, log, maxArray, scaleArray } from "./math";
import { beginOf } from "./share";

export function softmax(inp: usize, out: usize, N: i32, C: i32, part: i32, parts: i32): void {
  const rowBytes = <usize>C << 2;
  const from = beginOf(N, 1, part, parts);
  const end = beginOf(N, 1, part + 1, parts);
  inp += <usize>from * rowBytes;
  out += <usize>from * rowBytes;
  for (let n = from; n < end; n++) {
    const sum = expArray(inp, out, C, maxArray(inp, C));
    scaleArray(out, C, 1 / sum);
    inp += rowBytes;
    out += rowBytes;
  }
}

// Where stepF holds them: src/kernels/step-block.ts.
const INV_TARGETS: usize = 2 * 4;
const LOSS_SCALE: usize = 3 * 4;

export function crossEntropy(logits: usize, targets: usize, mask: usize, stepF: usize, loss: usize, N: i32, V: i32, part: i32, parts: i32): void {
  const share = load<f32>(stepF + INV_TARGETS) * load<f32>(stepF + LOSS_SCALE);
  const rowBytes = <usize>V << 2;
  const from = beginOf(N, 1, part, parts);
  const end = beginOf(N, 1, part + 1, parts);
  logits += <usize>from * rowBytes;
  for (let n = from; n < end; n++) {
    const weight = load<f32>(mask + (<usize>n << 2));
    if (weight > 0) {
      const token = load<u32>(targets + (<usize>n << 2));
      if (token >= <u32>V) unreachable(); // it would be read, and written, in another tensor
      const target = logits + (<usize>token << 2);
      const most = maxArray(logits, V);
      const targetLogit = load<f32>(target) - most;
      const sum = expArray(logits, logits, V, most);
      store<f32>(loss + (<usize>n << 2), <f32>(log(<f64>sum) - <f64>targetLogit));
      const scale = weight * share;
      const atTarget = scale * (load<f32>(target) / sum - 1);
      scaleArray(logits, V, scale / sum);
      store<f32>(target, atTarget);
    } else {
      store<f32>(loss + (<usize>n << 2), 0);
      memory.fill(logits, 0, rowBytes);
    }
    logits += rowBytes;
  }
}
