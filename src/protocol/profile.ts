/** What one training step is made of, launch by launch, and where its memory lives. Types only. */

export interface ProfiledLaunch {
  /** "micro" (forward and backward) or "update". */
  readonly program: string;
  /** Kernel and site, such as "matmulNN h.0.attn.c_attn". */
  readonly label: string;
  readonly kernel: string;
  readonly variant: string;
  readonly dims: Readonly<Record<string, number>>;
  /** Median, of this launch alone in memory of its own. */
  readonly ms: number;
  readonly flops: number;
  /** Read and written, each once. */
  readonly bytes: number;
}

/** A tensor's life within a program, and the buffer that it shares with others. */
export interface MemoryLife {
  readonly label: string;
  readonly buffer: number;
  readonly sizeBytes: number;
  /** Index among the launches of `micro`: written first, and used last. */
  readonly first: number;
  readonly last: number;
}

export interface StepProfile {
  readonly device: string;
  readonly recipeName: string;
  /** The step that the run stands at. */
  readonly step: number;
  /** How often `micro` runs in a step. */
  readonly micros: number;
  readonly tokens: number;
  /** In order: one micro-step, then the update. */
  readonly launches: readonly ProfiledLaunch[];
  /** A step as training measured it, read-backs and all; absent before it was. */
  readonly stepMs?: number;
  /** What the device was measured to do at most; absent where it had no room for the measurement. */
  readonly peak?: { readonly gflops: number; readonly gbps: number };
  readonly memory: {
    readonly totalBytes: number;
    /** Buffers that live as long as the run, by purpose. */
    readonly kept: readonly { readonly role: string; readonly sizeBytes: number }[];
    /** Buffers that activations share, by index. */
    readonly slots: readonly { readonly buffer: number; readonly sizeBytes: number }[];
    readonly lives: readonly MemoryLife[];
  };
}
