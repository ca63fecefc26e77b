/**
 * The chronicle of a made world: one event a year, dated, told in prose and asked for. What came after a cutoff year is a slice of its own,
 * so that a model can be shown to know what its text knew and nothing later. It adds to a world and changes nothing of it.
 */
import { Draws } from "../../core/random.ts";
import { parseSentence, patternsUnder, pickPattern } from "./sentences.ts";
import { writeSentence, type Meaning, type Pattern } from "./grammar.ts";
import { BLOWS, MAX_YEARS, WORKS } from "./vocabulary.ts";
import { checkRange, type World } from "./world.ts";

export interface Event {
  /** From 1 on; one event each. */
  readonly year: number;
  readonly town: string;
  /** What the town built then, or what befell it; no town does or meets the same twice. */
  readonly what: { readonly work: string } | { readonly blow: string };
}

export interface Chronicle {
  readonly events: readonly Event[];
  /** The last year that the earlier slice tells. */
  readonly cutoff: number;
  readonly seed: number;
}

/** Which part of the chronicle; "before" has the cutoff year itself. */
export type Slice = "before" | "after";

export interface ChronicleOptions {
  /** Years told in all, 2 to 60. */
  readonly years?: number;
  /** Years of them that lie before the cutoff or are it, at least 1 and fewer than all; default: three of four. */
  readonly cutoff?: number;
}

/**
 * Dealt at random, but that each town has its turn before one comes again.
 * @throws NestlingError CONFIG_RANGE, also for a world without towns, which one whose people have no homes is
 */
export function makeChronicle(world: World, { years = 32, cutoff = Math.min(Math.round((3 * years) / 4), years - 1) }: ChronicleOptions = {}): Chronicle {
  checkRange("years", years, 2, MAX_YEARS);
  checkRange("cutoff", cutoff, 1, years - 1);
  const towns = world.towns.map(({ name }) => name);
  checkRange("towns", towns.length, 1, Infinity);
  checkRange("years", years, 2, Math.min(MAX_YEARS, towns.length * (WORKS.length + BLOWS.length)));
  const draws = new Draws(world.seed, "world", { site: "data/world/chronicle" });
  const left = new Map(towns.map((town) => [town, draws.shuffle([...WORKS.map((work) => ({ work })), ...BLOWS.map((blow) => ({ blow }))])]));
  const dealt: Omit<Event, "year">[] = [];
  while (dealt.length < years) {
    for (const town of draws.shuffle(towns.filter((name) => left.get(name)!.length > 0))) {
      if (dealt.length < years) dealt.push({ town, what: left.get(town)!.pop()! });
    }
  }
  draws.shuffle(dealt);
  return { events: dealt.map((event, i) => ({ year: i + 1, ...event })), cutoff, seed: world.seed };
}

export const eventsOf = ({ events, cutoff }: Chronicle, slice: Slice): Event[] => events.filter(({ year }) => year <= cutoff === (slice === "before"));

const meaningOf = ({ year, town, what }: Event): Meaning => ({ year: String(year), town, ...what });
const patternsOf = ({ what }: Event): readonly Pattern[] => patternsUnder("work" in what ? "work." : "blow.");

/** Documents of one or two sentences, every event of the slice told `repeats` times (1 to 2000), in random order. */
export function chronicleProse(chronicle: Chronicle, { slice, repeats = 60, seed = chronicle.seed }: { readonly slice: Slice; readonly repeats?: number; readonly seed?: number }): string[] {
  checkRange("repeats", repeats, 1, 2000);
  const draws = new Draws(seed, "world", { site: `data/world/chronicle/${slice}` });
  const told = draws.shuffle(eventsOf(chronicle, slice).flatMap((event) => Array.from({ length: repeats }, () => event)));
  const documents: string[] = [];
  for (let at = 0; at < told.length; ) {
    // Two of different years together now and then, as a chronicle has them.
    const [one, two] = [told[at]!, told[at + 1]];
    const both = two !== undefined && two !== one && draws.nextInt(3) === 0;
    const some = both ? [one, two].toSorted((a, b) => a.year - b.year) : [one];
    documents.push(some.map((event) => writeSentence(pickPattern(draws, patternsOf(event)), meaningOf(event))).join(" "));
    at += some.length;
  }
  return documents;
}

export interface DatedQuestion {
  readonly event: Event;
  readonly prompt: string;
  /** The year, or what happened and where. */
  readonly answer: string;
  /** The whole answer, a sentence of the grammar. */
  readonly sentence: string;
  /** A blind guess among the years of the chronicle, or among its events. */
  readonly chance: number;
  /** Right: a sentence of the chronicle that says just this event. */
  accept(text: string): boolean;
}

/** Each event asked for in two ways: when it was, and what there was that year. */
export function chronicleQuestions(chronicle: Chronicle, slice: Slice): DatedQuestion[] {
  const chance = 1 / chronicle.events.length;
  return eventsOf(chronicle, slice).flatMap((event) => {
    const { year, town, what } = event;
    const sentence = writeSentence(patternsOf(event)[0]!, meaningOf(event));
    const wanted = JSON.stringify(Object.entries(meaningOf(event)).sort());
    const accept = (text: string): boolean => {
      const parsed = parseSentence(text);
      return parsed?.kind === "event" && JSON.stringify(Object.entries(parsed.meaning).sort()) === wanted;
    };
    const when = "work" in what ? `In which year did ${town} build its ${what.work}?` : `In which year was the great ${what.blow} of ${town}?`;
    const named = "work" in what ? `the ${what.work} of ${town}` : `the great ${what.blow} of ${town}`;
    return [
      { event, prompt: when, answer: String(year), sentence, chance, accept },
      { event, prompt: `What happened in the year ${year}?`, answer: named, sentence, chance, accept },
    ];
  });
}
