/**
 * Half-precision arithmetic on an adapter that has it, against what the specification allows: WGSL 1.0, 15.7.4, "correctly rounded" is either
 * of the two neighbours of the exact value. No kernel uses it here; it says whether such kernels could be judged on this adapter.
 */
import { Draws } from "../../src/core/random.ts";
import wgsl from "./f16.wgsl?raw";

const N = 4096;
/** Operands have 11 significant bits and exponents in this range, so that no result is subnormal or infinite. */
const LEAST = 2 ** -5;

export interface F16Answer {
  readonly results: number;
  /** Results that are not a half, or not next to the exact value: as words, the first ten. */
  readonly wrong: readonly string[];
  /** Results that f32 arithmetic would not have given. */
  readonly rounded: number;
}

/** The halves on both sides of a normal number, which are one where it is a half. */
function neighbours(exact: number): [number, number] {
  const ulp = 2 ** (Math.floor(Math.log2(Math.abs(exact))) - 10);
  return [Math.floor(exact / ulp) * ulp, Math.ceil(exact / ulp) * ulp];
}

function operands(): Float32Array<ArrayBuffer> {
  const draws = new Draws(1, "eval", { site: "f16" });
  // Positive, so that no sum cancels into the subnormals.
  return Float32Array.from({ length: 2 * N }, () => LEAST * 2 ** draws.nextInt(8) * (1 + draws.nextInt(1024) / 1024));
}

async function run(gpu: GPUDevice, pairs: Float32Array<ArrayBuffer>): Promise<Float32Array> {
  const module = gpu.createShaderModule({ code: wgsl });
  const pipeline = await gpu.createComputePipelineAsync({ layout: "auto", compute: { module, entryPoint: "main" } });
  const buffer = (size: number, usage: number): GPUBuffer => gpu.createBuffer({ size, usage });
  const inp = buffer(pairs.byteLength, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST);
  const out = buffer(16 * N, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC);
  const staging = buffer(16 * N, GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ);
  gpu.queue.writeBuffer(inp, 0, pairs);
  const group = gpu.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: [{ binding: 0, resource: { buffer: inp } }, { binding: 1, resource: { buffer: out } }] });
  const encoder = gpu.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(Math.ceil(N / 64));
  pass.end();
  encoder.copyBufferToBuffer(out, 0, staging, 0, 16 * N);
  gpu.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const results = new Float32Array(staging.getMappedRange().slice(0));
  for (const each of [inp, out, staging]) each.destroy();
  return results;
}

/** @param gpu with the feature "shader-f16" */
export async function checkF16(gpu: GPUDevice): Promise<F16Answer> {
  const pairs = operands();
  const results = await run(gpu, pairs);
  const wrong: string[] = [];
  let rounded = 0;
  for (let n = 0; n < N; n++) {
    const [a, b] = [pairs[2 * n]!, pairs[2 * n + 1]!];
    // WGSL lets fma round after the product too.
    const [low, high] = neighbours(a * b);
    const exact = [[a + b], [a * b], [a * b + a, low + a, high + a], [Math.fround(a / 3)]];
    for (const [i, values] of exact.entries()) {
      const got = results[4 * n + i]!;
      if (!values.some((value) => neighbours(value).includes(got)) && wrong.length < 10) wrong.push(`${["+", "*", "fma", "/ 3"][i]} of ${a} and ${b} gave ${got}, and ${values[0]} is exact`);
      if (got !== Math.fround(values[0]!)) rounded++;
    }
  }
  return { results: 4 * N, wrong, rounded };
}
