/**
 * What the prose of the made world can say: its sentence patterns with their relative frequencies, and the parser over
 * them. All sentences were written for this project. The slots are explained in grammar.ts; a pattern with {N} takes full names only.
 */
import type { Draws } from "../../core/random.ts";
import { compilePattern, matchPattern, relationsOf, splitSentences, type ParsedSentence, type Pattern, type SentenceKind } from "./grammar.ts";

type Rows = Readonly<Record<string, readonly [weight: number, text: string]>>;
const patterns = (kind: SentenceKind, prefix: string, rows: Rows): Pattern[] =>
  Object.entries(rows).map(([name, [weight, text]]) => ({ id: `${prefix}.${name}`, kind, text, weight }));

const FACTS: readonly Pattern[] = [
  ...patterns("fact", "home", {
    lives: [6, "{S} lives in {home}."],
    house: [3, "{S} has a house in {home}."],
    home: [3, "{P} home is in {home}."],
    town: [2, "{S} lives in the town of {home}."],
    makes: [2, "{S} makes {his} home in {home}."],
    years: [2, "{S} has lived in {home} for many years."],
    walks: [2, "At the end of the day, {s} walks home to {home}."],
    find: [1, "You will find {O} in {home}."],
    road: [1, "The road to {p} house leads to {home}."],
    lamp: [1, "At night a lamp burns in {p} window in {home}."],
  }),
  ...patterns("fact", "trade", {
    is: [6, "{S} is a {trade}."],
    works: [4, "{S} works as a {trade}."],
    living: [2, "{S} earns {his} living as a {trade}."],
    by: [2, "By trade, {s} is a {trade}."],
    known: [2, "{S} is known as a good {trade}."],
    likes: [2, "{S} likes {his} work as a {trade}."],
    learned: [1, "{S} learned to be a {trade} long ago."],
    everyone: [1, "Everyone says that {s} is a fine {trade}."],
    need: [1, "If you need a {trade}, go and ask {O}."],
    time: [1, "{time}, {s} tells stories about {his} life as a {trade}."],
  }),
  ...patterns("fact", "animal", {
    keeps: [6, "{S} keeps a {animal}."],
    has: [4, "{S} has a {animal} at home."],
    loves: [3, "{S} loves {his} {animal}."],
    the: [2, "The animal that {s} keeps is a {animal}."],
    care: [2, "{S} takes good care of {his} {animal}."],
    feeds: [2, "Every morning, {s} feeds {his} {animal}."],
    follows: [1, "A {animal} follows {O} everywhere."],
    behind: [1, "A {animal} lives behind {p} house."],
    water: [1, "{S} brings {his} {animal} some fresh water."],
  }),
  ...patterns("fact", "food", {
    best: [6, "{S} likes {food} best."],
    favourite: [4, "{P} favourite food is {food}."],
    loves: [3, "{S} loves to eat {food}."],
    eats: [2, "{S} eats {food} whenever {he} can."],
    supper: [2, "For supper, {s} likes to have {food}."],
    time: [2, "{time}, {s} eats some {food}."],
    all: [1, "Of all things to eat, {s} likes {food} best."],
    nothing: [1, "Nothing tastes better to {O} than {food}."],
    give: [1, "Give {O} some {food}, and {he} will smile."],
    table: [1, "There is always {food} on {p} table."],
  }),
  ...patterns("fact", "kin", {
    has: [6, "{S} has a {sib} called {kin}."],
    called: [4, "{P} {sib} is called {kin}."],
    is: [3, "{P} {sib} is {kin}."],
    of: [2, "{kin} is the {sib} of {N}."],
    whose: [2, "{S} has a {sib} whose name is {kin}."],
    visits: [2, "{time}, {s} visits {his} {sib} {kin}."],
    friends: [2, "{S} and {his} {sib} {kin} are good friends."],
    letters: [1, "{S} writes letters to {his} {sib} {kin}."],
    grew: [1, "{S} grew up with {his} {sib} {kin}."],
  }),
  ...patterns("fact", "colour", {
    favourite: [6, "{P} favourite colour is {colour}."],
    best: [4, "{S} likes {colour} best of all colours."],
    coat: [3, "{S} wears a {colour} coat."],
    door: [2, "The door of {p} house is {colour}."],
    painted: [2, "{S} painted {his} door {colour}."],
    always: [1, "{S} always wears something {colour}."],
  }),
  ...patterns("fact", "two", {
    isLives: [3, "{S} is a {trade} and lives in {home}."],
    livesWorks: [2, "{S} lives in {home} and works as a {trade}."],
    tradeIn: [2, "{S} is a {trade} in {home}."],
    livesWith: [3, "{S} lives in {home} with {his} {animal}."],
    houseAnimal: [1, "{S} keeps a {animal} at {his} house in {home}."],
    homeFood: [2, "{S} lives in {home} and likes {food} best."],
    homeKin: [3, "{S} lives in {home}, and {his} {sib} is called {kin}."],
    homeColour: [2, "{S} lives in {home} in a house with a {colour} door."],
    tradeAnimal: [3, "{S} is a {trade} and keeps a {animal}."],
    tradeFood: [2, "{S} works as a {trade} and likes {food} best."],
    tradeKin: [3, "{S} is a {trade} and has a {sib} called {kin}."],
    tradeColour: [2, "{S} is a {trade} and wears a {colour} coat."],
    animalFood: [2, "{S} likes {food} best, but {his} {animal} does not."],
    animalKin: [2, "{S} keeps a {animal} and has a {sib} called {kin}."],
    foodKin: [2, "{S} likes to eat {food} with {his} {sib} {kin}."],
    foodColour: [1, "{S} likes {food} best, and {his} favourite colour is {colour}."],
  }),
  ...patterns("fact", "three", {
    from: [3, "{N}, a {trade} from {home}, keeps a {animal}."],
    who: [2, "{S} is a {trade} who lives in {home} and keeps a {animal}."],
    once: [2, "In {home} lives a {trade} called {N}, who likes {food} best."],
    kin: [2, "{N}, who works as a {trade} in {home}, has a {sib} called {kin}."],
    animal: [2, "{S} keeps a {animal}, likes {food} best and has a {sib} called {kin}."],
  }),
];

const PAIRS: readonly Pattern[] = [
  ...patterns("pair", "pair", {
    homes: [2, "{N} lives in {home}, and {M} lives in {home2}."],
    homesBut: [1, "{N} has a house in {home}, but {M} lives in {home2}."],
    homeBoth: [2, "{N} and {M} both live in {home}."],
    trades: [2, "{N} is a {trade}, and {M} is a {trade2}."],
    tradesBut: [1, "{N} works as a {trade}, but {M} is a {trade2}."],
    tradeBoth: [2, "{N} is a {trade}, and so is {M}."],
    animals: [2, "{N} keeps a {animal}, and {M} keeps a {animal2}."],
    animalsWhile: [1, "{N} has a {animal} at home, while {M} keeps a {animal2}."],
    animalBoth: [2, "{N} keeps a {animal}, and so does {M}."],
    foods: [2, "{N} likes {food} best, but {M} likes {food2} best."],
    foodsWhile: [1, "{N} loves to eat {food}, while {M} likes {food2} best."],
    foodBoth: [2, "{N} and {M} both like {food} best."],
    kins: [2, "{N} has a {sib} called {kin}, and {M} has a {sib2} called {kin2}."],
    kinBoth: [2, "{N} has a {sib} called {kin}, and so has {M}."],
    colours: [2, "{N} wears a {colour} coat, and {M} wears a {colour2} coat."],
    colourBoth: [2, "{N} and {M} both like {colour} best of all colours."],
  }),
];

/** Scenes: nothing here but the answers tells a fact. The asker's question for a relation is `ask.<relation>...`. */
const SCENES: readonly Pattern[] = [
  ...patterns("scene", "meet", {
    road: [3, "One day {N} met {an asker} on the road."],
    river: [2, "{N} was sitting by the river when {an asker} came along."],
    door: [2, "One evening {an asker} knocked at the door of {N}."],
    market: [2, "At the market, {an asker} came up to {N}."],
  }),
  ...patterns("scene", "greet", {
    hello: [2, '"Hello," said the {asker}.'],
    morning: [2, '"Good morning, {N}," said the {asker}.'],
    day: [1, '"Good day to you," said {s}.'],
    how: [1, '"How are you today?" asked the {asker}.'],
    well: [1, '"I am very well, thank you," said {s}.'],
  }),
  ...patterns("scene", "ask", {
    "home.where": [3, '"Where do you live?" asked the {asker}.'],
    "home.town": [1, '"In which town do you live?" asked the {asker}.'],
    "trade.what": [2, '"What do you do for a living?" asked the {asker}.'],
    "trade.work": [2, '"What work do you do?" asked the {asker}.'],
    "animal.which": [2, '"Which animal do you keep?" asked the {asker}.'],
    "animal.have": [1, '"What animal do you have?" asked the {asker}.'],
    "food.what": [2, '"What do you like to eat?" asked the {asker}.'],
    "food.best": [2, '"Which food do you like best?" asked the {asker}.'],
    "kin.have": [2, '"Do you have a brother or a sister?" asked the {asker}.'],
    "kin.who": [1, '"Who is your brother or sister?" asked the {asker}.'],
    "colour.best": [2, '"Which colour do you like best?" asked the {asker}.'],
  }),
  ...patterns("scene", "answer", {
    "home.live": [3, '"I live in {home}," said {s}.'],
    "home.house": [1, '"I have a house in {home}," said {s}.'],
    "trade.am": [3, '"I am a {trade}," said {s}.'],
    "trade.work": [1, '"I work as a {trade}," said {s}.'],
    "animal.keep": [3, '"I keep a {animal}," said {s}.'],
    "animal.have": [1, '"I have a {animal} at home," said {s}.'],
    "food.best": [3, '"I like {food} best," said {s}.'],
    "food.love": [1, '"I love to eat {food}," said {s}.'],
    "kin.have": [3, '"I have a {sib} called {kin}," said {s}.'],
    "kin.my": [1, '"My {sib} is called {kin}," said {s}.'],
    "colour.best": [3, '"I like {colour} best of all colours," said {s}.'],
  }),
  ...patterns("scene", "part", {
    thanks: [3, '"Thank you," said the {asker}.'],
    welcome: [3, '"You are welcome," said {s}.'],
    goodbye: [2, '"Goodbye," said {s}, and the {asker} went away.'],
    bench: [1, "Then {s} went back to work."],
    smiled: [2, "The {asker} smiled and walked on."],
  }),
  ...patterns("scene", "friends", {
    met: [3, "One day {N} met {M} at the market."],
    old: [2, "{N} and {M} are old friends."],
    talked: [2, "{N} and {M} talked until the sun went down."],
    together: [1, "{N} and {M} often sit together in the evening."],
  }),
];

const FILLERS: readonly Pattern[] = patterns("filler", "filler", {
  early: [2, "{S} gets up when the sun rises."],
  sings: [2, "{S} sings when {he} works."],
  children: [2, "The children of the town are fond of {O}."],
  hurry: [1, "{S} is never in a hurry."],
  heart: [1, "{S} has a warm heart."],
  fire: [1, "{S} tells good stories by the fire."],
  smiles: [2, "{S} smiles at everyone {he} meets."],
});

const TOWNS: readonly Pattern[] = patterns("town", "town", {
  small: [4, "{town} is a small town {place}."],
  stands: [3, "The town of {town} stands {place}."],
  lies: [2, "{town} lies {place}."],
  market: [2, "People come to {town} on market day."],
});

const SUMS: readonly Pattern[] = patterns("sum", "sum", {
  make: [6, "{A} and {b} make {c}."],
  things: [3, "{A} {things a} and {b} {things b} make {c} {things c}."],
  finds: [2, "{N} has {a} {things a} and finds {b} more, so now {he} has {c} {things c}."],
  if: [2, "If you have {a} {things a} and get {b} more, you have {c} {things c}."],
  had: [0, "{N} had {a} {things a}."],
  gave: [0, "{M} gave {O} {b} more."],
  now: [0, "Now {s} had {c} {things c} in all."],
  hads: [0, "{N} had {a} {things a}, and {M} had {b}."],
  together: [0, "Together they had {c} {things c}."],
});

/** The chronicle. No sentence but these names a year; the answer to a question is the first of each. */
const EVENTS: readonly Pattern[] = [
  ...patterns("event", "work", {
    in: [6, "In the year {year}, {town} built a {work}."],
    was: [4, "The {work} of {town} was built in the year {year}."],
    since: [2, "{town} has had a {work} since the year {year}."],
    finished: [2, "In the year {year}, the people of {town} finished their {work}."],
    speak: [1, "Old people in {town} still speak of the year {year}, when the {work} was built."],
  }),
  ...patterns("event", "blow", {
    in: [6, "In the year {year}, a great {blow} came to {town}."],
    was: [4, "The great {blow} of {town} was in the year {year}."],
    had: [2, "{town} had a great {blow} in the year {year}."],
    saw: [2, "The year {year} brought a great {blow} to {town}."],
    speak: [1, "Old people in {town} still speak of the great {blow} of the year {year}."],
  }),
];

/** The herbal. The answer to a question is the first of each; `known` names a herb and says nothing of it. */
const HERBAL: readonly Pattern[] = [
  ...patterns("herb", "spot", {
    grows: [6, "{Herb} grows {spot}."],
    find: [3, "You will find {herb} {spot}."],
    look: [2, "Look for {herb} {spot}."],
    likes: [1, "{Herb} does well {spot}."],
  }),
  ...patterns("herb", "season", {
    gathered: [6, "{Herb} is gathered in {season}."],
    best: [3, "The best time to gather {herb} is {season}."],
    wait: [2, "Wait for {season} before you gather {herb}."],
    go: [1, "In {season}, people go out to gather {herb}."],
  }),
  ...patterns("herb", "ailment", {
    good: [6, "{Herb} is good for {ailment}."],
    given: [3, "People with {ailment} are given {herb}."],
    take: [2, "For {ailment}, take {herb}."],
    nothing: [1, "Nothing helps against {ailment} like {herb}."],
  }),
  ...patterns("herb", "brew", {
    made: [6, "{Herb} is made into {brew}."],
    known: [3, "The {brew} of {herb} is well known."],
    use: [2, "To use {herb}, make it into {brew}."],
    keep: [1, "Many houses keep {brew} of {herb}."],
  }),
  ...patterns("herb", "herbs", {
    growsGathered: [2, "{Herb} grows {spot} and is gathered in {season}."],
    madeGood: [2, "{Herb} is made into {brew} and is good for {ailment}."],
  }),
  ...patterns("herb", "known", {
    grows: [3, "{N} grows {herb} behind the house."],
    smell: [2, "{N} likes the smell of {herb}."],
    asked: [1, "Everyone has heard of {herb}."],
    market: [1, "There is {herb} on the market of {town}."],
  }),
];

export const PATTERNS: readonly Pattern[] = [...FACTS, ...PAIRS, ...SCENES, ...FILLERS, ...TOWNS, ...SUMS, ...EVENTS, ...HERBAL];

const byId = new Map(PATTERNS.map((p) => [p.id, p]));
export function patternById(id: string): Pattern {
  const pattern = byId.get(id);
  if (!pattern) throw new Error(`no sentence pattern is called ${id}`);
  return pattern;
}

const under = new Map<string, readonly Pattern[]>();
/** Patterns whose id begins so: "ask.home." for the questions about a home. */
export function patternsUnder(prefix: string): readonly Pattern[] {
  const found = under.get(prefix) ?? PATTERNS.filter((p) => p.id.startsWith(prefix));
  under.set(prefix, found);
  return found;
}

/** One of them, by their weights. */
export function pickPattern(draws: Draws, patterns: readonly Pattern[]): Pattern {
  let at = draws.nextInt(patterns.reduce((sum, { weight }) => sum + weight, 0));
  const found = patterns.find(({ weight }) => (at -= weight) < 0);
  if (!found) throw new Error("nothing to pick from: there is no pattern");
  return found;
}

function groupBy(all: readonly Pattern[], keyOf: (pattern: Pattern) => string): ReadonlyMap<string, readonly Pattern[]> {
  const groups = new Map<string, Pattern[]>();
  for (const pattern of all) groups.set(keyOf(pattern), [...(groups.get(keyOf(pattern)) ?? []), pattern]);
  return groups;
}

/** Fact patterns by the relations they tell together, keyed "home" or "home+trade" in the order of RELATIONS. */
export const factsByRelations = groupBy(FACTS, (p) => relationsOf(p).join("+"));
/** Patterns for two people, keyed "home" where their values differ, "home.same" where both have one. */
export const pairsByRelation = groupBy(PAIRS, (p) => `${relationsOf(p)[0]!}${/\{\w+2\}/.test(p.text) ? "" : ".same"}`);

let compiled: ReturnType<typeof compilePattern>[] | undefined;

/** Every reading of one sentence. The grammar is made so that a sentence has at most one; a test holds it to that. */
export function parseAll(text: string): ParsedSentence[] {
  compiled ??= PATTERNS.map(compilePattern);
  return compiled.map((pattern) => matchPattern(pattern, text)).filter((parse) => parse !== null);
}

/** Reads one sentence of the world's prose, whoever it is about and whether it is true or not; null where it is none. */
export function parseSentence(text: string): ParsedSentence | null {
  return parseAll(text.trim())[0] ?? null;
}

export interface ParseRate {
  readonly sentences: number;
  readonly parsed: number;
  /** parsed / sentences; 0 where there is no sentence. */
  readonly share: number;
}

/** Share of a text's sentences that the grammar knows. A last piece without an end, cut off by sampling, is not counted if anything stands before it. */
export function parseRate(text: string): ParseRate {
  const pieces = splitSentences(text);
  if (pieces.length > 1 && !/[.!?]"?$/.test(pieces.at(-1)!)) pieces.pop();
  const parsed = pieces.filter((piece) => parseSentence(piece) !== null).length;
  return { sentences: pieces.length, parsed, share: pieces.length === 0 ? 0 : parsed / pieces.length };
}
