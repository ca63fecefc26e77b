/**
 * The batch: what a micro-step is fed, and what gives batches. Types and the helper that makes an empty one; the sources
 * are `batches.ts` (text), `chat-batches.ts` and `mixture.ts`.
 */

/** B rows of T columns, row-major; N = B*T entries in each array. */
export interface Batch {
  readonly B: number;
  readonly T: number;
  /** (N) input tokens. */
  readonly ids: Uint32Array;
  /** (N) the token after each. */
  readonly targets: Uint32Array;
  /** (N) position within the document, as far as the row holds it: column - start. */
  readonly pos: Uint32Array;
  /** (N) column (0..T-1) of the first token in this row of the same document: attention begins there. */
  readonly start: Uint32Array;
  /** (N) 1 where the target counts in the loss, else 0. */
  readonly mask: Float32Array;
  /** What the step's loss is a mean of: targets with mask 1, or pairs. */
  tokens: number;
  /** Of preferences: which pair rows 2p and 2p + 1 are, counted through the source's pairs. */
  readonly pairs?: Uint32Array;
}

export function emptyBatch(B: number, T: number): Batch {
  const N = B * T;
  return {
    B, T, ids: new Uint32Array(N), targets: new Uint32Array(N), pos: new Uint32Array(N), start: new Uint32Array(N),
    mask: new Float32Array(N), tokens: 0,
  };
}

/** Which row is asked for. A row is a pure function of this, the source's seed and T: nothing to save, nothing to resume. */
export interface RowAddress {
  readonly split: "train" | "validation";
  /** Optimizer step, or the index of an evaluation batch. */
  readonly step: number;
  readonly micro: number;
  /** Row within the batch of `rows`. */
  readonly row: number;
  readonly rows: number;
}

/** Every pair of a source of preferences, training pairs first, then the held-out ones. */
export interface PairSource {
  readonly count: number;
  /** Pairs from `from` on as a batch of B rows, chosen and rejected by turns; after the last pair it begins again. */
  at(from: number, B: number, T: number): Batch;
}

/** Where batches come from. The same arguments give the same batch, whatever was asked before. */
export interface BatchSource {
  /** Micro-batch `micro` of optimizer step `step`. @throws NestlingError DATA_TOO_SHORT */
  train(step: number, micro: number, B: number, T: number): Batch;
  /** Held-out batch `index`; the same at every evaluation of a run. */
  evaluate(index: number, B: number, T: number): Batch;
  /** Writes one row of T columns into row `into` of the batch and adds to its `tokens`. For mixtures. */
  fillRow(batch: Batch, into: number, at: RowAddress): void;
  readonly trainTokens: number;
  readonly validationTokens: number;
  /** Only of preferences. */
  readonly pairs?: PairSource;
  /** SHA-256 of the tokens, their split and their tokenizer: the data hash of a checkpoint. */
  readonly hash: string;
}
