/** Training time per stage: only time spent in steps counts, and none of it while the page is hidden. */
import type { StageProgress } from "../protocol/messages.ts";
import { stepsOf } from "../protocol/stage-steps.ts";
import type { Stage } from "../protocol/recipe.ts";

export interface ClockState {
  readonly spentMs: readonly number[];
}

export class RunClock {
  readonly #spent: number[];
  #sinceRate = 0;
  #visible = true;
  /** Tokens and milliseconds of what was measured in this session: the estimate of time left stands on it. */
  #measured = { tokens: 0, ms: 0 };

  constructor(
    readonly now: () => number,
    stages: number,
    state?: ClockState,
  ) {
    this.#spent = Array.from({ length: stages }, (_, i) => state?.spentMs[i] ?? 0);
  }

  get visible(): boolean {
    return this.#visible;
  }

  set visible(visible: boolean) {
    this.#visible = visible;
    this.#sinceRate = 0;
  }

  /** Runs a piece of training and counts its time. */
  async training<T>(stage: number, work: () => Promise<T>): Promise<T> {
    const from = this.now();
    try {
      return await work();
    } finally {
      // A clock that jumps back must not make time negative.
      const ms = Math.max(0, this.now() - from);
      if (this.#visible) {
        this.#spent[stage]! += ms;
        this.#sinceRate += ms;
      }
    }
  }

  /** Tokens a second over what was trained since the last call; null while hidden, or when no time was measured. */
  rate(tokens: number): number | null {
    const ms = this.#sinceRate;
    this.#sinceRate = 0;
    if (!this.#visible || ms <= 0) return null;
    this.#measured = { tokens: this.#measured.tokens + tokens, ms: this.#measured.ms + ms };
    return (tokens * 1000) / ms;
  }

  msPerToken(): number | null {
    return this.#measured.tokens > 0 ? this.#measured.ms / this.#measured.tokens : null;
  }

  spentMs(stage: number): number {
    return this.#spent[stage]!;
  }

  get totalMs(): number {
    return this.#spent.reduce((sum, ms) => sum + ms, 0);
  }

  get state(): ClockState {
    return { spentMs: [...this.#spent] };
  }
}

/** How far each stage is, with the time spent and the time that this machine's own rate lets expect. */
export function stageProgress(stages: readonly Stage[], steps: readonly number[], clock: RunClock, tokensPerStep: (stage: Stage) => number): StageProgress[] {
  const perToken = clock.msPerToken();
  return stages.map((stage, i) => ({
    name: stage.name, kind: stage.kind, steps: stepsOf(stage), done: steps[i]!, tokensPerStep: tokensPerStep(stage), spentMs: clock.spentMs(i),
    ...(perToken === null ? {} : { remainingMs: (stepsOf(stage) - steps[i]!) * tokensPerStep(stage) * perToken }),
  }));
}
