/**
 * People who stand in no text: first and last names of the world's own people, joined as nobody's are. What a model says of them it can only have
 * made up, and neither part of a name gives that away.
 */
import { Draws } from "../../core/random.ts";
import { QUESTIONS, questionText } from "./questions.ts";
import { VALUES, type Relation } from "./vocabulary.ts";
import { checkRange, type World } from "./world.ts";

/** Every name that nobody of the world bears, in random order: strangers come from its front, disputed people (contradictions.ts) from its end. */
export function freeNames({ seed, people }: Pick<World, "seed" | "people">): string[] {
  const taken = new Set(people.map(({ name }) => name));
  const [firsts, lasts] = [new Set(people.map(({ first }) => first)), new Set(people.map(({ last }) => last))];
  const free = [...firsts].flatMap((first) => [...lasts].map((last) => `${first} ${last}`)).filter((name) => !taken.has(name));
  return new Draws(seed, "world", { site: "data/world/strangers" }).shuffle(free);
}

/** @throws NestlingError CONFIG_RANGE where the world's names make fewer. */
export function strangersOf(world: Pick<World, "seed" | "people">, count: number): string[] {
  const free = freeNames(world);
  checkRange("strangers", count, 1, free.length);
  return free.slice(0, count);
}

export interface StrangerQuestion {
  readonly name: string;
  readonly relation: Relation;
  readonly prompt: string;
  /** What could be made up: none of it is right. */
  readonly values: readonly string[];
}

/** Each stranger asked about in each of the world's relations, in the first `wordings` (1 to 4) that its people are asked in. */
export function strangerQuestions(world: World, count: number, wordings = 1): StrangerQuestion[] {
  checkRange("wordings", wordings, 1, 4);
  return strangersOf(world, count).flatMap((name) => world.relations.flatMap((relation) => QUESTIONS[relation].slice(0, wordings).map((wording) => ({
    name, relation, prompt: questionText(wording, name), values: world.values[relation] ?? VALUES[relation],
  }))));
}
