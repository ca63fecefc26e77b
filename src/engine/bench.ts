/** The bench behind the protocol: one at a time, never beside a run that trains. Times nothing itself. */
import { NestlingError } from "../core/errors.ts";
import { REFERENCE_TEXT, runBench, type BenchPlace } from "../bench/index.ts";
import type { CpuDevice } from "../device/cpu/cpu-device.ts";
import { DTYPES, MOST_SIZE, SUITES, type BenchRequest, type BenchResult, type BenchScene } from "../protocol/bench.ts";
import type { EngineEventBody } from "../protocol/messages.ts";
import * as check from "./check.ts";
import type { ChosenDevice } from "./choose-device.ts";
import type { Environment } from "./environment.ts";
import { ENGINE_VERSION } from "./version.ts";

const MOST_FLAGS = 100;

export class Bench {
  #running = false;
  #stop = false;

  constructor(
    private readonly env: Environment,
    private readonly chosen: () => ChosenDevice,
    private readonly training: () => boolean,
    private readonly emit: (body: EngineEventBody) => void,
  ) {}

  /** @throws NestlingError COMMAND while one runs already or for a request that is none, CANCELLED */
  async run(asked: BenchRequest, scene: BenchScene): Promise<BenchResult> {
    const request = checked(asked);
    return this.alone(async (shouldStop) => {
      const text = await gunzip(await this.env.fetchFile(REFERENCE_TEXT));
      const { device } = this.chosen();
      return runBench(device, this.#place(scene ?? {}), request, ENGINE_VERSION, text, {
        now: this.env.now, breathe: this.env.breathe, shouldStop,
        onNext: (what, done, total) => this.emit({ type: "bench", what, done, total }),
        onRow: (row, done, total) => this.emit({ type: "bench", row, done, total }),
      });
    });
  }

  /** What times may run neither beside a run that trains nor beside one another. @throws NestlingError COMMAND */
  async alone<T>(body: (shouldStop: () => boolean) => Promise<T>): Promise<T> {
    if (this.training()) throw new NestlingError("COMMAND", "A run is training, and would be timed with it. Pause it, then try again.");
    if (this.#running) throw new NestlingError("COMMAND", "A bench is running already. Stop it first, or wait for it.");
    this.#running = true;
    this.#stop = false;
    try {
      return await body(() => this.#stop);
    } finally {
      this.#running = false;
    }
  }

  stop(): void {
    this.#stop = true;
  }

  #place({ label, flags, hidden }: BenchScene): BenchPlace {
    const { device, report } = this.chosen();
    return {
      backend: report.kind, adapter: report.name, ...(report.kind === "webgpu" ? { power: "high-performance", ...rendererName() } : {}), software: report.fallbackAdapter, ...(device.kind === "cpu" ? { threads: (device as CpuDevice).threads } : {}), features: report.features, limits: report.limits, browser: this.env.userAgent,
      ...(label === undefined ? {} : { label: check.text("label", label, 200) }), ...(flags === undefined ? {} : { flags: flags.slice(0, MOST_FLAGS).map((flag) => check.text("flags", flag, 500)) }), ...(hidden === undefined ? {} : { hidden }),
    };
  }
}

function checked(asked: BenchRequest): BenchRequest {
  const suites = Array.isArray(asked?.suites) ? asked.suites.map((suite) => check.oneOf("suite", suite, SUITES)) : [];
  if (suites.length === 0) throw new NestlingError("COMMAND", `No suite was named; there are ${SUITES.join(", ")}.`, { name: "suites" });
  const size = (name: string, value: number): number => check.whole(name, value, 1, MOST_SIZE);
  const { product, contexts, dtypes } = asked;
  return {
    suites: [...new Set(suites)], quick: asked.quick === true, buffers: check.oneOf("buffers", asked.buffers ?? "hot", ["hot", "rotating"] as const),
    ...(product === undefined ? {} : { product: { M: size("M", product.M), N: size("N", product.N), K: size("K", product.K) } }),
    ...(contexts === undefined ? {} : { contexts: contexts.map((T) => size("T", T)) }),
    ...(dtypes === undefined ? {} : { dtypes: dtypes.map((dtype) => check.oneOf("dtype", dtype, DTYPES)) }),
  };
}

/** WebGL's name of the graphics; nothing where a worker has no WebGL. */
function rendererName(): { renderer?: string } {
  if (typeof OffscreenCanvas === "undefined") return {};
  const gl = new OffscreenCanvas(1, 1).getContext("webgl");
  const names = gl?.getExtension("WEBGL_debug_renderer_info");
  const renderer: unknown = gl && names ? gl.getParameter(names.UNMASKED_RENDERER_WEBGL) : null;
  gl?.getExtension("WEBGL_lose_context")?.loseContext();
  return typeof renderer === "string" && renderer !== "" ? { renderer } : {};
}

export async function gunzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
