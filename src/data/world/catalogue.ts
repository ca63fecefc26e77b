/**
 * What the herbal and the bestiary share: named things with one value of every relation, dealt evenly, asked about in fixed wordings and
 * answered in sentences of the grammar. It says what is true of them and not how their prose is told.
 */
import { Draws } from "../../core/random.ts";
import type { ChatExample } from "../chat.ts";
import { writeSentence, type Pattern } from "./grammar.ts";
import { parseSentence } from "./sentences.ts";
import { checkRange, type Split } from "./world.ts";

export interface Catalogue<R extends string> {
  /** The kind of its sentences, and the slot that names the thing. */
  readonly what: "herb" | "beast";
  /** Of its draws. */
  readonly site: string;
  readonly names: readonly string[];
  readonly values: Readonly<Record<R, readonly string[]>>;
  /** Three wordings a relation; {X} is the thing. */
  readonly questions: Readonly<Record<R, readonly string[]>>;
  /** The form that a question is answered in. */
  readonly answer: (relation: R) => Pattern;
}

export interface Entry<R extends string> {
  readonly name: string;
  readonly split: Split;
  readonly facts: Readonly<Record<R, string>>;
}

const relationsOf = <R extends string>(catalogue: Catalogue<R>): R[] => Object.keys(catalogue.values) as R[];

/**
 * As with people, each value is used equally often within the tuned and within the held-out entries.
 * @throws NestlingError CONFIG_RANGE
 */
export function dealEntries<R extends string>(catalogue: Catalogue<R>, seed: number, count: number, heldOut: number): Entry<R>[] {
  checkRange(`${catalogue.what}s`, count, 2, catalogue.names.length);
  checkRange("heldOut", heldOut, 0.01, 0.99, false);
  const heldOutCount = Math.min(count - 1, Math.max(1, Math.round(count * heldOut)));
  const draws = new Draws(seed, "world", { site: catalogue.site });
  const names = draws.shuffle([...catalogue.names]).slice(0, count);
  const dealt = relationsOf(catalogue).map((relation) => [relation, [[0, heldOutCount], [heldOutCount, count]].flatMap(([from, to]) => deal(draws, catalogue.values[relation], to! - from!))] as const);
  const entries = names.map((name, i): Entry<R> => ({
    name, split: i < heldOutCount ? "held-out" : "tuned",
    facts: Object.fromEntries(dealt.map(([relation, values]) => [relation, values[i]!])) as Entry<R>["facts"],
  }));
  return draws.shuffle(entries);
}

/** `count` of the values in random order, none more than once oftener than another. */
export function deal<T>(draws: Draws, values: readonly T[], count: number): T[] {
  const dealt: T[] = [];
  while (dealt.length < count) dealt.push(...draws.shuffle([...values]));
  return draws.shuffle(dealt.slice(0, count));
}

export interface EntryQuestion<R extends string> {
  readonly name: string;
  readonly relation: R;
  readonly prompt: string;
  readonly answer: string;
  /** The whole answer, a sentence of the grammar. */
  readonly sentence: string;
  /** Of a blind guess among the relation's values. */
  readonly chance: number;
  /** Right: one sentence of the catalogue's kind about this thing that says this value. */
  accept(text: string): boolean;
}

/** @param wordings each fact is asked in the first so many, 1 to 3 */
export function entryQuestions<R extends string>(catalogue: Catalogue<R>, entries: readonly Entry<R>[], split: Split, wordings: number): EntryQuestion<R>[] {
  checkRange("wordings", wordings, 1, 3);
  const { what, values, questions, answer: form } = catalogue;
  return entries.filter((entry) => entry.split === split).flatMap(({ name, facts }) => relationsOf(catalogue).flatMap((relation) => questions[relation].slice(0, wordings).map((wording): EntryQuestion<R> => {
    const answer = facts[relation];
    return {
      name, relation, prompt: wording.replace("{X}", name), answer, chance: 1 / values[relation].length,
      sentence: writeSentence(form(relation), { [what]: name, [relation]: answer }),
      accept(text) {
        const parsed = parseSentence(text);
        return parsed?.kind === what && parsed.meaning[what] === name && parsed.meaning[relation] === answer;
      },
    };
  })));
}

/** Questions with one answer each as conversations, shuffled by the seed at the catalogue's site. */
export function entryChat(site: string, asked: readonly { readonly prompt: string; readonly sentence: string }[], seed: number): ChatExample[] {
  const examples = asked.map(({ prompt, sentence }): ChatExample => ({ messages: [{ role: "user", content: prompt }, { role: "assistant", content: sentence }] }));
  return new Draws(seed, "world", { site: `${site}/chat` }).shuffle(examples);
}
