/** Which variant of a kernel a plan takes, on which device, and that a resumed run takes the same. Nothing is run. */
import { describe, expect, it } from "vitest";
import { createCpuDevice } from "../../src/device/cpu/cpu-device.ts";
import type { Device } from "../../src/device/types.ts";
import { crossEntropy } from "../../src/kernels/cross-entropy.ts";
import { matmulNN } from "../../src/kernels/matmul.ts";
import { compilePlan, type VariantChoices } from "../../src/plan/compile.ts";
import { Recorder } from "../../src/plan/recorder.ts";
import { newTensor } from "../../src/plan/tensor.ts";

const V = 65;
/** Products whose shapes suit different variants, the last again as the first, and rows of an odd width. */
const SHAPES = [[1, 64], [64, 64], [64, 66], [1, 64]] as const;

function record() {
  const r = new Recorder("program", false);
  const tensor = (...shape: number[]) => newTensor(shape.join(" x "), shape, "inputs");
  for (const [M, N] of SHAPES) {
    r.launch(matmulNN, { a: tensor(M, 8), b: tensor(8, N), out: tensor(M, N) }, { M, N, K: 8, accumulate: 0, alpha: 1 });
  }
  const targets = newTensor("targets", [3], "inputs", "u32");
  r.launch(crossEntropy, { logits: tensor(3, V), targets, mask: tensor(3), stepF: tensor(4), loss: tensor(3) }, { N: 3, V });
  return r.recording();
}

async function choose(barriersAreDear: boolean, choices?: VariantChoices): Promise<{ taken: string[]; choices: VariantChoices }> {
  const device: Device = { ...createCpuDevice(), barriersAreDear };
  const plan = await compilePlan(device, [record()], choices ? { choices } : {});
  const taken = plan.programs.get("program")!.launches.map(({ kernel, variant }) => kernel.variants[variant]!.name);
  plan.destroy();
  return { taken, choices: plan.choices };
}

const SOFTWARE = ["blocks-8x8-vec4", "blocks-16x16-vec4", "blocks-8x8", "blocks-8x8-vec4", "thread-per-row"];
const GPU = ["blocks-8x8-vec4", "tiles-64-vec4", "blocks-8x8", "blocks-8x8-vec4", "workgroup-per-row"];

describe("a plan's variants", () => {
  it("are large register blocks and kernels without barriers on a software adapter", async () => {
    expect((await choose(true)).taken).toEqual(SOFTWARE);
  });

  it("are the last that fit on a GPU, never one made for software adapters", async () => {
    expect((await choose(false)).taken).toEqual(GPU);
  });

  it("are those of the run that is resumed, launch by launch, whatever this device would take", async () => {
    const software = await choose(true);
    const gpu = await choose(false);
    expect((await choose(false, software.choices)).taken).toEqual(SOFTWARE);
    expect((await choose(true, gpu.choices)).taken).toEqual(GPU);
    expect(await choose(true, software.choices)).toEqual(software);
  });

  it("are stored under the kernel's name, and only where a launch differs from its first also under its dims", async () => {
    expect((await choose(true)).choices).toEqual({
      matmulNN: "blocks-8x8-vec4",
      "matmulNN 64,64,8,0,1": "blocks-16x16-vec4",
      "matmulNN 64,66,8,0,1": "blocks-8x8",
      crossEntropy: "thread-per-row",
    });
  });

  it("can be named by kernel for every launch that they fit", async () => {
    const { taken } = await choose(true, { matmulNN: "plain", crossEntropy: "thread-per-row-vec4" });
    expect(taken).toEqual(["plain", "plain", "plain", "plain", "thread-per-row"]); // 65 is no multiple of four
  });
});
