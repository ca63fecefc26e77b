/**
 * The quiz: "held-out questions right, n of 50". It asks for facts that stand in the prose and in no tuning set, in wordings
 * that the tuning set uses for other people, and scores without judgement.
 */
import { NestlingError } from "../../core/errors.ts";
import { Draws } from "../../core/random.ts";
import { ANSWER_PATTERN, answerText, QUESTIONS, questionText, valuesIn } from "./questions.ts";
import { parseSentence } from "./sentences.ts";
import type { Relation } from "./vocabulary.ts";
import { checkRange, type Split, type World } from "./world.ts";

export interface QuizItem {
  readonly prompt: string;
  /** The value that must appear. */
  readonly answer: string;
  /** The whole answer as a tuned model should give it. */
  readonly sentence: string;
  readonly person: string;
  readonly relation: Relation;
  /** How often a blind guess among the relation's values is right: 1 / values. */
  readonly chance: number;
  /** Right: the value stands in the text as a word, no other value of the same relation does, and no other person is named. */
  accept(text: string): boolean;
  /** In form: the whole text is one finished sentence of the relation's answer form, with a full name and a value, right or not. */
  inForm(text: string): boolean;
}

export interface QuizOptions {
  readonly count?: number;
  readonly seed?: number;
  /** "tuned" asks for what the tuning set holds instead: the memory of tuning itself. */
  readonly split?: Split;
  /** As in the tuning set: the first so many wordings are used, 1 to 4. */
  readonly wordings?: number;
}

/**
 * `count` different questions, relations in turn, every fact asked once before any is asked in a second wording.
 * @throws NestlingError CONFIG_RANGE where the world has fewer.
 */
export function worldQuiz(world: World, options: QuizOptions = {}): QuizItem[] {
  const { count = 50, seed = world.seed, split = "held-out", wordings = 4 } = options;
  checkRange("wordings", wordings, 1, 4);
  checkRange("count", count, 1, 100_000);
  const draws = new Draws(seed, "world", { site: `data/world/quiz/${split}` });
  const people = world.people.filter((person) => person.split === split);
  const most = people.length * world.relations.length * wordings;
  if (count > most) {
    throw new NestlingError(
      "CONFIG_RANGE",
      `The quiz asks ${count} questions, but this world has ${most} of its kind. Ask fewer, or make a world with more people or relations.`,
      { field: "count", value: count, high: most },
    );
  }

  const items: QuizItem[] = [];
  const orders = world.relations.map((relation) => draws.shuffle(people.map((person) => ({ person, relation, first: draws.nextInt(wordings) }))));
  for (let round = 0; round < wordings; round++) {
    for (let i = 0; i < people.length; i++) {
      for (const order of orders) {
        const { person, relation, first } = order[i]!;
        const wording = QUESTIONS[relation][(first + round) % wordings]!;
        items.push(quizItem(world, relation, person.name, person.facts[relation]!, wording));
        if (items.length === count) return items;
      }
    }
  }
  return items;
}

function quizItem(world: World, relation: Relation, person: string, answer: string, wording: string): QuizItem {
  return {
    prompt: questionText(wording, person),
    answer,
    sentence: answerText(relation, person, answer),
    person,
    relation,
    chance: 1 / world.values[relation]!.length,
    accept: (text) => {
      const found = valuesIn(relation, text);
      const aboutAnother = world.people.some(({ name }) => name !== person && text.includes(name));
      return found.length === 1 && found[0] === answer && !aboutAnother;
    },
    inForm: (text) => {
      const parse = parseSentence(text);
      return parse?.id === ANSWER_PATTERN[relation] && parse.meaning["subject"]!.includes(" ");
    },
  };
}

/** Share of a quiz that blind guessing gets right. */
export const quizChance = (items: readonly QuizItem[]): number => items.reduce((sum, item) => sum + item.chance, 0) / Math.max(1, items.length);
