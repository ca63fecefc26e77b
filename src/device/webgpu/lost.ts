/** A lost device. Browsers reject what was asked of one with an error of their own for each call; a person is told the one thing they all mean. */
import { NestlingError } from "../../core/errors.ts";

/** So long a loss may come after the error that it caused. */
const LATE_MS = 100;

export const gpuLost = (why: string): NestlingError => new NestlingError("GPU_LOST", `The GPU device was lost: ${why.replace(/\.$/, "") || "no reason given"}. The run continues from its last checkpoint; reload the page to go on.`);

/** Why a device was lost, by now or within so many milliseconds; undefined where it was not. */
async function lossOf(gpu: GPUDevice, withinMs: number): Promise<string | undefined> {
  const late = new Promise<undefined>((resolve) => void setTimeout(resolve, withinMs));
  return Promise.race([gpu.lost.then(({ message }) => message), late]);
}

/** The answer, or GPU_LOST in place of whatever the browser threw: none of these calls fails on a device that is there. */
export async function answered<T>(gpu: GPUDevice, asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof NestlingError) throw error;
    throw gpuLost((await lossOf(gpu, LATE_MS)) ?? String(error));
  }
}

/** A pipeline that could not be made since there is no device any more; undefined where the shader is at fault. */
export async function lostWhileCompiling(gpu: GPUDevice, error: unknown): Promise<NestlingError | undefined> {
  const shader = error instanceof Error && error.name === "GPUPipelineError";
  const why = await lossOf(gpu, shader ? 0 : LATE_MS);
  return why !== undefined || !shader ? gpuLost(why ?? String(error)) : undefined;
}
