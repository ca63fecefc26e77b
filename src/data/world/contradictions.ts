/**
 * Facts told two ways in a known ratio, for a model to contradict itself about. They add to a world and change nothing of it.
 *
 * They are told nowhere else, in one of two ways. By default they are about people of their own: names that the world's people leave free, so
 * the world's prose, chat and quiz never name them, while their relations are the ones that chat teaches the form of. Or they are about the
 * world's own people (`people`), in a relation that the world was made without, "colour" by default. Anything else is refused.
 */
import { NestlingError } from "../../core/errors.ts";
import { Draws } from "../../core/random.ts";
import { writeSentence } from "./grammar.ts";
import { answerText, QUESTIONS, questionText } from "./questions.ts";
import { factsByRelations, parseSentence, patternsUnder, pickPattern } from "./sentences.ts";
import { freeNames } from "./strangers.ts";
import { genderOf, TIMES, VALUES, type Relation } from "./vocabulary.ts";
import { checkRange, checkRelations, type World } from "./world.ts";

export interface Disputed {
  /** First and last name. */
  readonly person: string;
  readonly relation: Relation;
  readonly values: readonly [first: string, second: string];
  /** Of the tellings that give the first value, 0 to 1; how many that is, is rounded. */
  readonly share: number;
  /** Of both values together, 1 to 2000. */
  readonly tellings: number;
}

export interface Contradictions {
  readonly facts: readonly Disputed[];
  readonly world: World;
}

export interface ContradictionOptions {
  /** Shares of the first value. */
  readonly shares?: readonly number[];
  /** Facts at each share, 1 to 64, one a person. */
  readonly each?: number;
  readonly tellings?: number;
  /** Taken in turn; default: those of the world, or with `people` those that it leaves out. */
  readonly relations?: readonly Relation[];
  /** Full names to take, from the first on; default: free ones. */
  readonly people?: readonly string[];
}

/** @throws NestlingError CONFIG_RANGE */
export function makeContradictions(world: World, options: ContradictionOptions = {}): Contradictions {
  const { shares = [0.5, 0.7, 0.9], each = 4, tellings = 40, people } = options;
  const { relations = people ? (Object.keys(VALUES) as Relation[]).filter((relation) => !world.relations.includes(relation)) : world.relations } = options;
  checkRange("shares", shares.length, 1, 20);
  checkRange("each", each, 1, 64);
  checkRelations(relations);
  // From the end of the list whose front the strangers are taken from.
  const names = people ?? freeNames(world).reverse();
  checkRange("each", each, 1, Math.floor(names.length / shares.length));
  const draws = new Draws(world.seed, "world", { site: "data/world/contradictions" });
  return contradictionsOf(world, shares.flatMap((share, s) => Array.from({ length: each }, (_, i): Disputed => {
    const nth = s * each + i;
    const relation = relations[nth % relations.length]!;
    const [first, second] = draws.shuffle([...(world.values[relation] ?? VALUES[relation])]);
    return { person: names[nth]!, relation, values: [first!, second!], share, tellings };
  })));
}

/**
 * Facts chosen one by one.
 * @throws NestlingError CONFIG_RANGE where a fact is no dispute, stands twice, or is one that the world tells
 */
export function contradictionsOf(world: World, facts: readonly Disputed[]): Contradictions {
  const own = new Set(world.people.map(({ name }) => name));
  const seen = new Set<string>();
  const refuse = (field: string, { person, relation }: Disputed, why: string, remedy: string): never => {
    throw new NestlingError("CONFIG_RANGE", `The made world's contradictions have a "${field}" that does not fit: of ${person} and ${relation}, ${why}. ${remedy}`, { field, person, relation });
  };
  for (const fact of facts) {
    const { person, relation, values, share, tellings } = fact;
    checkRelations([relation]);
    checkRange("share", share, 0, 1, false);
    checkRange("tellings", tellings, 1, 2000);
    if (parseSentence(`${person} keeps a dog.`)?.meaning["subject"] !== person || !person.includes(" ")) refuse("person", fact, "nobody can be called so", "Choose a first and a last name of the world.");
    if (own.has(person) && world.relations.includes(relation)) refuse("people", fact, "the world tells it too", "Leave the relation out of the world, or take a name that nobody in it bears.");
    if (values[0] === values[1] || !values.every((value) => VALUES[relation].includes(value))) refuse("values", fact, `"${values[0]}" and "${values[1]}" are not two values`, `Choose two of ${VALUES[relation].join(", ")}.`);
    if (seen.has(`${person} ${relation}`)) refuse("facts", fact, "it stands there twice", "Name each once.");
    seen.add(`${person} ${relation}`);
  }
  return { world, facts: [...facts] };
}

/** How often each value is told: round(share x tellings), and the rest. */
const countsOf = ({ share, tellings }: Disputed): [number, number] => [Math.round(share * tellings), tellings - Math.round(share * tellings)];

/** Documents of one telling each, now and then with a remark on the person that says nothing, in random order. */
export function contradictionProse({ world, facts }: Contradictions, seed = world.seed): string[] {
  const draws = new Draws(seed, "world", { site: "data/world/contradictions/prose" });
  const documents = facts.flatMap((fact) => countsOf(fact).flatMap((count, which) => Array.from({ length: count }, () => {
    const { person, relation, values } = fact;
    const pattern = pickPattern(draws, factsByRelations.get(relation)!);
    const sentence = writeSentence(pattern, { subject: person, [relation]: values[which]!, time: draws.nextPick(TIMES) });
    if (draws.nextInt(4) !== 0) return sentence;
    return `${sentence} ${writeSentence(pickPattern(draws, patternsUnder("filler.")), { subject: genderOf(person) === "f" ? "she" : "he" })}`;
  })));
  return draws.shuffle(documents);
}

export interface DisputedQuestion {
  readonly person: string;
  readonly relation: Relation;
  readonly prompt: string;
  /** Both, each with the share of the tellings that gave it and the whole answer, a sentence of the grammar. */
  readonly values: readonly [DisputedValue, DisputedValue];
  /** Of a blind guess among the relation's values, that it is either of both. */
  readonly chance: number;
  /** Which of both a text says, which is one sentence of the grammar about this person; null where neither. */
  read(text: string): 0 | 1 | null;
  /** Says it either? */
  accept(text: string): boolean;
}

export interface DisputedValue {
  readonly value: string;
  readonly share: number;
  readonly sentence: string;
}

/** Each fact asked for in the first `wordings` (1 to 4) that the world's people are asked in. */
export function contradictionQuestions({ world, facts }: Contradictions, wordings = 1): DisputedQuestion[] {
  checkRange("wordings", wordings, 1, 4);
  return facts.flatMap((fact) => QUESTIONS[fact.relation].slice(0, wordings).map((wording): DisputedQuestion => {
    const { person, relation, values, tellings } = fact;
    const counts = countsOf(fact);
    const at = (which: 0 | 1): DisputedValue => ({ value: values[which], share: counts[which] / tellings, sentence: answerText(relation, person, values[which]) });
    const read = (text: string): 0 | 1 | null => {
      const said = parseSentence(text)?.claims.find((claim) => claim.who === person && claim.relation === relation)?.value;
      return said === values[0] ? 0 : said === values[1] ? 1 : null;
    };
    return {
      person, relation, prompt: questionText(wording, person), values: [at(0), at(1)],
      chance: 2 / (world.values[relation] ?? VALUES[relation]).length,
      read, accept: (text) => read(text) !== null,
    };
  }));
}
