/**
 * The bench across the worker's border: what is asked for, what comes back. Types, and the list of suites. Field names of a row are the
 * result file's own (`bench/results/*.json`) and never change.
 */
import type { Dtype } from "./recipe.ts";

export const SUITES = ["matmul", "softmax", "attention", "norms", "cross-entropy", "adamw", "copy", "step", "generation"] as const;
export type Suite = (typeof SUITES)[number];

export const DTYPES = ["float32", "bfloat16", "float16"] as const satisfies readonly Dtype[];

/** Largest side of a product, and longest context, that may be asked for: a matrix of it has 256 MiB in f32. */
export const MOST_SIZE = 8192;

export interface BenchRequest {
  /** In this order; each once. */
  readonly suites: readonly Suite[];
  /** About 30 s in all: fewer shapes and samples, and what is not reached is said to be left out. */
  readonly quick?: boolean;
  /** "hot": every launch on the same buffers; "rotating": on several sets in turn, so that caches do not hold them. Default hot. */
  readonly buffers?: "hot" | "rotating";
  /** One more product to time. */
  readonly product?: { readonly M: number; readonly N: number; readonly K: number };
  /** Contexts to time attention over, in place of the usual ones. */
  readonly contexts?: readonly number[];
  /** How training stores numbers in the steps that are timed, and in those whose launches are: one after the other. Default float32. */
  readonly dtypes?: readonly Dtype[];
  /** Default: what trains. The other is opened for this bench alone. */
  readonly backend?: "webgpu" | "cpu";
}

/** What the page or the command line knows of where the bench runs; the worker cannot see it. */
export interface BenchScene {
  /** The person's name for the device. */
  readonly label?: string;
  /** The browser's own flags, where known. */
  readonly flags?: readonly string[];
  /** The page was hidden for part of the time; it is not known before the end. */
  readonly hidden?: boolean;
}

export interface BenchDevice extends BenchScene {
  readonly backend: "webgpu" | "cpu";
  readonly adapter: string;
  /** What WebGL calls the same graphics: it names the card and often the driver where WebGPU keeps silent. */
  readonly renderer?: string;
  /** A software adapter: its figures say nothing of a GPU. */
  readonly software: boolean;
  /** Of the CPU backend: how many shared its work. */
  readonly threads?: number;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
  readonly browser: string;
  /** `powerPreference` that the adapter was asked with. */
  readonly power?: GPUPowerPreference;
  /** Smallest step of the clock, and of GPU timestamps where there are any, milliseconds. */
  readonly timer_quantum_ms: number;
  readonly timestamps: boolean;
  /** What this device was measured to do: multiply-adds, and bytes of a copy (read and written). */
  readonly peak: { readonly gflops: number; readonly gbps: number };
}

/** What does not apply is left out. */
export interface BenchRow {
  readonly suite: Suite;
  readonly name: string;
  readonly shape: string;
  readonly variant: string;
  /** Milliseconds of one launch, or of one step; wall time. */
  readonly median_ms?: number;
  readonly p20_ms?: number;
  readonly p80_ms?: number;
  /** The same by the GPU's own timestamps. */
  readonly gpu_ms?: number;
  readonly gflops?: number;
  readonly gbps?: number;
  /** Percent of what this device's measured peaks allow at this arithmetic intensity. Over 100 where a cache beats the copy. */
  readonly roofline?: number;
  /** Floating-point operations for each byte, by the kernel's own cost. */
  readonly intensity?: number;
  /** Of a step: launches and submits. Of a kernel: how often one training step launches it at this shape. */
  readonly launches?: number;
  readonly submits?: number;
  readonly tokens_per_sec?: number;
  /** Training loss of step 5, counted from 1, nats a token. */
  readonly loss?: number;
  /** Worst error as a share of what is allowed; 1 is the limit. */
  readonly error_vs_bound?: number;
  /** How far two timings of the same thing lay apart in this run, as a share: smaller differences mean nothing. */
  readonly noise?: number;
  readonly samples?: number;
  /** Milliseconds until the pipeline was ready; never part of the times. */
  readonly compile_ms?: number;
  /** This variant is what trains: the tuner's choice, or the default where nothing was tuned. */
  readonly chosen?: boolean;
  /** "ok", "A/A" (the chosen one timed a second time), "wrong: ...", "skipped: ..." or "failed: ...". Only the first two have times. */
  readonly status: string;
}

export interface BenchResult {
  readonly format: "nestling-bench";
  readonly version: 1;
  /** ISO 8601. */
  readonly date: string;
  /** Of Nestling. */
  readonly engine: string;
  readonly quick: boolean;
  readonly buffers: "hot" | "rotating";
  readonly device: BenchDevice;
  readonly rows: readonly BenchRow[];
}
