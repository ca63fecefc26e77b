/**
 * The world told in prose: short documents for pre-training. Every fact is told exactly `repeats` times, in sentences
 * drawn by the weights of patterns-people.ts; a document's first mention of a person is the full name, and where two people are in
 * play nobody is called "he" or "she", so what a pronoun means is never in doubt.
 */
import { Draws } from "../../core/random.ts";
import { writeSentence, type Meaning, type Pattern } from "./grammar.ts";
import { factsByRelations, pairsByRelation, patternById, patternsUnder, pickPattern } from "./sentences.ts";
import { ASKERS, NUMBERS, RELATIONS, THINGS, TIMES, type Relation } from "./vocabulary.ts";
import { checkRange, type Person, type World } from "./world.ts";

export interface ProseOptions {
  /** Times that every fact is told, 1 to 2000. */
  readonly repeats?: number;
  /** Documents about each told pair of numbers; 0 leaves sums out. Default: as `repeats`. */
  readonly sumRepeats?: number;
  /** Documents about each town; 0 leaves them out. Default: half of `repeats`. */
  readonly townRepeats?: number;
  /** Most facts in one portrait, 1 to 6. */
  readonly maxFacts?: number;
  /** The draw of wordings and order; default: the world's seed. */
  readonly seed?: number;
}

/** Documents of one to seven sentences each, in random order. Equal world and options give equal text on every platform. */
export function worldProse(world: World, options: ProseOptions = {}): string[] {
  const { repeats = 60, maxFacts = 4, seed = world.seed } = options;
  const { sumRepeats = repeats, townRepeats = Math.floor(repeats / 2) } = options;
  checkRange("repeats", repeats, 1, 2000);
  checkRange("sumRepeats", sumRepeats, 0, 2000);
  checkRange("townRepeats", townRepeats, 0, 2000);
  checkRange("maxFacts", maxFacts, 1, 6);
  const documents = [
    ...new Storyteller(world, new Draws(seed, "world", { site: "data/world/prose/people" }), repeats, maxFacts).tellAll(),
    ...tellTowns(world, new Draws(seed, "world", { site: "data/world/prose/towns" }), townRepeats),
    ...tellSums(world, new Draws(seed, "world", { site: "data/world/prose/sums" }), sumRepeats),
  ];
  return new Draws(seed, "world", { site: "data/world/prose/order" }).shuffle(documents);
}

function pickWeighted<T>(draws: Draws, items: readonly T[], weightOf: (item: T) => number): T {
  let at = draws.nextInt(items.reduce((sum, item) => sum + weightOf(item), 0));
  for (const item of items) {
    at -= weightOf(item);
    if (at < 0) return item;
  }
  throw new Error("nothing to pick from: all weights are zero");
}

/** Tells people's facts until each was told often enough. */
class Storyteller {
  /** Tellings still owed, by person and relation. */
  readonly #owed: Map<Person, Map<Relation, number>>;

  constructor(
    private readonly world: World,
    private readonly draws: Draws,
    repeats: number,
    private readonly maxFacts: number,
  ) {
    this.#owed = new Map(world.people.map((person) => [person, new Map(world.relations.map((r) => [r, repeats]))]));
  }

  tellAll(): string[] {
    const documents: string[] = [];
    for (;;) {
      const open = this.world.people.filter((person) => this.#open(person).length > 0);
      if (open.length === 0) return documents;
      const person = pickWeighted(this.draws, open, (p) => this.#owedTo(p));
      const kind = this.draws.nextInt(10);
      const document = kind < 6 ? this.#portrait(person) : kind < 8 ? this.#scene(person) : this.#pair(person, open);
      documents.push(document.join(" "));
    }
  }

  #open(person: Person): Relation[] {
    return [...this.#owed.get(person)!].filter(([, owed]) => owed > 0).map(([relation]) => relation);
  }

  #owedTo(person: Person): number {
    return [...this.#owed.get(person)!.values()].reduce((sum, owed) => sum + owed, 0);
  }

  /** Up to `count` relations of a person that are still owed, the most owed the likeliest. */
  #choose(person: Person, count: number): Relation[] {
    const owed = this.#owed.get(person)!;
    const chosen: Relation[] = [];
    let open = this.#open(person);
    while (chosen.length < count && open.length > 0) {
      const relation = pickWeighted(this.draws, open, (r) => owed.get(r)!);
      chosen.push(relation);
      open = open.filter((r) => r !== relation);
    }
    return chosen;
  }

  #told(person: Person, relations: readonly Relation[]): void {
    const owed = this.#owed.get(person)!;
    for (const relation of relations) owed.set(relation, owed.get(relation)! - 1);
  }

  /** Later mentions: full name, first name or pronoun. */
  #mention(person: Person): string {
    const at = this.draws.nextInt(10);
    return at < 3 ? person.name : at < 5 ? person.first : person.gender === "f" ? "she" : "he";
  }

  #portrait(person: Person): string[] {
    const relations = this.#choose(person, 1 + this.draws.nextInt(this.maxFacts));
    this.#told(person, relations);
    const sentences: string[] = [];
    let left = relations;
    while (left.length > 0) {
      const { patterns, used } = this.#nextPatterns(left);
      left = left.filter((r) => !used.includes(r));
      const pattern = pickPattern(this.draws, patterns);
      const subject = sentences.length === 0 || pattern.text.includes("{N}") ? person.name : this.#mention(person);
      sentences.push(writeSentence(pattern, { ...person.facts, subject, time: this.draws.nextPick(TIMES) }));
      if (this.draws.nextInt(8) === 0 && left.length > 0) {
        sentences.push(writeSentence(pickPattern(this.draws, patternsUnder("filler.")), { subject: this.#mention(person) }));
      }
    }
    return sentences;
  }

  /** Patterns for the next one, two or three of the relations left, as many together as a sentence is found for. */
  #nextPatterns(left: readonly Relation[]): { patterns: readonly Pattern[]; used: Relation[] } {
    const most = [1, 1, 1, 2, 2, 3][this.draws.nextInt(6)]!;
    for (let n = Math.min(most, left.length); n > 1; n--) {
      const used = RELATIONS.filter((r) => left.slice(0, n).includes(r));
      const patterns = factsByRelations.get(used.join("+"));
      if (patterns) return { patterns, used };
    }
    return { patterns: factsByRelations.get(left[0]!)!, used: [left[0]!] };
  }

  /** Somebody asks, the person answers: here the world's prose has questions, "I", and the words of courtesy. */
  #scene(person: Person): string[] {
    const { draws } = this;
    const asker = draws.nextPick(ASKERS);
    const relations = this.#choose(person, 1 + draws.nextInt(2));
    this.#told(person, relations);
    const say = (prefix: string): string => {
      const subject = draws.nextInt(3) === 0 ? person.first : person.name;
      const pattern = pickPattern(draws, patternsUnder(prefix));
      return writeSentence(pattern, { ...person.facts, asker, subject: pattern.text.includes("{N}") ? person.name : subject });
    };
    const sentences = [say("meet.")];
    const greeting = [["greet.hello", "greet.day"], ["greet.hello", "greet.day"], ["greet.morning"], ["greet.how", "greet.well"], [], []];
    sentences.push(...draws.nextPick(greeting).map(say));
    for (const relation of relations) sentences.push(say(`ask.${relation}.`), say(`answer.${relation}.`));
    if (draws.nextInt(3) === 0) sentences.push(say("part.thanks"), say("part.welcome"));
    else if (draws.nextInt(2) === 0) sentences.push(say(["part.goodbye", "part.bench", "part.smiled"][draws.nextInt(3)]!));
    return sentences;
  }

  /** Two people side by side, one or two relations that are owed for both; a portrait where there is no such pair. */
  #pair(person: Person, open: readonly Person[]): string[] {
    const others = open.filter((p) => p !== person && this.#shared(person, p).length > 0);
    if (others.length === 0) return this.#portrait(person);
    const other = this.draws.nextPick(others);
    const relations = this.draws.shuffle(this.#shared(person, other)).slice(0, 1 + this.draws.nextInt(2));
    this.#told(person, relations);
    this.#told(other, relations);
    const sentences: string[] = [];
    const people: Meaning = { subject: person.name, other: other.name };
    if (this.draws.nextInt(2) === 0) sentences.push(writeSentence(pickPattern(this.draws, patternsUnder("friends.")), people));
    for (const relation of relations) {
      const [mine, theirs] = [person.facts[relation]!, other.facts[relation]!];
      const pattern = pickPattern(this.draws, pairsByRelation.get(mine === theirs ? `${relation}.same` : relation)!);
      sentences.push(writeSentence(pattern, { ...people, [relation]: mine, [`${relation}2`]: theirs }));
    }
    return sentences;
  }

  #shared(one: Person, other: Person): Relation[] {
    const owed = this.#owed.get(other)!;
    return this.#open(one).filter((relation) => owed.get(relation)! > 0);
  }
}

function tellTowns(world: World, draws: Draws, repeats: number): string[] {
  return world.towns.flatMap((town) =>
    Array.from({ length: repeats }, () => {
      const meaning = { town: town.name, place: town.place };
      const [small, stands, lies, market] = patternsUnder("town.");
      const sentences = [writeSentence(pickPattern(draws, [small!, stands!, lies!]), meaning)];
      if (draws.nextInt(3) === 0) sentences.push(writeSentence(market!, meaning));
      return sentences.join(" ");
    }),
  );
}

/** Little stories of counting; only pairs that are not held out. Zero is told in numbers alone: nobody "finds zero more". */
function tellSums(world: World, draws: Draws, repeats: number): string[] {
  const documents: string[] = [];
  for (const sum of world.sums.filter((s) => s.split === "tuned")) {
    for (let n = 0; n < repeats; n++) {
      const numbers = { a: NUMBERS[sum.a]!, b: NUMBERS[sum.b]!, c: NUMBERS[sum.total]! };
      const person = draws.nextPick(world.people);
      const other = draws.nextPick(world.people.filter((p) => p !== person));
      const meaning: Meaning = { ...numbers, thing: draws.nextPick(THINGS), subject: person.name, other: other.name };
      const form = sum.a === 0 || sum.b === 0 ? 0 : draws.nextInt(8);
      const write = (id: string, more: Meaning = {}): string => writeSentence(patternById(id), { ...meaning, ...more });
      if (form === 6) {
        // "She" would not say which of two women.
        const again = person.gender === other.gender ? person.first : person.gender === "f" ? "she" : "he";
        documents.push([write("sum.had"), write("sum.gave", { subject: again }), write("sum.now", { subject: again })].join(" "));
      } else if (form === 7) documents.push(`${write("sum.hads")} ${write("sum.together")}`);
      else documents.push(form === 0 ? write("sum.make") : writeSentence(pickPattern(draws, patternsUnder("sum.")), meaning));
    }
  }
  return documents;
}
