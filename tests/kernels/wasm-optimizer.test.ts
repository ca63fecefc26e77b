import { afterAll, describe, expect, it } from "vitest";
import { adamw } from "../../src/kernels/adamw.ts";
import { kernels } from "../../src/kernels/index.ts";
import { sumSquares } from "../../src/kernels/sum-squares.ts";
import { checkKernel, printFigures, runKernel, sumBound, U, ulp, values, type JudgeRun } from "../support/kernel-harness.ts";
import { CLASSES, SIZES } from "../support/row-cases.ts";
import { wasmDevice, wasmModule } from "../support/wasm.ts";

const TIMEOUT_MS = 60_000;

afterAll(printFigures);

const device = await wasmDevice();
const hyper = { beta1: 0.9, oneMinusBeta1: 1 - 0.9, beta2: 0.999, oneMinusBeta2: 1 - 0.999, eps: 1e-8, weightDecay: 0.1 };

const inputsOf = (size: number, valueClass: (typeof CLASSES)[number], latched = 0) => ({
  param: values("normal", size, 1),
  grad: values(valueClass, size, 2),
  m: values(valueClass, size, 3).map((x) => 0.1 * x),
  v: values(valueClass, size, 4).map((x) => 0.01 * x * x),
  stepF: Float32Array.of(3e-4, 1, 1, 1),
  counts: Uint32Array.of(3, latched, 0, 3),
  scalars: Float32Array.of(2, 0.5, 1 - 0.9 ** 3, 1 - 0.999 ** 3),
});

/** A few roundings of each term; sqrt and division here are exact to half an ulp, decay rates are rounded to f32. */
function bounds({ inputs, outputs, dims }: JudgeRun): Record<"param" | "m" | "v", (i: number) => number> {
  const { beta1, oneMinusBeta1, beta2, oneMinusBeta2, eps } = dims as typeof hyper;
  const [lr] = inputs["stepF"]!;
  const [, clip, correction1, correction2] = inputs["scalars"]!;
  const m = (i: number): number =>
    4 * U * (Math.abs(beta1 * inputs["m"]![i]!) + Math.abs(oneMinusBeta1 * inputs["grad"]![i]! * clip!)) + 2 ** -126;
  return {
    m,
    v: (i) => 8 * U * (beta2 * inputs["v"]![i]! + oneMinusBeta2 * (inputs["grad"]![i]! * clip!) ** 2) + 2 ** -126,
    param: (i) => {
      const size = Math.sqrt(outputs["v"]![i]! / correction2!) + eps;
      const update = ((lr! / correction1!) * Math.abs(outputs["m"]![i]!)) / size;
      return 16 * U * update + ((lr! / correction1!) * m(i)) / size + 2 * ulp(inputs["param"]![i]!);
    },
  };
}

describe("the optimizer in WebAssembly", () => {
  it.each(CLASSES)(
    "adamw stays within its bound at every size, gradients %s",
    async (valueClass) => {
      for (const size of SIZES) {
        const reports = await checkKernel(adamw, {
          dims: { size, ...hyper },
          inputs: inputsOf(size, valueClass),
          outputs: {},
          bound: bounds,
          device,
        });
        expect(reports[0]!.variant).toBe("cpu");
      }
    },
    TIMEOUT_MS,
  );

  it("adamw writes no bit when latched, whatever the gradient holds", async () => {
    const inputs = inputsOf(257, "normal", 1);
    inputs.grad.fill(NaN);
    const after = await runKernel(adamw, { dims: { size: 257, ...hyper }, inputs, outputs: {}, device });
    for (const name of ["param", "m", "v"] as const) expect(after[name]).toEqual(new Uint32Array(inputs[name].buffer));
  });

  it.each(CLASSES)(
    "sumSquares stays within promise 1 at every size, values %s",
    async (valueClass) => {
      for (const size of SIZES) {
        for (const partials of [1, 7, 64]) {
          const reports = await checkKernel(sumSquares, {
            dims: { size, partials },
            inputs: { inp: values(valueClass, size, 3) },
            outputs: { partial: partials },
            bound: ({ outputs }) => ({
              partial: (i) => sumBound(Math.ceil(size / partials), outputs["partial"]![i]!, outputs["partial"]![i]!, "one-signed"),
            }),
            device,
          });
          expect(reports[0]!.compared).toBe(partials);
        }
      }
    },
    TIMEOUT_MS,
  );
});

describe("the module", () => {
  it("exports a function for every contract that names one, and nothing else", async () => {
    const exported = WebAssembly.Module.exports(await wasmModule()).filter(({ kind }) => kind === "function");
    const named = Object.values(kernels).flatMap((kernel) => ("wasm" in kernel && kernel.wasm) || []);
    // What unpacks operands serves every kernel and is none.
    expect(exported.map(({ name }) => name).sort()).toEqual([...new Set([...named, "unpackBf16", "unpackF16"])].sort());
  });

  it("imports memory and where its scratch begins alone, and asks for no more than the reserved 1 MiB", async () => {
    expect(WebAssembly.Module.imports(await wasmModule())).toEqual([{ module: "env", name: "scratch", kind: "global" }, { module: "env", name: "memory", kind: "memory" }]);
    const memory = new WebAssembly.Memory({ initial: 16, maximum: 16 });
    expect(new WebAssembly.Instance(await wasmModule(), { env: { memory, scratch: 0 } }).exports["matmulNN"]).toBeTypeOf("function");
  });
});
