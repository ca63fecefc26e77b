/** What a run is begun with. Types only. */
import type { Tokenizer } from "../data/index.ts";
import type { Device } from "../device/types.ts";
import type { TransformerConfig } from "../model/transformer.ts";
import type { Pace } from "../protocol/messages.ts";
import type { Recipe, Stage } from "../protocol/recipe.ts";
import type { TrainerState } from "../training/trainer.ts";
import type { CorpusLibrary } from "./corpora.ts";
import type { EventHub } from "./events.ts";
import type { KernelChoices } from "./kernel-choices.ts";
import type { RunFiles, SavedPoint } from "./run-files.ts";

/** Where a run's first stage takes its weights and tokenizer from; absent = from nothing. */
export interface Origin {
  readonly checkpointId: string;
  readonly key: string;
  readonly config: TransformerConfig;
  readonly tokenizer: Tokenizer;
  readonly weights: TrainerState["weights"];
  /** Tokens it was trained on, and the first stage of the recipe that is trained on top of it. */
  readonly tokens: number;
  readonly firstStage: number;
  /** The stages that made it, from nothing on: what is watched from now on, and can be replayed. */
  readonly lineage: readonly Stage[];
  readonly recipe: Recipe;
}

export interface RunOptions {
  readonly runId: string;
  readonly recipe: Recipe;
  readonly device: Device;
  readonly library: CorpusLibrary;
  readonly hub: EventHub;
  readonly files: RunFiles;
  readonly origin: Origin | null;
  /** First stage to train. */
  readonly stageIndex: number;
  /** To go on where a checkpoint stands. */
  readonly saved: SavedPoint | null;
  readonly kernels: KernelChoices;
  /** Kernel variants of the checkpoint that it goes on from. */
  readonly variants: Readonly<Record<string, string>> | null;
  readonly now: () => number;
  readonly breathe: () => Promise<void>;
  readonly paused: boolean;
  /** Shared with the engine, where it is set. */
  readonly pace: { readonly now: Pace };
  /** It ended before: it is opened to be looked at and asked, and trains no more. */
  readonly ended?: "finished" | "stopped";
  readonly checkpointEveryMs?: number;
}
