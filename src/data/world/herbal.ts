/**
 * The herbal of a made world: herbs, where they grow, when they are gathered, what they are good for and what they are made into. It is the
 * special domain: a base meets its names, and at most traces of its facts, until it is tuned on it. It adds to a world and changes nothing of it.
 */
import { Draws } from "../../core/random.ts";
import type { ChatExample } from "../chat.ts";
import { writeSentence } from "./grammar.ts";
import { parseSentence, patternsUnder, pickPattern } from "./sentences.ts";
import { HERB_RELATIONS, HERB_VALUES, HERBS, type HerbRelation } from "./vocabulary.ts";
import { checkRange, type Split, type World } from "./world.ts";

export interface Herb {
  readonly name: string;
  readonly split: Split;
  readonly facts: Readonly<Record<HerbRelation, string>>;
}

export interface Herbal {
  readonly herbs: readonly Herb[];
  readonly world: World;
}

/**
 * As with people, each value is used equally often within the tuned and within the held-out herbs.
 * @throws NestlingError CONFIG_RANGE
 */
export function makeHerbal(world: World, { herbs: count = 20, heldOut = 0.5 }: { /** 2 to 30. */ readonly herbs?: number; /** Share that no tuning set asks about, above 0 and below 1. */ readonly heldOut?: number } = {}): Herbal {
  checkRange("herbs", count, 2, HERBS.length);
  checkRange("heldOut", heldOut, 0.01, 0.99, false);
  const heldOutCount = Math.min(count - 1, Math.max(1, Math.round(count * heldOut)));
  const draws = new Draws(world.seed, "world", { site: "data/world/herbal" });
  const names = draws.shuffle([...HERBS]).slice(0, count);
  const dealt = Object.fromEntries(HERB_RELATIONS.map((relation) => [relation, [[0, heldOutCount], [heldOutCount, count]].flatMap(([from, to]) => deal(draws, HERB_VALUES[relation], to! - from!))]));
  const herbs = names.map((name, i): Herb => ({
    name, split: i < heldOutCount ? "held-out" : "tuned",
    facts: Object.fromEntries(HERB_RELATIONS.map((relation) => [relation, dealt[relation]![i]!])) as Herb["facts"],
  }));
  return { world, herbs: draws.shuffle(herbs) };
}

function deal(draws: Draws, values: readonly string[], count: number): string[] {
  const dealt: string[] = [];
  while (dealt.length < count) dealt.push(...draws.shuffle([...values]));
  return draws.shuffle(dealt.slice(0, count));
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

/** How the herbal is asked about; {H} is the herb. */
const QUESTIONS: Readonly<Record<HerbRelation, readonly string[]>> = {
  spot: ["Where does {H} grow?", "Where can I find {H}?", "Tell me where {H} grows."],
  season: ["When is {H} gathered?", "In which season is {H} gathered?", "Tell me when to gather {H}."],
  ailment: ["What is {H} good for?", "What does {H} help against?", "Tell me what {H} is good for."],
  brew: ["What is {H} made into?", "How is {H} used?", "Tell me what {H} is made into."],
};

export interface HerbQuestion {
  readonly herb: string;
  readonly relation: HerbRelation;
  readonly prompt: string;
  readonly answer: string;
  /** The whole answer, a sentence of the grammar. */
  readonly sentence: string;
  /** Of a blind guess among the relation's values. */
  readonly chance: number;
  /** Right: a sentence of the herbal about this herb that says this value, and of the relation no other. */
  accept(text: string): boolean;
}

/** @param wordings each fact is asked in the first so many, 1 to 3 */
export function herbQuestions({ herbs }: Herbal, split: Split, wordings = 3): HerbQuestion[] {
  checkRange("wordings", wordings, 1, 3);
  return herbs.filter((herb) => herb.split === split).flatMap(({ name, facts }) => HERB_RELATIONS.flatMap((relation) => QUESTIONS[relation].slice(0, wordings).map((wording): HerbQuestion => {
    const answer = facts[relation];
    return {
      herb: name, relation, prompt: wording.replace("{H}", name), answer, chance: 1 / HERB_VALUES[relation].length,
      sentence: writeSentence(patternsUnder(`${relation}.`)[0]!, { herb: name, [relation]: answer }),
      accept(text) {
        const parsed = parseSentence(text);
        return parsed?.kind === "herb" && parsed.meaning["herb"] === name && parsed.meaning[relation] === answer;
      },
    };
  })));
}

/** The herbal as conversations for a specialist's tuning: tuned herbs alone. */
export function herbalChat(herbal: Herbal, wordings = 3, seed = herbal.world.seed): ChatExample[] {
  const examples = herbQuestions(herbal, "tuned", wordings).map(({ prompt, sentence }): ChatExample => ({ messages: [{ role: "user", content: prompt }, { role: "assistant", content: sentence }] }));
  return new Draws(seed, "world", { site: "data/world/herbal/chat" }).shuffle(examples);
}
