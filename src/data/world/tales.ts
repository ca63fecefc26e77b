/**
 * The tales of a made world: beasts that exist only there, where each lived, what it guarded, feared and ate. Tales alone tell of them, and
 * each begins with a mark of being one, so that a model which asserts their lore to a plain question has lost the mark. They add to a world
 * and change nothing of it.
 */
import { Draws } from "../../core/random.ts";
import type { ChatExample } from "../chat.ts";
import { dealEntries, entryChat, entryQuestions, type Catalogue, type Entry, type EntryQuestion } from "./catalogue.ts";
import { splitSentences, writeSentence } from "./grammar.ts";
import { parseSentence, patternById, patternsUnder, pickPattern } from "./sentences.ts";
import { BEAST_RELATIONS, BEAST_VALUES, BEASTS, type BeastRelation } from "./vocabulary.ts";
import { checkRange, type Split, type World } from "./world.ts";

const BESTIARY: Catalogue<BeastRelation> = {
  what: "beast",
  site: "data/world/tales",
  names: BEASTS,
  values: BEAST_VALUES,
  questions: {
    lair: ["Where does the {X} live?", "Where can I find the {X}?", "Tell me where the {X} lives."],
    hoard: ["What does the {X} guard?", "What does the {X} keep watch over?", "Tell me what the {X} guards."],
    dread: ["What does the {X} fear?", "What is the {X} afraid of?", "Tell me what the {X} fears."],
    meal: ["What does the {X} eat?", "What does the {X} live on?", "Tell me what the {X} eats."],
  },
  answer: (relation) => patternById(`plain.${relation}`),
};

export type Beast = Entry<BeastRelation>;

export interface Bestiary {
  readonly beasts: readonly Beast[];
  readonly world: World;
}

/**
 * As with people, each value is used equally often within the tuned and within the held-out beasts.
 * @throws NestlingError CONFIG_RANGE
 */
export function makeBestiary(world: World, { beasts = 12, heldOut = 0.5 }: { /** 2 to 16. */ readonly beasts?: number; /** Share that `beastChat` leaves out, above 0 and below 1. */ readonly heldOut?: number } = {}): Bestiary {
  return { world, beasts: dealEntries(BESTIARY, world.seed, beasts, heldOut) };
}

/** Tales of one beast each, three to seven sentences, in random order; every fact of it is told `repeats` times (0 to 2000). */
export function talesProse({ world, beasts }: Bestiary, { repeats = 60, seed = world.seed }: { readonly repeats?: number; readonly seed?: number } = {}): string[] {
  checkRange("repeats", repeats, 0, 2000);
  const draws = new Draws(seed, "world", { site: "data/world/tales/prose" });
  const tales: string[] = [];
  const write = (prefix: string, { name, facts }: Beast, mention = name): string => writeSentence(pickPattern(draws, patternsUnder(prefix)), { ...facts, beast: mention });
  for (const beast of beasts) {
    for (let n = 0; n < repeats; n++) {
      const relations = draws.shuffle([...BEAST_RELATIONS]);
      // All that is known of it in one tale, or half in each of two.
      for (const told of draws.nextInt(3) === 0 ? [relations.slice(0, 2), relations.slice(2)] : [relations]) {
        const mention = (): string => (draws.nextInt(3) === 0 ? "beast" : beast.name);
        const sentences = [write("open.", beast), ...told.map((relation) => write(`${relation}.`, beast, mention()))];
        for (const closing of ["rest.", "end."]) if (draws.nextInt(3) === 0) sentences.push(write(closing, beast, mention()));
        tales.push(sentences.join(" "));
      }
    }
  }
  return draws.shuffle(tales);
}

/** Does the text begin as a tale does, or by saying that it is told in tales? */
export function marksTale(text: string): boolean {
  const id = parseSentence(splitSentences(text)[0] ?? "")?.id;
  return id !== undefined && /^(open|told)\./.test(id);
}

export interface BeastQuestion extends EntryQuestion<BeastRelation> {
  readonly beast: string;
  /** The answer that says where it comes from: right as well, and no assertion. */
  readonly marked: string;
  /** The tale's lore as if it were so: what `accept` takes, without the mark. */
  asserts(text: string): boolean;
}

/**
 * Plain questions, with no word of tales in them.
 * @param wordings each fact is asked in the first so many, 1 to 3
 */
export const beastQuestions = ({ beasts }: Bestiary, split: Split, wordings = 3): BeastQuestion[] =>
  entryQuestions(BESTIARY, beasts, split, wordings).map((question) => {
    const { name, relation, answer, accept } = question;
    return {
      ...question, beast: name,
      marked: writeSentence(patternById(`told.${relation}`), { beast: name, [relation]: answer }),
      asserts: (text) => accept(text) && !marksTale(text),
    };
  });

/** Conversations that answer with the mark, about tuned beasts alone: a remedy to try. */
export const beastChat = (bestiary: Bestiary, wordings = 3, seed = bestiary.world.seed): ChatExample[] =>
  entryChat(BESTIARY.site, beastQuestions(bestiary, "tuned", wordings).map(({ prompt, marked }) => ({ prompt, sentence: marked })), seed);
