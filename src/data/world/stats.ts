/** Counts over what the world actually told, found by reading its prose back with the parser, not by asking the writer. */
import type { ChatExample } from "../chat.ts";
import { splitSentences } from "./grammar.ts";
import { parseSentence, PATTERNS } from "./sentences.ts";
import type { Relation } from "./vocabulary.ts";
import type { World } from "./world.ts";

export interface ParaphraseCount {
  readonly id: string;
  readonly text: string;
  readonly count: number;
  /** Of all sentences. */
  readonly share: number;
}

export interface FactCount {
  readonly person: string;
  readonly relation: Relation;
  readonly value: string;
  readonly tellings: number;
}

export interface WorldStats {
  readonly documents: number;
  readonly sentences: number;
  readonly words: number;
  readonly characters: number;
  /** Sentences that the grammar reads. */
  readonly parsed: number;
  /** Every pattern that was used, most frequent first. */
  readonly paraphrases: readonly ParaphraseCount[];
  /** Every fact of the world with how often it was told; 0 where the prose never tells it. */
  readonly facts: readonly FactCount[];
  /** Tellings that contradict the world. */
  readonly untrue: number;
  /** Sentences that tell a whole sum, and those of them that are right. */
  readonly sums: { readonly told: number; readonly right: number };
  readonly chat: { readonly examples: number; readonly words: number; readonly questions: number };
}

const wordCount = (text: string): number => text.match(/[A-Za-z']+/g)?.length ?? 0;

export function worldStats(world: World, prose: readonly string[], chat: readonly ChatExample[] = []): WorldStats {
  const names = new Map(world.people.map((person) => [person.name, person]));
  const used = new Map<string, number>();
  const told = new Map<string, number>();
  const key = (person: string, relation: Relation): string => `${person}/${relation}`;
  const totals = { sentences: 0, parsed: 0, untrue: 0, words: 0, characters: 0 };
  const sums = { told: 0, right: 0 };

  for (const document of prose) {
    totals.words += wordCount(document);
    totals.characters += document.length;
    // A first name or a pronoun means whoever the document last named in full.
    let named: string | undefined;
    for (const sentence of splitSentences(document)) {
      totals.sentences++;
      const parse = parseSentence(sentence);
      if (!parse) continue;
      totals.parsed++;
      used.set(parse.id, (used.get(parse.id) ?? 0) + 1);
      if (names.has(parse.meaning["subject"] ?? "")) named = parse.meaning["subject"];
      for (const { who, relation, value } of parse.claims) {
        const person = names.get(who) ?? names.get(named ?? "");
        if (!person || (person.name !== who && person.first !== who && (who === "she") !== (person.gender === "f"))) totals.untrue++;
        else if (person.facts[relation] !== value) totals.untrue++;
        else told.set(key(person.name, relation), (told.get(key(person.name, relation)) ?? 0) + 1);
      }
      if (parse.sumHolds !== undefined) sums.told++;
      if (parse.sumHolds === true) sums.right++;
    }
  }

  return {
    documents: prose.length,
    ...totals,
    paraphrases: PATTERNS.filter((p) => used.has(p.id))
      .map((p) => ({ id: p.id, text: p.text, count: used.get(p.id)!, share: used.get(p.id)! / totals.sentences }))
      .sort((x, y) => y.count - x.count),
    facts: world.people.flatMap((person) =>
      world.relations.map((relation) => ({
        person: person.name,
        relation,
        value: person.facts[relation]!,
        tellings: told.get(key(person.name, relation)) ?? 0,
      })),
    ),
    sums,
    chat: {
      examples: chat.length,
      words: chat.reduce((sum, { messages }) => sum + messages.reduce((n, { content }) => n + wordCount(content), 0), 0),
      questions: new Set(chat.map(({ messages }) => messages[0]?.content)).size,
    },
  };
}
