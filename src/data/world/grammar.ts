/**
 * The grammar engine: a sentence pattern is a line of English with slots, and the one pattern both writes a sentence and
 * recognises it. Reading is strict by writing back: what a match reads from the text is written again, and must give the
 * same text, so a wrong pronoun, article, plural or kinship word does not parse. The patterns stand in patterns-people.ts and patterns-lore.ts.
 */
import { ACTS, ASKERS, BEAST_RELATIONS, BEAST_VALUES, BEASTS, BLOWS, FIRST_NAMES, genderOf, HARMS, HELPS, HERB_RELATIONS, HERB_VALUES, HERBS, INSULTS, LAST_NAMES, MAX_YEARS, NUMBERS, PLACES, PRAISES, RELATIONS, THINGS, TIMES, VALUES, WORKS, type Relation } from "./vocabulary.ts";

/** What a sentence says: its slots by meaning. `subject` is a full name, a first name, "he" or "she"; `other` a full name. */
export type Meaning = Readonly<Record<string, string>>;

export type SentenceKind = "fact" | "pair" | "scene" | "sum" | "town" | "filler" | "event" | "herb" | "beast" | "custom";

export interface Pattern {
  /** Stable name, `relation.word` for facts: paraphrase frequencies are reported by it. */
  readonly id: string;
  readonly kind: SentenceKind;
  readonly text: string;
  /** Relative frequency among the patterns that say the same. */
  readonly weight: number;
}

type Rows = Readonly<Record<string, readonly [weight: number, text: string]>>;

/** Patterns of one kind, named `prefix.name`. */
export const patterns = (kind: SentenceKind, prefix: string, rows: Rows): Pattern[] =>
  Object.entries(rows).map(([name, [weight, text]]) => ({ id: `${prefix}.${name}`, kind, text, weight }));

export interface Claim {
  /** As the sentence names the person: "Anna Bell", "Anna" or "she". */
  readonly who: string;
  readonly relation: Relation;
  readonly value: string;
}

export interface ParsedSentence {
  readonly id: string;
  readonly kind: SentenceKind;
  readonly meaning: Meaning;
  readonly claims: readonly Claim[];
  /** For a sum told whole in one sentence: is it right? */
  readonly sumHolds?: boolean;
}

interface Slot {
  /** A regular expression without groups that capture. */
  readonly match: string;
  readonly write: (meaning: Meaning) => string;
  /** What the surface tells; a slot that only agrees with others tells nothing. */
  readonly read?: (surface: string) => Record<string, string>;
}

const any = (words: readonly string[]): string => `(?:${words.join("|")})`;
const capital = (text: string): string => text[0]!.toUpperCase() + text.slice(1);
const lower = (text: string): string => text[0]!.toLowerCase() + text.slice(1);
const withArticle = (noun: string): string => `${/^[aeiou]/.test(noun) ? "an" : "a"} ${noun}`;

const FIRST = any([...FIRST_NAMES.f, ...FIRST_NAMES.m]);
const FULL = `${FIRST} ${any(LAST_NAMES)}`;
const NAME = `${FIRST}(?: ${any(LAST_NAMES)})?`;
const isPronoun = (mention: string): boolean => mention === "he" || mention === "she";
const byGender = (f: string, m: string) => (meaning: Meaning) => (genderOf(meaning["subject"] ?? "") === "f" ? f : m);

const PRONOUN_OF: Readonly<Record<string, string>> = { he: "he", she: "she", him: "he", her: "she", his: "he" };
const readMention = (surface: string): Record<string, string> => {
  const plain = surface.replace(/'s$/, "");
  return { subject: PRONOUN_OF[plain.toLowerCase()] ?? plain };
};
const mention = (pronouns: string, suffix: string, pronoun: (meaning: Meaning) => string): Slot => ({
  match: `(?:${NAME}${suffix}|${pronouns})`,
  write: (meaning) => (isPronoun(meaning["subject"]!) ? pronoun(meaning) : meaning["subject"]! + suffix),
  read: readMention,
});
const word = (key: string, words: readonly string[]): Slot => ({
  match: any(words),
  write: (meaning) => meaning[key]!,
  read: (surface) => ({ [key]: surface }),
});
const agrees = (match: string, write: (meaning: Meaning) => string): Slot => ({ match, write });
const plural = (number: string): Slot => ({
  match: `${any(THINGS)}s?`,
  write: (meaning) => (meaning[number] === "one" ? meaning["thing"]! : `${meaning["thing"]!}s`),
  read: (surface) => ({ thing: surface.replace(/s$/, "") }),
});

const SLOTS: Readonly<Record<string, Slot>> = {
  // The person spoken of. S, s: subject; P, p: possessive; O: object; capitals stand first. N: full name only.
  S: mention("He|She", "", byGender("She", "He")),
  s: mention("he|she", "", byGender("she", "he")),
  P: mention("His|Her", "'s", byGender("Her", "His")),
  p: mention("his|her", "'s", byGender("her", "his")),
  O: mention("him|her", "", byGender("her", "him")),
  N: { match: FULL, write: (meaning) => meaning["subject"]!, read: readMention },
  he: agrees("(?:he|she)", byGender("she", "he")),
  his: agrees("(?:his|her)", byGender("her", "his")),
  him: agrees("(?:him|her)", byGender("her", "him")),
  M: word("other", [FULL]),
  asker: word("asker", ASKERS),
  "an asker": { match: `an? ${any(ASKERS)}`, write: (m) => withArticle(m["asker"]!), read: (s) => ({ asker: s.replace(/^an? /, "") }) },
  sib: agrees("(?:brother|sister)", (m) => (genderOf(m["kin"]!) === "f" ? "sister" : "brother")),
  sib2: agrees("(?:brother|sister)", (m) => (genderOf(m["kin2"]!) === "f" ? "sister" : "brother")),
  town: word("town", VALUES.home),
  place: word("place", PLACES),
  time: word("time", TIMES),
  herb: word("herb", HERBS),
  Herb: { match: any(HERBS.map(capital)), write: (m) => capital(m["herb"]!), read: (s) => ({ herb: lower(s) }) },
  ...Object.fromEntries(HERB_RELATIONS.map((r) => [r, word(r, HERB_VALUES[r])] as const)),
  // "the beast" in a later mention, as "he" and "she" are for people.
  beast: word("beast", [...BEASTS, "beast"]),
  ...Object.fromEntries(BEAST_RELATIONS.map((r) => [r, word(r, BEAST_VALUES[r])] as const)),
  // What one does to what, and how: any verb, or only those that harm or help.
  act: word("act", [...HARMS, ...HELPS]),
  harm: word("act", HARMS),
  help: word("act", HELPS),
  object: word("object", ACTS.flatMap(({ objects }) => objects)),
  way: word("way", ACTS.flatMap(({ harms, helps }) => [...Object.values(harms), ...Object.values(helps)])),
  insult: word("insult", INSULTS),
  praise: word("praise", PRAISES),
  work: word("work", WORKS),
  blow: word("blow", BLOWS),
  year: word("year", Array.from({ length: MAX_YEARS }, (_, i) => String(i + 1))),
  A: { match: any(NUMBERS.map(capital)), write: (m) => capital(m["a"]!), read: (s) => ({ a: lower(s) }) },
  a: word("a", NUMBERS),
  b: word("b", NUMBERS),
  c: word("c", NUMBERS),
  "things a": plural("a"),
  "things b": plural("b"),
  "things c": plural("c"),
  ...Object.fromEntries(
    RELATIONS.flatMap((r) => [[r, word(r, VALUES[r])], [`${r}2`, word(`${r}2`, VALUES[r])]] as const),
  ),
};

const SLOT = /\{([^}]+)\}/g;
const slotNames = (text: string): string[] => [...text.matchAll(SLOT)].map((m) => m[1]!);

/** Relations that a pattern tells, each once, in the order of RELATIONS. */
export function relationsOf(pattern: Pattern): Relation[] {
  const names = new Set(slotNames(pattern.text));
  return RELATIONS.filter((r) => names.has(r));
}

/** @throws Error where the pattern uses a slot that does not exist: a mistake in the patterns, never a person's. */
export function writeSentence(pattern: Pattern, meaning: Meaning): string {
  return pattern.text.replace(SLOT, (_, name: string) => {
    const slot = SLOTS[name];
    if (!slot) throw new Error(`pattern ${pattern.id} uses an unknown slot {${name}}`);
    return slot.write(meaning);
  });
}

export interface CompiledPattern {
  readonly pattern: Pattern;
  readonly slots: readonly string[];
  readonly regex: RegExp;
  /** Longest piece of fixed text: a sentence without it cannot match, and looking for it is cheap. */
  readonly fixed: string;
}

export function compilePattern(pattern: Pattern): CompiledPattern {
  const slots = slotNames(pattern.text);
  const pieces = pattern.text.split(/\{[^}]+\}/);
  const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  let source = escape(pieces[0]!);
  slots.forEach((name, i) => {
    const slot = SLOTS[name];
    if (!slot) throw new Error(`pattern ${pattern.id} uses an unknown slot {${name}}`);
    source += `(${slot.match})${escape(pieces[i + 1]!)}`;
  });
  const fixed = pieces.reduce((longest, piece) => (piece.length > longest.length ? piece : longest), "");
  return { pattern, slots, regex: new RegExp(`^${source}$`), fixed };
}

/** What a text says under one pattern, or null where it is not a sentence of it. */
export function matchPattern(compiled: CompiledPattern, text: string): ParsedSentence | null {
  if (!text.includes(compiled.fixed)) return null;
  const match = compiled.regex.exec(text);
  if (!match) return null;
  const meaning: Record<string, string> = {};
  compiled.slots.forEach((name, i) => {
    for (const [key, value] of Object.entries(SLOTS[name]!.read?.(match[i + 1]!) ?? {})) meaning[key] ??= value;
  });
  const { pattern } = compiled;
  const samePerson = meaning["other"] !== undefined && meaning["other"] === meaning["subject"];
  if (samePerson || writeSentence(pattern, meaning) !== text) return null;
  return { id: pattern.id, kind: pattern.kind, meaning, claims: claimsOf(meaning), ...sumOf(pattern, meaning) };
}

function claimsOf(meaning: Meaning): Claim[] {
  const { subject, other } = meaning;
  const claims: Claim[] = [];
  for (const relation of RELATIONS) {
    const value = meaning[relation];
    const second = meaning[`${relation}2`];
    if (value !== undefined && subject !== undefined) claims.push({ who: subject, relation, value });
    // A pair with one value says it of both.
    if (other !== undefined && (second ?? value) !== undefined) claims.push({ who: other, relation, value: (second ?? value)! });
  }
  return claims;
}

function sumOf(pattern: Pattern, { a, b, c }: Meaning): { sumHolds?: boolean } {
  if (pattern.kind !== "sum" || a === undefined || b === undefined || c === undefined) return {};
  return { sumHolds: NUMBERS.indexOf(a) + NUMBERS.indexOf(b) === NUMBERS.indexOf(c) };
}

/** Cuts text into sentences: after . ! or ? (and a closing quote), before white space and a capital or an opening quote. */
export function splitSentences(text: string): string[] {
  return text
    .split(/\n+/)
    .flatMap((line) => line.trim().split(/(?<=[.!?]"?)\s+(?=["A-Z])/))
    .filter((sentence) => sentence !== "");
}
