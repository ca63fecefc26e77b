/** The same prompt put to a run's base and its tuned model, same seed for both. */
import { quizItems } from "../engine/quiz.ts";
import type { CheckpointSummary, EngineEvent, Recipe, SamplingOptions } from "../protocol/index.ts";
import type { AnswerPair } from "./report.ts";
import type { Session } from "./session.ts";

/** Answers are greedy, as the quiz scores them; a continuation without any chance would run in circles. */
const ANSWER: Omit<SamplingOptions, "seed"> = { temperature: 0, top_k: 0, top_p: 1, max_new_tokens: 40 };
const CONTINUE: Omit<SamplingOptions, "seed"> = { temperature: 0.7, top_k: 40, top_p: 1, max_new_tokens: 80 };
const QUESTIONS = 4;
let asked = 0;

export interface Prompt {
  readonly prompt: string;
  /** The right answer, where there is one. */
  readonly expected?: string;
}

/**
 * What is asked at the end: the person's own prompts, else held-out questions where the run was tuned on the world's
 * chat, else the prompts that were sampled while it trained.
 */
export function promptsFor(recipe: Recipe, own: readonly string[], sampled: readonly string[]): readonly Prompt[] {
  if (own.length > 0) return own.map((prompt) => ({ prompt }));
  const tuned = recipe.stages.some(({ kind, data }) => kind !== "pretrain" && data.some(({ corpus }) => corpus === "world-chat"));
  if (tuned) return quizItems().slice(0, QUESTIONS).map(({ prompt, sentence }) => ({ prompt, expected: sentence }));
  return sampled.slice(-QUESTIONS).map((prompt) => ({ prompt }));
}

/** The last checkpoint of the pre-training and, where the run has one, the last after it. */
export function sidesOf(checkpoints: readonly CheckpointSummary[]): { readonly base?: CheckpointSummary; readonly tuned?: CheckpointSummary } {
  const last = (list: readonly CheckpointSummary[]): CheckpointSummary | undefined => list[list.length - 1];
  const tuned = last(checkpoints.filter(({ stageKind }) => stageKind !== "pretrain"));
  const base = last(checkpoints.filter(({ stageKind }) => stageKind === "pretrain"));
  return tuned ? { base, tuned } : { tuned: base };
}

/**
 * Asks and waits for both answers; null where the run saved nothing. A run that was only pre-trained continues the
 * prompt, without a template.
 */
export async function askPairs(
  session: Pick<Session, "ask" | "died">,
  subscribe: (listener: (event: EngineEvent) => void) => () => void,
  checkpoints: readonly CheckpointSummary[],
  { prompt, expected }: Prompt,
  seed: number,
): Promise<AnswerPair | null> {
  const { base, tuned } = sidesOf(checkpoints);
  if (!tuned) return null;
  const sides = [...(base ? [{ side: "base", checkpointId: base.id }] : []), { side: "tuned", checkpointId: tuned.id }];
  const requestId = `cli-${++asked}`;
  const texts = new Map(sides.map(({ side }) => [side, ""]));
  const open = new Set(texts.keys());
  let unsubscribe = (): void => undefined;
  const done = new Promise<void>((resolve) => {
    unsubscribe = subscribe((event) => {
      if (event.type === "token" && event.requestId === requestId && !event.token.special) {
        texts.set(event.side, (texts.get(event.side) ?? "") + event.token.text);
      } else if (event.type === "answerDone" && event.requestId === requestId) {
        if (event.error) texts.set(event.side, `${texts.get(event.side) ?? ""} (${event.error.message})`.trim());
        open.delete(event.side);
        if (open.size === 0) resolve();
      }
    });
  });
  try {
    const chat = tuned.stageKind !== "pretrain";
    await session.ask({ ...(chat ? ANSWER : CONTINUE), seed, requestId, sides, prompt, chat });
    await Promise.race([done, session.died]);
  } finally {
    unsubscribe();
  }
  return { prompt, expected, base: texts.get("base"), tuned: texts.get("tuned") ?? "" };
}
