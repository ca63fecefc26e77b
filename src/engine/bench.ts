/** The bench behind the protocol: one at a time, never beside a run that trains. Times nothing itself. */
import { NestlingError } from "../core/errors.ts";
import { REFERENCE_TEXT, runBench, type BenchPlace } from "../bench/index.ts";
import type { CpuDevice } from "../device/cpu/cpu-device.ts";
import { DTYPES, MOST_SIZE, SUITES, type BenchRequest, type BenchResult, type BenchScene } from "../protocol/bench.ts";
import type { EngineEventBody } from "../protocol/messages.ts";
import * as check from "./check.ts";
import { chooseDevice, type ChosenDevice } from "./choose-device.ts";
import type { Environment } from "./environment.ts";
import { rendererName } from "./graphics.ts";
import { ENGINE_VERSION } from "./version.ts";

const MOST_FLAGS = 100;

export class Bench {
  #running = false;
  #stop = false;
  /** Settled when none runs. */
  ended: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly env: Environment,
    private readonly chosen: () => ChosenDevice,
    private readonly training: () => boolean,
    private readonly emit: (body: EngineEventBody) => void,
    /** Resolves when nothing else is at work that was begun before. */
    private readonly quiet: () => Promise<unknown> = () => Promise.resolve(),
  ) {}

  /** @throws NestlingError COMMAND while one runs already or for a request that is none, GPU_MISSING, CANCELLED */
  async run(asked: BenchRequest, scene: BenchScene): Promise<BenchResult> {
    const request = checked(asked);
    return this.alone(async (shouldStop) => {
      const text = await gunzip(await this.env.fetchFile(REFERENCE_TEXT));
      const own = this.chosen();
      const other = request.backend === undefined || request.backend === own.report.kind ? null : await chooseDevice(request.backend, this.env, () => undefined);
      const on = other ?? own;
      try {
        return await runBench(on.device, this.#place(on, scene ?? {}), request, ENGINE_VERSION, text, {
          now: this.env.now, breathe: this.env.breathe, shouldStop,
          onNext: (what, done, total) => this.emit({ type: "bench", what, done, total }),
          onRow: (row, done, total) => this.emit({ type: "bench", row, done, total }),
        });
      } finally {
        other?.device.destroy();
      }
    });
  }

  /** For what would be timed with the bench that runs. @throws NestlingError COMMAND while one does */
  refuseBeside(what: string): void {
    if (this.#running) throw new NestlingError("COMMAND", `A bench is running, and ${what} would be timed with it. Stop it on the Bench view, or wait for it.`);
  }

  /** What times may run neither beside a run that trains nor beside one another. @throws NestlingError COMMAND */
  async alone<T>(body: (shouldStop: () => boolean) => Promise<T>): Promise<T> {
    if (this.training()) throw new NestlingError("COMMAND", "A run is training, and would be timed with it. Pause it, then try again.");
    if (this.#running) throw new NestlingError("COMMAND", "A bench is running already. Stop it first, or wait for it.");
    this.#running = true;
    this.#stop = false;
    const work = this.quiet().then(() => body(() => this.#stop)).finally(() => (this.#running = false));
    this.ended = work.catch(() => undefined);
    return work;
  }

  stop(): void {
    this.#stop = true;
  }

  #place({ device, report }: ChosenDevice, { label, flags, hidden }: BenchScene): BenchPlace {
    const renderer = report.kind === "webgpu" ? rendererName() : null;
    return {
      backend: report.kind, adapter: report.name, ...(report.kind === "webgpu" ? { power: "high-performance", ...(renderer ? { renderer } : {}) } : {}), software: report.fallbackAdapter, ...(device.kind === "cpu" ? { threads: (device as CpuDevice).threads } : {}), features: report.features, limits: report.limits, browser: this.env.userAgent,
      ...(label === undefined ? {} : { label: check.text("label", label, 200) }), ...(flags === undefined ? {} : { flags: flags.slice(0, MOST_FLAGS).map((flag) => check.text("flags", flag, 500)) }), ...(hidden === undefined ? {} : { hidden }),
    };
  }
}

function checked(asked: BenchRequest): BenchRequest {
  const suites = Array.isArray(asked?.suites) ? asked.suites.map((suite) => check.oneOf("suite", suite, SUITES)) : [];
  if (suites.length === 0) throw new NestlingError("COMMAND", `No suite was named; there are ${SUITES.join(", ")}.`, { name: "suites" });
  const size = (name: string, value: number): number => check.whole(name, value, 1, MOST_SIZE);
  const { product, contexts, dtypes, backend } = asked;
  return {
    suites: [...new Set(suites)], quick: asked.quick === true, buffers: check.oneOf("buffers", asked.buffers ?? "hot", ["hot", "rotating"] as const),
    ...(product === undefined ? {} : { product: { M: size("M", product.M), N: size("N", product.N), K: size("K", product.K) } }),
    ...(contexts === undefined ? {} : { contexts: contexts.map((T) => size("T", T)) }),
    ...(backend === undefined ? {} : { backend: check.oneOf("backend", backend, ["webgpu", "cpu"] as const) }),
    ...(dtypes === undefined ? {} : { dtypes: dtypes.map((dtype) => check.oneOf("dtype", dtype, DTYPES)) }),
  };
}

export async function gunzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
