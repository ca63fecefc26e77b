/** A made-up kernel lab, for the stub engine: two kernels to choose from, and an answer that the text itself asks for. */
import { NestlingError } from "../../src/core/errors.ts";
import type { KernelList, KernelParity, KernelText, KernelTrial, KernelVerdict } from "../../src/protocol/index.ts";
import softmaxWgsl from "../../shaders/softmax.wgsl?raw";
import geluWgsl from "../../shaders/gelu-backward.wgsl?raw";

export const stubKernels = (blocked = ""): KernelList => ({
  blocked,
  kernels: [
    { name: "geluBackward", usual: "vec4", trains: true, variants: [
      { name: "scalar", source: geluWgsl, header: "const WIDTH: u32 = 1u;\n", unusable: "" },
      { name: "vec4", source: geluWgsl, header: "const WIDTH: u32 = 4u;\n", unusable: "" },
    ] },
    { name: "softmax", usual: "thread-per-row", trains: false, variants: [
      { name: "thread-per-row", source: softmaxWgsl, header: "", unusable: "" },
      { name: "workgroup-per-row", source: softmaxWgsl.replace("One thread", "One workgroup"), header: "", unusable: "No shape of the suites is one that it takes." },
    ] },
  ],
});

export function stubTrials(timed: boolean, wrong: boolean): KernelTrial[] {
  const times = timed && !wrong ? { edited_ms: 1.91, shipped_ms: 3.94, shipped_variant: "thread-per-row", ratio: 2.06, noise: 0.018, verdict: "faster" as const } : {};
  return [
    { shape: "N 512, C 64 (tiny)", launches: 5, status: "right", note: "", error_vs_bound: 0.114, ...times },
    wrong ? { shape: "N 2048, C 256", status: "wrong", note: "out[7] is 3, the judge says 2; 1.0e-5 off is allowed" } : { shape: "N 2048, C 256", status: "right", note: "", error_vs_bound: 0.281, ...times, ...(timed ? { ratio: 1.01, verdict: "same" as const } : {}) },
    { shape: "N 4096, C 1024", status: "left out", note: "one launch would hold the device for about 4.5 s" },
  ];
}

export function stubVerdict({ kernel, variant, source }: KernelText, timed: boolean): KernelVerdict {
  const at = source.split("\n").findIndex((line) => line.includes("fn main main"));
  if (at >= 0) return { kernel, variant, errors: [{ line: at + 1, column: 9, message: "expected '(' for function declaration" }], rows: [], right: false };
  const wrong = source.includes("* 1.5");
  return { kernel, variant, errors: [], rows: stubTrials(timed, wrong), right: !wrong };
}

export function stubParity({ kernel, variant, source }: KernelText): KernelParity {
  const shipped = Array.from({ length: 50 }, (_, i) => 2.9 + 3.35 * Math.exp(-i / 14));
  const off = source.includes("// off") ? 4e-3 : 0;
  const edited = shipped.map((loss, i) => loss + (off * i) / 50);
  return {
    kernel, variant, used: 2, of: 2, shipped, edited, worst: off * 0.98, worstStep: off > 0 ? 50 : 1, allowed: 1e-3, sameBits: off === 0, pass: off === 0, note: "", shipped_ms: 158, edited_ms: 151,
  };
}

export const stopped = (): NestlingError => new NestlingError("CANCELLED", "The lab was stopped; what was tried so far is shown.");
