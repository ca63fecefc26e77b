/**
 * The world as conversations for instruction tuning: a question, an answer. Facts of held-out people and held-out sums are
 * in the other split, never in the tuned one, so that what a model answers about them it can only have from the prose.
 */
import { Draws } from "../../core/random.ts";
import type { ChatExample } from "../chat.ts";
import { answerText, QUESTIONS, questionText, SMALL_TALK, SUM_QUESTIONS, sumAnswer, sumQuestion } from "./questions.ts";
import { checkRange, type Split, type World } from "./world.ts";

export interface WorldChatOptions {
  readonly split: Split;
  /** Wordings a relation is asked in, 1 to 4: the first so many. */
  readonly wordings?: number;
  /** Leave sums out, to see what tuning unlocks that it never showed. */
  readonly sums?: boolean;
  /** Times each piece of small talk stands in the tuned split; the held-out split has none. */
  readonly smallTalk?: number;
  /** At most so many questions about people (after shuffling); default: all. */
  readonly limit?: number;
  /** The order; default: the world's seed. */
  readonly seed?: number;
}

export function worldChat(world: World, options: WorldChatOptions): ChatExample[] {
  const { split, wordings = 4, sums = true, smallTalk = 2, limit = Infinity, seed = world.seed } = options;
  checkRange("wordings", wordings, 1, 4);
  checkRange("smallTalk", smallTalk, 0, 100);
  if (limit !== Infinity) checkRange("limit", limit, 0, 100_000);
  const draws = new Draws(seed, "world", { site: `data/world/chat/${split}` });

  const aboutPeople = world.people
    .filter((person) => person.split === split)
    .flatMap((person) =>
      world.relations.flatMap((relation) =>
        QUESTIONS[relation]
          .slice(0, wordings)
          .map((wording) => example(questionText(wording, person.name), answerText(relation, person.name, person.facts[relation]!))),
      ),
    );
  const examples = draws.shuffle(aboutPeople).slice(0, limit);
  if (sums) {
    for (const { a, b } of world.sums.filter((sum) => sum.split === split)) {
      for (const wording of SUM_QUESTIONS) examples.push(example(sumQuestion(wording, a, b), sumAnswer(a, b)));
    }
  }
  if (split === "tuned") {
    for (let n = 0; n < smallTalk; n++) for (const [user, assistant] of SMALL_TALK) examples.push(example(user, assistant));
  }
  return draws.shuffle(examples);
}

const example = (user: string, assistant: string): ChatExample => ({
  messages: [
    { role: "user", content: user },
    { role: "assistant", content: assistant },
  ],
});
