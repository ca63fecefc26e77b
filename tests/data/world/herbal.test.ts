/** The herbal: every fact as often as asked, held-out herbs in no tuning set, and questions whose answers parse. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sha256Hex } from "../../../src/core/hash.ts";
import { herbalChat, herbalProse, herbQuestions, makeHerbal, makeWorld, parseSentence, splitSentences, type Split } from "../../../src/data/world/index.ts";
import { parseAll, PATTERNS } from "../../../src/data/world/sentences.ts";
import { HERB_RELATIONS, HERB_VALUES } from "../../../src/data/world/vocabulary.ts";

const given = fc.record({ seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }), herbs: fc.integer({ min: 2, max: 30 }), repeats: fc.integer({ min: 0, max: 4 }), names: fc.integer({ min: 0, max: 3 }) });
const SPLITS: readonly Split[] = ["tuned", "held-out"];

describe("a herbal", () => {
  it("has different herbs, and within each split every value as often as any other, give or take one", () => {
    fc.assert(fc.property(given, ({ seed, herbs }) => {
      const herbal = makeHerbal(makeWorld({ seed, people: 4 }), { herbs });
      expect(new Set(herbal.herbs.map(({ name }) => name)).size).toBe(herbs);
      for (const split of SPLITS) {
        const own = herbal.herbs.filter((herb) => herb.split === split);
        expect(own.length).toBeGreaterThan(0);
        for (const relation of HERB_RELATIONS) {
          const counts = HERB_VALUES[relation].map((value) => own.filter(({ facts }) => facts[relation] === value).length);
          expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
        }
      }
      expect(makeHerbal(makeWorld({ seed, people: 4 }), { herbs }).herbs).toEqual(herbal.herbs);
    }), { numRuns: 40 });
  });

  it("tells each fact as often as asked, true, in one way of reading; names alone say nothing", () => {
    fc.assert(fc.property(given, ({ seed, herbs, repeats, names }) => {
      const herbal = makeHerbal(makeWorld({ seed, people: 4 }), { herbs });
      const facts = new Map(herbal.herbs.map((herb) => [herb.name, herb.facts]));
      const counts = new Map<string, number>();
      let named = 0;
      for (const sentence of herbalProse(herbal, { repeats, names }).flatMap(splitSentences)) {
        const readings = parseAll(sentence);
        expect(readings, sentence).toHaveLength(1);
        const { herb, ...said } = readings[0]!.meaning;
        const told = HERB_RELATIONS.filter((relation) => said[relation] !== undefined);
        if (told.length === 0) named++;
        for (const relation of told) {
          expect(said[relation]).toBe(facts.get(herb!)![relation]);
          counts.set(`${herb} ${relation}`, (counts.get(`${herb} ${relation}`) ?? 0) + 1);
        }
      }
      expect(named).toBe(names * herbs);
      expect(counts.size).toBe(repeats === 0 ? 0 : herbs * HERB_RELATIONS.length);
      expect(new Set(counts.values())).toEqual(new Set(repeats === 0 ? [] : [repeats]));
    }), { numRuns: 30 });
  });

  it("uses every sentence pattern that it has", () => {
    const prose = herbalProse(makeHerbal(makeWorld({ seed: 2 })), { names: 10 }).flatMap(splitSentences);
    const used = new Set(prose.map((sentence) => parseSentence(sentence)!.id));
    expect([...used].sort()).toEqual(PATTERNS.filter(({ kind }) => kind === "herb").map(({ id }) => id).sort());
  });

  it("asks about each fact in each wording, and takes any true sentence for an answer, and no other", () => {
    const herbal = makeHerbal(makeWorld({ seed: 5 }));
    const sentences = herbalProse(herbal, { repeats: 2, names: 1 }).flatMap(splitSentences);
    for (const split of SPLITS) {
      const questions = herbQuestions(herbal, split);
      expect(questions).toHaveLength(10 * HERB_RELATIONS.length * 3);
      expect(new Set(questions.map(({ prompt }) => prompt)).size).toBe(questions.length);
      for (const { herb, relation, answer, sentence, chance, accept } of questions) {
        expect(accept(sentence)).toBe(true);
        expect(chance).toBe(1 / HERB_VALUES[relation].length);
        const right = sentences.filter(accept);
        expect(right).toHaveLength(2);
        for (const text of right) expect([text.toLowerCase().includes(herb), text.includes(answer)]).toEqual([true, true]);
        const other = HERB_VALUES[relation].find((value) => value !== answer)!;
        expect(accept(sentence.replace(answer, other))).toBe(false);
        expect(accept(`I think that ${sentence}`)).toBe(false);
      }
    }
  });

  it("tunes on no herb that is held out", () => {
    fc.assert(fc.property(given, ({ seed, herbs }) => {
      const herbal = makeHerbal(makeWorld({ seed, people: 4 }), { herbs });
      const heldOut = new Set(herbal.herbs.filter(({ split }) => split === "held-out").map(({ name }) => name));
      const examples = herbalChat(herbal);
      expect(examples).toHaveLength((herbs - heldOut.size) * HERB_RELATIONS.length * 3);
      for (const { messages } of examples) for (const { content } of messages) for (const word of content.toLowerCase().match(/[a-z]+/g)!) expect(heldOut.has(word), content).toBe(false);
    }), { numRuns: 30 });
  });

  it("gives the facts, prose, questions and conversations that it has always given", () => {
    const herbal = makeHerbal(makeWorld({ seed: 1 }));
    const questions = herbQuestions(herbal, "held-out").map(({ herb, relation, prompt, answer, sentence, chance }) => ({ herb, relation, prompt, answer, chance, sentence }));
    expect(sha256Hex(JSON.stringify([herbal.herbs, herbalProse(herbal, { names: 3 }), questions, herbalChat(herbal)]))).toBe("a8612f0b87ea1beb27288332d4f873925c732fbe20bff0737a1f871c2343dd95");
  });

  it.each([[{ herbs: 1 }, "herbs"], [{ herbs: 31 }, "herbs"], [{ heldOut: 1 }, "heldOut"]])("refuses %j by its field", (options, field) => {
    expect(() => makeHerbal(makeWorld({ seed: 1 }), options)).toThrow(new RegExp(`"${field}" is`));
  });
});
