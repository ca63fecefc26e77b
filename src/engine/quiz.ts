/** Scores held-out questions: greedy answers from the model as it stands, judged by the world's own strict scorer. */
import { END_OF_TEXT, END_OF_TURN, encodeChat, specialId, type Tokenizer } from "../data/index.ts";
import { worldQuiz, type QuizItem } from "../data/world/index.ts";
import type { Generator } from "../model/generator.ts";
import type { Recipe } from "../protocol/recipe.ts";
import { shippedWorld, WORLD } from "./corpora.ts";

export const QUIZ_QUESTIONS = 50;
const ANSWER_TOKENS = 24;

export interface QuizScore {
  readonly right: number;
  readonly inForm: number;
  readonly total: number;
}

/** Questions are about the made world, so they are asked where a recipe holds it, its own or the one it goes on from. Spelled letter by letter, an answer outgrows its tokens. */
export const scoresQuiz = (recipe: Recipe, origin?: Recipe): boolean =>
  recipe.tokenizer.kind === "bpe" && [...recipe.stages, ...(origin?.stages ?? [])].some((stage) => stage.data.some(({ corpus }) => corpus.startsWith("world")));

let items: QuizItem[] | undefined;
export const quizItems = (): readonly QuizItem[] => (items ??= worldQuiz(shippedWorld(), { count: QUIZ_QUESTIONS, wordings: WORLD.wordings }));

/**
 * The prompt as the model is asked. `chat` wraps it in the template; a model that has never seen the template is asked
 * plainly, the question being the text so far, so that its zero is not the markers' doing.
 */
export function promptIds(tokenizer: Tokenizer, prompt: string, chat: boolean): Uint32Array {
  if (chat) return encodeChat(tokenizer, [{ role: "user", content: prompt }], { addGenerationPrompt: true }).ids;
  return Uint32Array.of(specialId(tokenizer, END_OF_TEXT), ...tokenizer.encode(prompt));
}

/** The first line of an answer, up to the end of its turn. */
function answerOf(tokenizer: Tokenizer, ids: readonly number[]): string {
  const stops = [specialId(tokenizer, END_OF_TURN), specialId(tokenizer, END_OF_TEXT)];
  const end = ids.findIndex((id) => stops.includes(id));
  return tokenizer.decode(end < 0 ? ids : ids.slice(0, end)).trim();
}

/** @param breathe awaited between tokens, so that commands get in */
export async function scoreQuiz(generator: Generator, tokenizer: Tokenizer, chat: boolean, breathe: () => Promise<void>): Promise<QuizScore> {
  const all = quizItems();
  const R = generator.tensors.rows;
  let [right, inForm] = [0, 0];
  for (let from = 0; from < all.length; from += R) {
    const round = all.slice(from, from + R);
    const answers: number[][] = round.map(() => []);
    const prompts = round.map(({ prompt }) => promptIds(tokenizer, prompt, chat));
    for await (const { tokens } of generator.generate(prompts, { temperature: 0, top_k: 0, top_p: 1, max_new_tokens: ANSWER_TOKENS, seed: 0 })) {
      answers.forEach((answer, i) => answer.push(tokens[i]!));
      await breathe();
    }
    round.forEach((item, i) => {
      const text = answerOf(tokenizer, answers[i]!);
      if (item.accept(text)) right++;
      if (item.inForm(text)) inForm++;
    });
  }
  return { right, inForm, total: all.length };
}
