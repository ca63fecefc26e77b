/** The variants of kernels that work on single numbers or on four at once. Not a kernel. */
import elementF32 from "../../shaders/lib/element-f32.wgsl?raw";
import elementVec4 from "../../shaders/lib/element-vec4.wgsl?raw";
import sumF32 from "../../shaders/lib/element-sum-f32.wgsl?raw";
import sumVec4 from "../../shaders/lib/element-sum-vec4.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";

/** Invocations in a workgroup of the kernels here that share nothing between invocations; their shaders say 64 too. */
export const THREADS = 64;

/** Workgroups for so many threads. */
export const groupsOf = (threads: number, perGroup = THREADS): number => Math.ceil(threads / perGroup);

interface ElementwiseVariant {
  readonly name: string;
  readonly wgsl: string;
  readonly constants: () => { readonly WIDTH: number };
  readonly workgroups: (dims: { readonly size: number }) => number;
  readonly fits?: (dims: { readonly size: number }) => boolean;
}

/**
 * @param wgsl a module over arrays of `Element` that takes dims.size / WIDTH elements
 * @param prefixes snippets that differ by the element's type
 */
export function elementwise(wgsl: string, prefixes = { f32: "", vec4: "" }): readonly ElementwiseVariant[] {
  return [
    { name: "scalar", wgsl: elementF32 + prefixes.f32 + linearId + wgsl, constants: () => ({ WIDTH: 1 }), workgroups: ({ size }) => groupsOf(size) },
    {
      name: "vec4",
      wgsl: elementVec4 + prefixes.vec4 + linearId + wgsl,
      constants: () => ({ WIDTH: 4 }),
      workgroups: ({ size }) => groupsOf(size / 4),
      fits: ({ size }) => size % 4 === 0,
    },
  ];
}

interface RowVariant {
  readonly name: string;
  readonly wgsl: string;
  readonly constants: () => { readonly WIDTH: number };
  readonly workgroups: (dims: { readonly N: number }) => number;
  readonly fits?: (dims: { readonly C: number }) => boolean;
}

/**
 * @param wgsl a module of which one thread takes a row of C / WIDTH elements of type `Element`
 * @param prefix a snippet for both
 */
export function threadPerRow(wgsl: string, prefix = ""): readonly RowVariant[] {
  const workgroups = ({ N }: { readonly N: number }): number => groupsOf(N);
  return [
    { name: "thread-per-row", wgsl: elementF32 + sumF32 + prefix + linearId + wgsl, constants: () => ({ WIDTH: 1 }), workgroups },
    {
      name: "thread-per-row-vec4",
      wgsl: elementVec4 + sumVec4 + prefix + linearId + wgsl,
      constants: () => ({ WIDTH: 4 }),
      workgroups,
      fits: ({ C }) => C % 4 === 0,
    },
  ];
}
