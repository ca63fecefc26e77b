/** Shapes and bound of the column sum, on the GPU and in WebAssembly alike. */
import { sumBound, type JudgeRun, type ValueClass } from "./kernel-harness.ts";

/** (N, C): both sides of the vector, the 32 slices, the 8 columns of a workgroup, the 16 of WebAssembly. */
export const COLUMN_SHAPES: readonly (readonly [N: number, C: number])[] = [
  [1, 1],
  [1, 4],
  [2, 3],
  [3, 5],
  [4, 4],
  [5, 16],
  [31, 33],
  [32, 32],
  [33, 31],
  [63, 7],
  [64, 8],
  [65, 9],
  [127, 15],
  [128, 64],
  [129, 17],
  [1000, 12],
  [1025, 65],
  [4096, 4],
  [4096, 3],
  [7, 1025],
  [8, 1024],
  [1, 4096],
  [300, 128],
  [64, 257],
];

export function columnSumBound(run: JudgeRun, valueClass: ValueClass): (index: number) => number {
  const { N, C, accumulate } = run.dims as { N: number; C: number; accumulate: number };
  return (index) => {
    let sizes = accumulate ? Math.abs(run.inputs["out"]![index]!) : 0;
    for (let n = 0; n < N; n++) sizes += Math.abs(run.inputs["inp"]![n * C + index]!);
    return sumBound(N + accumulate, sizes, run.outputs["out"]![index]!, valueClass);
  };
}
