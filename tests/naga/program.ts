/** What runs under Deno, bundled: the checks on the adapter that its WebGPU gives, one line of JSON on standard output. */
import { compileAll, trainAll, type Compilation, type Trace } from "./checks.ts";
import { checkF16, type F16Answer } from "./f16.ts";
import { type HalfTraining, trainInF16 } from "./half.ts";

declare const Deno: { readonly args: readonly string[] };

/** The argument for a pipeline of every module, rather than of one of each form. */
const EVERY = "every";

/** The argument for the few steps that a slow driver is asked for. */
const SHORT = "short";

export interface Answer {
  /** "Deno/2.9.6". */
  readonly runtime: string;
  readonly adapter: { readonly description: string; readonly fallback: boolean; readonly f16: boolean };
  /** Null where the adapter has no half precision. */
  readonly f16: F16Answer | null;
  /** Empty where the adapter has no shader-f16. */
  readonly inF16: readonly HalfTraining[];
  readonly compilation: Compilation;
  readonly traces: readonly Trace[];
  /** Errors of the device that no scope caught. */
  readonly uncaptured: readonly string[];
  /** The compiler's answer to a module that names what does not exist: empty where it finds no fault in anything. */
  readonly refusal: readonly string[];
  readonly seconds: { readonly compile: number; readonly train: number };
}

async function refusalOf(gpu: GPUDevice): Promise<string[]> {
  gpu.pushErrorScope("validation");
  const module = gpu.createShaderModule({ code: "fn f() -> u32 { return missing; }" });
  await gpu.popErrorScope();
  return (await module.getCompilationInfo()).messages.filter(({ type }) => type === "error").map(({ message }) => message);
}

const HALF_STEPS = 500;
const HALF_STEPS_SHORT = 60;

async function answer(): Promise<Answer> {
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) throw new Error("no adapter");
  const hasF16 = adapter.features.has("shader-f16");
  const gpu = await adapter.requestDevice({ requiredFeatures: hasF16 ? ["shader-f16"] : [] });
  const uncaptured: string[] = [];
  gpu.addEventListener("uncapturederror", (event) => {
    event.preventDefault();
    uncaptured.push(event.error.message);
  });
  const from = performance.now();
  const compilation = await compileAll(gpu, Deno.args.includes(EVERY));
  const compiledAt = performance.now();
  const traces = await trainAll(gpu, Deno.args.includes(SHORT));
  const { description, isFallbackAdapter } = adapter.info;
  return {
    runtime: navigator.userAgent,
    adapter: { description, fallback: isFallbackAdapter, f16: hasF16 },
    f16: hasF16 ? await checkF16(gpu) : null,
    inF16: hasF16 ? await trainInF16(gpu, Deno.args.includes(SHORT) ? HALF_STEPS_SHORT : HALF_STEPS) : [],
    compilation, traces, uncaptured, refusal: await refusalOf(gpu),
    seconds: { compile: (compiledAt - from) / 1000, train: (performance.now() - compiledAt) / 1000 },
  };
}

console.log(JSON.stringify(await answer()));
