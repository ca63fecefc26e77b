/** The two variants that every element-by-element kernel has: one number a thread, and four. Not a kernel. */
import elementF32 from "../../shaders/lib/element-f32.wgsl?raw";
import elementVec4 from "../../shaders/lib/element-vec4.wgsl?raw";
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
