/** The kernel lab across the worker's border: a kernel's text under trial, and what came of it. Types, and the size of a text. */

/** Characters of one text; the longest that is shipped has an eighth of it. */
export const MOST_KERNEL_TEXT = 65_536;

/** Another text for one variant of a kernel. Bindings, dims and the count of workgroups stay those of the variant. */
export interface KernelText {
  readonly kernel: string;
  readonly variant: string;
  /** WGSL as it is compiled, snippets in their places, but for the lines of constants that each shape brings. */
  readonly source: string;
}

export interface ShippedVariant {
  readonly name: string;
  readonly source: string;
  /** The constants before it at the kernel's first shape; "" where it has none. */
  readonly header: string;
  /** Why this device cannot run it; "" = it can. */
  readonly unusable: string;
}

export interface ShippedKernel {
  readonly name: string;
  readonly variants: readonly ShippedVariant[];
  /** What is taken at its first shape while nothing is timed. */
  readonly usual: string;
  /** One step of the tiny reference training launches it. */
  readonly trains: boolean;
}

export interface KernelList {
  readonly kernels: readonly ShippedKernel[];
  /** Why nothing can be tried here, as a sentence; "" = it can. */
  readonly blocked: string;
}

/** In the edited text, both counted from 1. */
export interface CompileError {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** One shape at which the text was tried. What does not apply is left out. */
export interface KernelTrial {
  readonly shape: string;
  /** How often a reference training step launches it so. */
  readonly launches?: number;
  /** "ended": a loop that the guard had to end. "left out": not tried, and `note` says why. */
  readonly status: "right" | "wrong" | "ended" | "failed" | "left out";
  readonly note: string;
  /** Worst error as a share of what is allowed; 1 is the limit. */
  readonly error_vs_bound?: number;
  /** Milliseconds of one launch, medians, taken in turns. */
  readonly edited_ms?: number;
  readonly shipped_ms?: number;
  /** What a plan takes at this shape, and what the text is timed against. */
  readonly shipped_variant?: string;
  /** Times as fast as what is shipped. */
  readonly ratio?: number;
  /** How far two timings of the shipped one lay apart, as a share. */
  readonly noise?: number;
  /** Beyond the noise, or "same". */
  readonly verdict?: "faster" | "slower" | "same";
}

export interface KernelVerdict {
  readonly kernel: string;
  readonly variant: string;
  /** Where it does not compile; then no shape was tried. */
  readonly errors: readonly CompileError[];
  readonly rows: readonly KernelTrial[];
  /** Right at every shape that was tried, and one was. */
  readonly right: boolean;
}

/** The tiny reference training, step by step in turns: as shipped, and with the text wherever its variant fits. */
export interface KernelParity {
  readonly kernel: string;
  readonly variant: string;
  /** Launches of one step that took the text, of all that this kernel has. */
  readonly used: number;
  readonly of: number;
  /** Nats a token, step by step; shorter where a loss was not a number. */
  readonly shipped: readonly number[];
  readonly edited: readonly number[];
  /** Largest difference of two losses, the step that had it (from 1), and what is allowed. */
  readonly worst: number;
  readonly worstStep: number;
  readonly allowed: number;
  readonly sameBits: boolean;
  readonly pass: boolean;
  /** What went wrong beside the losses, as a sentence; else "". */
  readonly note: string;
  /** Medians of one step. */
  readonly shipped_ms: number;
  readonly edited_ms: number;
}

export interface KernelTrainResult {
  /** The gate that comes before; where it is not right nothing was trained. */
  readonly verdict: KernelVerdict;
  readonly parity: KernelParity | null;
}
