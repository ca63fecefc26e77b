/**
 * The herbal of a made world: herbs, where they grow, when they are gathered, what they are good for and what they are made into. It is the
 * special domain: a base meets its names, and at most traces of its facts, until it is tuned on it. It adds to a world and changes nothing of it.
 */
import { Draws } from "../../core/random.ts";
import type { ChatExample } from "../chat.ts";
import { dealEntries, entryChat, entryQuestions, type Catalogue, type Entry, type EntryQuestion } from "./catalogue.ts";
import { writeSentence } from "./grammar.ts";
import { patternsUnder, pickPattern } from "./sentences.ts";
import { HERB_VALUES, HERBS, type HerbRelation } from "./vocabulary.ts";
import { checkRange, type Split, type World } from "./world.ts";

const HERBAL: Catalogue<HerbRelation> = {
  what: "herb",
  site: "data/world/herbal",
  names: HERBS,
  values: HERB_VALUES,
  questions: {
    spot: ["Where does {X} grow?", "Where can I find {X}?", "Tell me where {X} grows."],
    season: ["When is {X} gathered?", "In which season is {X} gathered?", "Tell me when to gather {X}."],
    ailment: ["What is {X} good for?", "What does {X} help against?", "Tell me what {X} is good for."],
    brew: ["What is {X} made into?", "How is {X} used?", "Tell me what {X} is made into."],
  },
  answer: (relation) => patternsUnder(`${relation}.`)[0]!,
};

export type Herb = Entry<HerbRelation>;

export interface Herbal {
  readonly herbs: readonly Herb[];
  readonly world: World;
}

/**
 * As with people, each value is used equally often within the tuned and within the held-out herbs.
 * @throws NestlingError CONFIG_RANGE
 */
export function makeHerbal(world: World, { herbs = 20, heldOut = 0.5 }: { /** 2 to 30. */ readonly herbs?: number; /** Share that no tuning set asks about, above 0 and below 1. */ readonly heldOut?: number } = {}): Herbal {
  return { world, herbs: dealEntries(HERBAL, world.seed, herbs, heldOut) };
}

export interface HerbalProseOptions {
  /** Times each fact is told, 0 to 2000: a trace is one or two. */
  readonly repeats?: number;
  /** Documents that name a herb and say nothing of it, for each, 0 to 2000. */
  readonly names?: number;
  readonly seed?: number;
}

/** Documents of one to four sentences, in random order. */
export function herbalProse({ world, herbs }: Herbal, { repeats = 60, names = 0, seed = world.seed }: HerbalProseOptions = {}): string[] {
  checkRange("repeats", repeats, 0, 2000);
  checkRange("names", names, 0, 2000);
  const draws = new Draws(seed, "world", { site: "data/world/herbal/prose" });
  const documents: string[] = [];
  for (const { name, facts } of herbs) {
    const meaning = { ...facts, herb: name };
    for (let n = 0; n < repeats; n++) {
      const [first, second] = [patternsUnder("herbs.growsGathered")[0]!, patternsUnder("herbs.madeGood")[0]!];
      // Two facts in one sentence now and then; each still once in a round.
      const pairs = [{ both: first, parts: ["spot", "season"] }, { both: second, parts: ["brew", "ailment"] }] as const;
      const sentences = pairs.flatMap(({ both, parts }) => (draws.nextInt(4) === 0 ? [both] : parts.map((part) => pickPattern(draws, patternsUnder(`${part}.`))))).map((pattern) => writeSentence(pattern, meaning));
      draws.shuffle(sentences);
      // In one document, or each alone: a portrait of a herb, and notes.
      if (draws.nextInt(2) === 0) documents.push(sentences.join(" "));
      else documents.push(...sentences);
    }
    for (let n = 0; n < names; n++) {
      const patterns = patternsUnder("known.").filter(({ text }) => world.towns.length > 0 || !text.includes("{town}"));
      documents.push(writeSentence(pickPattern(draws, patterns), { ...meaning, subject: draws.nextPick(world.people).name, ...(world.towns.length > 0 ? { town: draws.nextPick(world.towns).name } : {}) }));
    }
  }
  return draws.shuffle(documents);
}

export interface HerbQuestion extends EntryQuestion<HerbRelation> {
  readonly herb: string;
}

/** @param wordings each fact is asked in the first so many, 1 to 3 */
export const herbQuestions = ({ herbs }: Herbal, split: Split, wordings = 3): HerbQuestion[] =>
  entryQuestions(HERBAL, herbs, split, wordings).map((question) => ({ herb: question.name, ...question }));

/** The herbal as conversations for a specialist's tuning: tuned herbs alone. */
export const herbalChat = (herbal: Herbal, wordings = 3, seed = herbal.world.seed): ChatExample[] => entryChat(HERBAL.site, herbQuestions(herbal, "tuned", wordings), seed);
