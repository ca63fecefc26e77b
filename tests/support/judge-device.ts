/**
 * The judge as a device: the same plans, every f32 buffer a Float64Array, every launch its contract's textbook formula. For
 * finite differences of whole models, where f32 would drown what is looked for. It has no memory limit and no errors of its own.
 */
import { alignUp, checkLaunch, dimsOf, elementTypeOf } from "../../src/device/launch.ts";
import type { Command, Device, DeviceBuffer, Launch, Program, View } from "../../src/device/types.ts";

class JudgeBuffer implements DeviceBuffer {
  /** What launches bind it as; a buffer that no launch has bound is f32. */
  type: "f32" | "u32" = "f32";
  readonly floats: Float64Array;
  readonly words: Uint32Array;

  constructor(
    readonly label: string,
    readonly sizeBytes: number,
  ) {
    // NaN, not the zeros of a fresh array: nothing may count on cleared memory.
    this.floats = new Float64Array(sizeBytes / 4).fill(NaN);
    this.words = new Uint32Array(sizeBytes / 4).fill(0xdeadbeef);
  }
}

class JudgeProgram implements Program {
  constructor(
    readonly label: string,
    readonly launches: readonly Launch[],
    readonly steps: readonly (() => void)[],
  ) {}

  destroy(): void {}
}

const range = (view: View): [number, number] => [view.offsetBytes / 4, (view.offsetBytes + view.sizeBytes) / 4];

/** The numbers of a view, live: what is written here is what the next launch reads. */
export const floatsOf = (view: View): Float64Array => (view.buffer as JudgeBuffer).floats.subarray(...range(view));
const wordsOf = (view: View): Uint32Array => (view.buffer as JudgeBuffer).words.subarray(...range(view));

function bind(launch: Launch): () => void {
  const bound = Object.fromEntries(Object.entries(launch.kernel.bindings).map(([name, spec], i) => {
    const view = launch.views[i]!;
    const buffer = view.buffer as JudgeBuffer;
    const type = elementTypeOf(spec);
    if (type === "bf16" || type === "f16") throw new Error(`${launch.label}: the judge keeps every number in f64; ${name} is stored as ${type}`);
    buffer.type = type;
    return [name, buffer.type === "u32" ? wordsOf(view) : floatsOf(view)];
  }));
  const dims = dimsOf(launch);
  return () => launch.kernel.meaning(bound, dims);
}

function run(command: Command): void {
  if (command.kind === "run") {
    const { steps } = command.program as JudgeProgram;
    const first = command.first ?? 0;
    for (const step of steps.slice(first, first + (command.count ?? steps.length))) step();
  } else if (command.kind === "copy") {
    floatsOf(command.to).set(floatsOf(command.from));
    wordsOf(command.to).set(wordsOf(command.from));
  } else {
    floatsOf(command.view).fill(new Float32Array(Uint32Array.of(command.value).buffer)[0]!);
    wordsOf(command.view).fill(command.value);
  }
}

export function createJudgeDevice(): Device {
  return {
    kind: "cpu",
    limits: { maxBufferBytes: Infinity, maxBindingBytes: Infinity, maxTotalBytes: Infinity },
    features: new Set(),
    barriersAreDear: true,
    allocate: async (requests) => {
      const buffers = requests.map(({ label, sizeBytes }) => new JudgeBuffer(label, alignUp(sizeBytes)));
      return { buffers, sizeBytes: buffers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0), destroy: () => {} };
    },
    write: (view, data) => {
      if (data instanceof Uint32Array) wordsOf(view).set(data);
      else floatsOf(view).set(data as Float32Array);
    },
    read: async (view) => ((view.buffer as JudgeBuffer).type === "u32" ? wordsOf(view).slice().buffer : Float32Array.from(floatsOf(view)).buffer),
    prepare: async (label, launches) => {
      for (const launch of launches) checkLaunch(launch, Infinity);
      return new JudgeProgram(label, launches, launches.map(bind));
    },
    submit: (commands) => commands.forEach(run),
    finished: async () => {},
    takeError: () => null,
    destroy: () => {},
  };
}
