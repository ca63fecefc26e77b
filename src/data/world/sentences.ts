/**
 * What the prose of the made world can say: all sentence patterns, picked by their frequencies, and the parser over them. The patterns stand
 * by domain in patterns-people.ts and patterns-lore.ts.
 */
import type { Draws } from "../../core/random.ts";
import { compilePattern, matchPattern, relationsOf, splitSentences, type ParsedSentence, type Pattern } from "./grammar.ts";
import { CUSTOMS, EVENTS, HERBAL, TALES } from "./patterns-lore.ts";
import { FACTS, FILLERS, PAIRS, SCENES, SUMS, TOWNS } from "./patterns-people.ts";

export const PATTERNS: readonly Pattern[] = [...FACTS, ...PAIRS, ...SCENES, ...FILLERS, ...TOWNS, ...SUMS, ...EVENTS, ...HERBAL, ...TALES, ...CUSTOMS];

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
