/** Copies that put what a kernel walks over side by side: panels of a product, and transposed rows. */

/** One 4 x 4 transpose: rows at `from`, `from + step`, ... to 16 bytes every `toStep`. */
export function transpose4(from: usize, step: usize, to: usize, toStep: usize): void {
  const r0 = v128.load(from);
  const r1 = v128.load(from + step);
  const r2 = v128.load(from + 2 * step);
  const r3 = v128.load(from + 3 * step);
  const p0 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
  const p1 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
  const p2 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
  const p3 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<f32>(p0, p1, 0, 1, 4, 5));
  v128.store(to + toStep, v128.shuffle<f32>(p0, p1, 2, 3, 6, 7));
  v128.store(to + 2 * toStep, v128.shuffle<f32>(p2, p3, 0, 1, 4, 5));
  v128.store(to + 3 * toStep, v128.shuffle<f32>(p2, p3, 2, 3, 6, 7));
}

/**
 * Packs `edges` rows (or columns) by `depth` k into panels of `width` edges: panel after panel, k after k. Element (edge, k)
 * is at from + edge * edgeStep + k * kStep; one of the two steps is 4 bytes. The last panel is filled up with zeros.
 */
export function pack(from: usize, edgeStep: usize, kStep: usize, edges: i32, depth: i32, width: i32, to: usize): void {
  const panelRow = (<usize>width) << 2;
  for (let edge = 0; edge < edges; edge += width) {
    const rest = min(edges - edge, width);
    const base = from + <usize>edge * edgeStep;
    let k = 0;
    if (rest == width) {
      if (edgeStep == 4) {
        for (; k < depth; k++) {
          const source = base + <usize>k * kStep;
          const target = to + <usize>k * panelRow;
          v128.store(target, v128.load(source));
          if (width == 8) v128.store(target, v128.load(source, 16), 16);
        }
      } else {
        for (; k <= depth - 4; k += 4) {
          const source = base + <usize>k * kStep;
          const target = to + <usize>k * panelRow;
          transpose4(source, edgeStep, target, panelRow);
          if (width == 8) transpose4(source + 4 * edgeStep, edgeStep, target + 16, panelRow);
        }
      }
    }
    for (; k < depth; k++) {
      const source = base + <usize>k * kStep;
      const target = to + <usize>k * panelRow;
      for (let i = 0; i < width; i++) {
        store<f32>(target + ((<usize>i) << 2), i < rest ? load<f32>(source + <usize>i * edgeStep) : 0);
      }
    }
    to += <usize>depth * panelRow;
  }
}

/** Rows (count, width) `rowStep` bytes apart, transposed: element (row, i) to `to` + i * toStep + 4 * row. */
export function transposeRows(from: usize, rowStep: usize, count: i32, width: i32, to: usize, toStep: usize): void {
  let row = 0;
  for (; row <= count - 4; row += 4) {
    const source = from + <usize>row * rowStep;
    const target = to + ((<usize>row) << 2);
    let i = 0;
    for (; i <= width - 4; i += 4) transpose4(source + ((<usize>i) << 2), rowStep, target + <usize>i * toStep, toStep);
    for (; i < width; i++) {
      for (let j = 0; j < 4; j++)
        store<f32>(target + <usize>i * toStep + ((<usize>j) << 2), load<f32>(source + <usize>j * rowStep + ((<usize>i) << 2)));
    }
  }
  for (; row < count; row++) {
    for (let i = 0; i < width; i++) {
      store<f32>(to + <usize>i * toStep + ((<usize>row) << 2), load<f32>(from + <usize>row * rowStep + ((<usize>i) << 2)));
    }
  }
}
