/** The two roofs of a device, measured on it: multiply-adds that wait for nothing, and a copy too large for caches. */
import type { AnyKernel, Device } from "../device/types.ts";
import { copy } from "../kernels/copy.ts";
import { peakFma } from "../kernels/peak-fma.ts";
import type { Peak } from "./roofline.ts";
import { forecast, timeInTurns, type Clock } from "./stopwatch.ts";

const FMA_SIZE = 1 << 14;
const ROUNDS = 256;
const COPY_BYTES = 1 << 25;
const SAMPLES = 5;

export async function measurePeak(device: Device, clock: Clock): Promise<Peak> {
  const heap = await device.allocate([{ label: "peak in", sizeBytes: COPY_BYTES }, { label: "peak out", sizeBytes: COPY_BYTES }]);
  const timed = async (kernel: AnyKernel, dims: readonly number[], sizeBytes: number): Promise<number> => {
    const views = heap.buffers.map((buffer) => ({ buffer, offsetBytes: 0, sizeBytes }));
    const program = await device.prepare("peak", [{ label: kernel.name, kernel, variant: 0, views, dims }]);
    try {
      const subject = { programs: [program] };
      // A roof is the best that was seen: other work on the machine only ever lowers it.
      return Math.min(...(await timeInTurns(device, [subject], [await forecast(device, subject, clock)], SAMPLES, clock))[0]!.ms);
    } finally {
      program.destroy();
    }
  };
  try {
    const fmaMs = await timed(peakFma as unknown as AnyKernel, [FMA_SIZE, ROUNDS], 4 * FMA_SIZE);
    const copyMs = await timed(copy as unknown as AnyKernel, [COPY_BYTES / 4], COPY_BYTES);
    return {
      gflops: peakFma.cost({ size: FMA_SIZE, rounds: ROUNDS }).flops / fmaMs / 1e6,
      gbps: copy.cost({ size: COPY_BYTES / 4 }).bytes / copyMs / 1e6,
    };
  } finally {
    heap.destroy();
  }
}
