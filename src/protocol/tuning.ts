/** What the tuner found on a device, as it crosses the worker's border. Types only. */

/** One kernel at one set of sizes. */
export interface TunedKernel {
  readonly kernel: string;
  readonly dims: Readonly<Record<string, number>>;
  /** How often the programs of the run launch it at these sizes. */
  readonly launches: number;
  /** What would have been taken unmeasured. */
  readonly usual: string;
  readonly variant: string;
  /** Time of `usual` over time of `variant`. */
  readonly speedup: number;
  /** Medians, milliseconds of one launch. */
  readonly candidates: readonly { readonly name: string; readonly ms: number }[];
}

export interface TuningReport {
  /** Of timing: the budget is for that. */
  readonly spentMs: number;
  readonly budgetMs: number;
  /** What it took beyond to compare everything that is used with the plain variants. */
  readonly comparedMs: number;
  /** Kernels at sizes of their own that have more than one variant here. */
  readonly sites: number;
  readonly timed: number;
  /** Taken over from an earlier run on this device. */
  readonly remembered: number;
  readonly rows: readonly TunedKernel[];
  /** "kernel/variant" that are never used here, and why. */
  readonly wrong: readonly { readonly variant: string; readonly why: string }[];
}
