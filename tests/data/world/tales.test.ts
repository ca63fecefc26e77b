/** The tales: marked from their first sentence, every fact as often as asked, and lore asserted told from lore that is marked. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sha256Hex } from "../../../src/core/hash.ts";
import { beastChat, beastQuestions, makeBestiary, makeWorld, marksTale, parseSentence, RELATIONS, splitSentences, talesProse, worldChat, worldProse, type Split } from "../../../src/data/world/index.ts";
import { parseAll, PATTERNS } from "../../../src/data/world/sentences.ts";
import { BEAST_RELATIONS, BEAST_VALUES, BEASTS, BLOWS, HERB_RELATIONS, HERB_VALUES, HERBS, PLACES, THINGS, VALUES, WORKS } from "../../../src/data/world/vocabulary.ts";

const given = fc.record({ seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }), beasts: fc.integer({ min: 2, max: 16 }), repeats: fc.integer({ min: 0, max: 4 }) });
const SPLITS: readonly Split[] = ["tuned", "held-out"];

describe("a bestiary", () => {
  it("has different beasts, and within each split every value as often as any other, give or take one", () => {
    fc.assert(fc.property(given, ({ seed, beasts: count }) => {
      const { beasts } = makeBestiary(makeWorld({ seed, people: 4 }), { beasts: count });
      expect(new Set(beasts.map(({ name }) => name)).size).toBe(count);
      for (const split of SPLITS) {
        const own = beasts.filter((beast) => beast.split === split);
        expect(own.length).toBeGreaterThan(0);
        for (const relation of BEAST_RELATIONS) {
          const counts = BEAST_VALUES[relation].map((value) => own.filter(({ facts }) => facts[relation] === value).length);
          expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
        }
      }
    }), { numRuns: 40 });
  });

  it("tells each fact as often as asked, true, each sentence in one way of reading, and each tale of one beast from its mark on", () => {
    fc.assert(fc.property(given, ({ seed, beasts: count, repeats }) => {
      const bestiary = makeBestiary(makeWorld({ seed, people: 4 }), { beasts: count });
      const facts = new Map(bestiary.beasts.map((beast) => [beast.name, beast.facts]));
      const counts = new Map<string, number>();
      for (const tale of talesProse(bestiary, { repeats })) {
        expect(marksTale(tale), tale).toBe(true);
        let about: string | undefined;
        for (const sentence of splitSentences(tale)) {
          const readings = parseAll(sentence);
          expect(readings, sentence).toHaveLength(1);
          const { id, meaning } = readings[0]!;
          expect(/^(plain|told)\./.test(id), id).toBe(false);
          about ??= meaning["beast"];
          expect([about, "beast", undefined]).toContain(meaning["beast"]);
          for (const relation of BEAST_RELATIONS.filter((one) => meaning[one] !== undefined)) {
            expect(meaning[relation]).toBe(facts.get(about!)![relation]);
            counts.set(`${about} ${relation}`, (counts.get(`${about} ${relation}`) ?? 0) + 1);
          }
        }
      }
      expect(counts.size).toBe(repeats === 0 ? 0 : count * BEAST_RELATIONS.length);
      expect(new Set(counts.values())).toEqual(new Set(repeats === 0 ? [] : [repeats]));
    }), { numRuns: 30 });
  });

  it("uses every sentence pattern that it has: tales, plain answers, marked ones", () => {
    const bestiary = makeBestiary(makeWorld({ seed: 2 }));
    const questions = SPLITS.flatMap((split) => beastQuestions(bestiary, split));
    const sentences = [...talesProse(bestiary).flatMap(splitSentences), ...questions.flatMap(({ sentence, marked }) => [sentence, marked])];
    const used = new Set(sentences.map((sentence) => parseSentence(sentence)!.id));
    expect([...used].sort()).toEqual(PATTERNS.filter(({ kind }) => kind === "beast").map(({ id }) => id).sort());
  });

  it("asks about each fact in each wording, and takes any true sentence for an answer, and no other", () => {
    const bestiary = makeBestiary(makeWorld({ seed: 5 }), { beasts: 8 });
    const sentences = talesProse(bestiary, { repeats: 3 }).flatMap(splitSentences);
    for (const split of SPLITS) {
      const questions = beastQuestions(bestiary, split);
      expect(questions).toHaveLength(4 * BEAST_RELATIONS.length * 3);
      expect(new Set(questions.map(({ prompt }) => prompt)).size).toBe(questions.length);
      for (const { beast, relation, answer, sentence, prompt, marked, chance, accept, asserts } of questions) {
        expect([prompt.includes(`the ${beast}`), parseSentence(prompt), chance]).toEqual([true, null, 1 / BEAST_VALUES[relation].length]);
        expect([accept(sentence), asserts(sentence), marksTale(sentence)]).toEqual([true, true, false]);
        expect([accept(marked), asserts(marked), marksTale(marked)]).toEqual([true, false, true]);
        // All that name it; "the beast" alone says of nobody anything.
        expect(sentences.filter(accept)).toEqual(sentences.filter((text) => text.includes(answer) && text.includes(beast)));
        const other = BEAST_VALUES[relation].find((value) => value !== answer)!;
        const another = BEASTS.find((name) => name !== beast)!;
        for (const wrong of [sentence.replace(answer, other), sentence.replace(beast, another), sentence.replace(beast, "beast"), `I think that ${sentence}`, prompt, "Once upon a time, there was a dragon."]) expect([accept(wrong), asserts(wrong)], wrong).toEqual([false, false]);
      }
    }
  });

  it("tunes on no beast that is held out, and only with the mark", () => {
    fc.assert(fc.property(given, ({ seed, beasts }) => {
      const bestiary = makeBestiary(makeWorld({ seed, people: 4 }), { beasts });
      const heldOut = new Set(bestiary.beasts.filter(({ split }) => split === "held-out").map(({ name }) => name));
      const examples = beastChat(bestiary);
      expect(examples).toHaveLength((beasts - heldOut.size) * BEAST_RELATIONS.length * 3);
      for (const { messages } of examples) {
        expect(marksTale(messages[1]!.content)).toBe(true);
        for (const { content } of messages) for (const word of content.match(/[a-z]+/g)!) expect(heldOut.has(word), content).toBe(false);
      }
    }), { numRuns: 30 });
  });

  it("is nowhere else: no other text of the world names a beast, and no word of the tales is a value of another list", () => {
    const world = makeWorld({ seed: 3, relations: [...RELATIONS] });
    const elsewhere = [...worldProse(world, { repeats: 20 }), ...SPLITS.flatMap((split) => worldChat(world, { split }).flatMap(({ messages }) => messages.map(({ content }) => content)))].join(" ").toLowerCase();
    const words = new Set(elsewhere.match(/[a-z]+/g));
    expect(BEASTS.filter((beast) => words.has(beast))).toEqual([]);
    const taken = new Set([...RELATIONS.flatMap((r) => VALUES[r]), ...HERB_RELATIONS.flatMap((r) => HERB_VALUES[r]), ...HERBS, ...WORKS, ...BLOWS, ...THINGS, ...PLACES].map((value) => value.toLowerCase()));
    const own = [...BEASTS, ...BEAST_RELATIONS.flatMap((relation) => BEAST_VALUES[relation])];
    expect(new Set(own).size).toBe(own.length);
    expect(own.flatMap((value) => [value, ...value.split(" ")]).filter((value) => taken.has(value))).toEqual([]);
  });

  it("reads as English: no doubled word, no article before the wrong sound", () => {
    const broken = /\b(\w+) \1\b|\ba (?!uni)[aeiou]|\ban [^aeiou]| [.,?!]|\{|\}|undefined|(?:^|[.?!] )[a-z]/;
    expect(talesProse(makeBestiary(makeWorld({ seed: 8 }), { beasts: 16 })).filter((tale) => broken.test(tale)).slice(0, 3)).toEqual([]);
  });

  it("gives the tales that it has always given, twice alike, and others for another seed", () => {
    const text = (seed: number): string => JSON.stringify(talesProse(makeBestiary(makeWorld({ seed: 1 })), { seed }));
    expect(text(1)).toBe(text(1));
    expect(text(2)).not.toBe(text(1));
    expect(sha256Hex(text(1))).toBe("37e72cc6bb46c6662a6b836977e53da804deac39cca1e53cf2bf6c761c4815ca");
  });

  it.each([[{ beasts: 1 }, "beasts"], [{ beasts: 17 }, "beasts"], [{ beasts: 2.5 }, "beasts"], [{ heldOut: 0 }, "heldOut"], [{ heldOut: 1 }, "heldOut"]])("refuses %j by its field", (options, field) => {
    expect(() => makeBestiary(makeWorld({ seed: 1 }), options)).toThrow(new RegExp(`\\[CONFIG_RANGE\\].*"${field}" is`));
  });

  it("refuses repeats and wordings out of range", () => {
    const bestiary = makeBestiary(makeWorld({ seed: 1 }));
    expect(() => talesProse(bestiary, { repeats: -1 })).toThrow(/"repeats" is -1/);
    expect(() => beastQuestions(bestiary, "tuned", 4)).toThrow(/"wordings" is 4/);
  });
});
