/** Finds where a number stopped being finite: replays a program launch by launch and looks at each output. Slow, for errors only. */
import type { Parameters } from "../plan/parameters.ts";
import type { Plan } from "../plan/compile.ts";
import { written, type Recording } from "../plan/recorder.ts";
import { elements, type Storage, type Tensor } from "../plan/tensor.ts";

async function firstBad(plan: Plan, tensor: Tensor): Promise<number> {
  if (tensor.type !== "f32") return -1;
  return (await plan.readF32(tensor)).findIndex((x) => !Number.isFinite(x));
}

/** The first parameter, else the first input, else the first launch and output that holds NaN or an infinity; null when all are finite. */
export async function nameNonFinite(plan: Plan, recording: Recording, parameters: Parameters): Promise<string | null> {
  for (const { name } of parameters.specs) {
    const at = await firstBad(plan, parameters.get(name));
    if (at >= 0) return `the weight ${name}, element ${at}`;
  }
  // Whole inputs, not the row tiles of them that single launches see.
  const inputs = new Map<Storage, Tensor>();
  for (const tensor of recording.launches.flatMap(({ tensors }) => tensors)) {
    const known = inputs.get(tensor.storage);
    if (tensor.storage.role === "inputs" && (!known || elements(tensor.shape) >= elements(known.shape))) inputs.set(tensor.storage, tensor);
  }
  for (const tensor of inputs.values()) {
    const at = await firstBad(plan, tensor);
    if (at >= 0) return `the input "${tensor.name}", element ${at}`;
  }
  const program = plan.programs.get(recording.name)!;
  for (let first = 0; first < recording.launches.length; first++) {
    plan.device.submit([{ kind: "run", program, first, count: 1 }]);
    for (const tensor of written(recording.launches[first]!)) {
      const at = await firstBad(plan, tensor);
      if (at >= 0) return `${tensor.name}, written by ${recording.launches[first]!.label}, element ${at}`;
    }
  }
  return null;
}
