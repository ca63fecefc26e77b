/**
 * A made world: who lives in it and what is true of them. It is data only; prose.ts tells it, chat.ts asks about it.
 * Facts are assigned so that, within the tuned and within the held-out people, every value of a relation is used
 * equally often: whoever guesses blindly, or always says the commonest value, is right at `1 / values`.
 */
import { NestlingError } from "../../core/errors.ts";
import { Draws } from "../../core/random.ts";
import { DEFAULT_RELATIONS, FIRST_NAMES, LAST_NAMES, MAX_PEOPLE, PLACES, RELATIONS, VALUES, type Gender, type Relation } from "./vocabulary.ts";

/** Whether a tuning set may ask about it. Both kinds stand in the prose (held-out *sums* do not). */
export type Split = "tuned" | "held-out";

export interface Person {
  readonly first: string;
  readonly last: string;
  /** First and last name with a space; unique in its world. */
  readonly name: string;
  readonly gender: Gender;
  readonly split: Split;
  /** The true value of each relation that the world uses. */
  readonly facts: Readonly<Partial<Record<Relation, string>>>;
}

export interface Town {
  readonly name: string;
  /** "by the sea": stands after "is a small town". */
  readonly place: string;
}

/** a + b; a held-out pair is told nowhere, in neither order. */
export interface Sum {
  readonly a: number;
  readonly b: number;
  readonly total: number;
  readonly split: Split;
}

export interface World {
  readonly seed: number;
  readonly relations: readonly Relation[];
  /** Values in use, by relation: what a blind guess chooses among. */
  readonly values: Readonly<Partial<Record<Relation, readonly string[]>>>;
  readonly people: readonly Person[];
  readonly towns: readonly Town[];
  readonly sums: readonly Sum[];
}

export interface WorldOptions {
  readonly seed: number;
  /** 2 to 256. Up to 64 every first name is used once. */
  readonly people?: number;
  readonly relations?: readonly Relation[];
  /** Values a relation takes, 2 to 12. */
  readonly values?: number;
  /** Share of the people that no tuning set asks about, above 0 and below 1. */
  readonly heldOut?: number;
  /** Unordered pairs of different numbers 1 to 5 that are told nowhere, 0 to 6. */
  readonly heldOutSums?: number;
}

/** @throws NestlingError CONFIG_RANGE where an option is outside what it allows. */
export function checkRange(field: string, value: number, low: number, high: number, whole = true): void {
  if (value >= low && value <= high && (!whole || Number.isInteger(value))) return;
  throw new NestlingError(
    "CONFIG_RANGE",
    `The made world's "${field}" is ${value}, but it has to be ${whole ? "a whole number " : ""}from ${low} to ${high}. Choose a value in that range.`,
    { field, value, low, high },
  );
}

export function makeWorld(options: WorldOptions): World {
  const { seed, people: count = 48, relations = DEFAULT_RELATIONS, values: valueCount = 12, heldOut = 0.5, heldOutSums = 4 } = options;
  checkRange("people", count, 2, MAX_PEOPLE);
  checkRange("values", valueCount, 2, 12);
  checkRange("heldOut", heldOut, 0.01, 0.99, false);
  checkRange("heldOutSums", heldOutSums, 0, 6);
  checkRelations(relations);

  const values: Partial<Record<Relation, readonly string[]>> = {};
  for (const relation of relations) values[relation] = chooseValues(seed, relation, valueCount);

  const heldOutCount = Math.min(count - 1, Math.max(1, Math.round(count * heldOut)));
  const names = choosePeople(seed, count);
  const people: Person[] = names.map((name, i) => ({ ...name, split: i < heldOutCount ? "held-out" : "tuned", facts: {} }));
  for (const relation of relations) {
    const draws = new Draws(seed, "world", { site: `data/world/facts/${relation}` });
    for (const [from, to] of [[0, heldOutCount], [heldOutCount, count]] as const) {
      // A fresh order of the values each round, so a remainder falls on different values; then over people at random.
      const dealt: string[] = [];
      while (dealt.length < to - from) dealt.push(...draws.shuffle([...values[relation]!]));
      dealt.length = to - from;
      draws.shuffle(dealt);
      for (let i = from; i < to; i++) people[i] = { ...people[i]!, facts: { ...people[i]!.facts, [relation]: dealt[i - from]! } };
    }
  }
  new Draws(seed, "world", { site: "data/world/order" }).shuffle(people);
  return { seed, relations: [...relations], values, people, towns: makeTowns(seed, values.home ?? []), sums: makeSums(seed, heldOutSums) };
}

/** @throws NestlingError CONFIG_RANGE where one is unknown or stands twice, or there is none. */
export function checkRelations(relations: readonly Relation[]): void {
  const unknown = relations.find((r) => !RELATIONS.includes(r));
  if (relations.length > 0 && unknown === undefined && new Set(relations).size === relations.length) return;
  throw new NestlingError(
    "CONFIG_RANGE",
    `The made world's "relations" is [${relations.join(", ")}], but it has to name at least one of ${RELATIONS.join(", ")}, each at most once.`,
    { field: "relations", relations: [...relations] },
  );
}

function chooseValues(seed: number, relation: Relation, count: number): string[] {
  const draws = new Draws(seed, "world", { site: `data/world/values/${relation}` });
  return draws.shuffle([...VALUES[relation]]).slice(0, count);
}

function choosePeople(seed: number, count: number): Pick<Person, "first" | "last" | "name" | "gender">[] {
  const draws = new Draws(seed, "world", { site: "data/world/people" });
  const firsts = (["f", "m"] as const).flatMap((gender) => FIRST_NAMES[gender].map((first) => ({ first, gender })));
  const taken = new Set<string>();
  const chosen: Pick<Person, "first" | "last" | "name" | "gender">[] = [];
  while (chosen.length < count) {
    for (const { first, gender } of draws.shuffle([...firsts])) {
      if (chosen.length === count) break;
      let last = draws.nextPick(LAST_NAMES);
      while (taken.has(`${first} ${last}`)) last = draws.nextPick(LAST_NAMES);
      taken.add(`${first} ${last}`);
      chosen.push({ first, last, name: `${first} ${last}`, gender });
    }
  }
  return chosen;
}

function makeTowns(seed: number, names: readonly string[]): Town[] {
  const draws = new Draws(seed, "world", { site: "data/world/towns" });
  return names.map((name) => ({ name, place: draws.nextPick(PLACES) }));
}

function makeSums(seed: number, heldOutCount: number): Sum[] {
  const draws = new Draws(seed, "world", { site: "data/world/sums" });
  const pairs: string[] = [];
  for (let a = 1; a <= 5; a++) for (let b = a + 1; b <= 5; b++) pairs.push(`${a}+${b}`);
  const heldOut = new Set(draws.shuffle(pairs).slice(0, heldOutCount));
  const sums: Sum[] = [];
  for (let a = 0; a <= 5; a++) {
    for (let b = 0; b <= 5; b++) {
      sums.push({ a, b, total: a + b, split: heldOut.has(`${Math.min(a, b)}+${Math.max(a, b)}`) ? "held-out" : "tuned" });
    }
  }
  return sums;
}
