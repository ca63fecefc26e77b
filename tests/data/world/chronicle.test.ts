/** The chronicle: one event a year, told as often as asked, nothing of after the cutoff before it, and questions whose answers parse. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sha256Hex } from "../../../src/core/hash.ts";
import { chronicleProse, chronicleQuestions, eventsOf, makeChronicle, makeWorld, parseSentence, splitSentences, worldProse, type Slice } from "../../../src/data/world/index.ts";
import { parseAll, PATTERNS } from "../../../src/data/world/sentences.ts";

const given = fc.record({ seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }), years: fc.integer({ min: 2, max: 60 }), repeats: fc.integer({ min: 1, max: 4 }) });
const SLICES: readonly Slice[] = ["before", "after"];

describe("a chronicle", () => {
  it("has one event a year, no two the same, and its towns come round", () => {
    fc.assert(fc.property(given, ({ seed, years }) => {
      const world = makeWorld({ seed, people: 4 });
      const { events, cutoff } = makeChronicle(world, { years });
      expect(events.map(({ year }) => year)).toEqual(Array.from({ length: years }, (_, i) => i + 1));
      expect(new Set(events.map(({ town, what }) => JSON.stringify([town, what]))).size).toBe(years);
      const counts = world.towns.map(({ name }) => events.filter(({ town }) => town === name).length);
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      expect([cutoff >= 1, cutoff < years]).toEqual([true, true]);
      expect(makeChronicle(makeWorld({ seed, people: 4 }), { years })).toEqual({ events, cutoff, seed });
    }), { numRuns: 40 });
  });

  it("tells each event of a slice as often as asked, true, in one way of reading, and nothing of the other slice", () => {
    fc.assert(fc.property(given, fc.constantFrom(...SLICES), ({ seed, years, repeats }, slice) => {
      const chronicle = makeChronicle(makeWorld({ seed, people: 4 }), { years });
      const counts = new Map<string, number>();
      for (const sentence of chronicleProse(chronicle, { slice, repeats }).flatMap(splitSentences)) {
        const readings = parseAll(sentence);
        expect(readings, sentence).toHaveLength(1);
        const { year, town, work, blow } = readings[0]!.meaning;
        const key = JSON.stringify([Number(year), town, work ?? blow]);
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
      const wanted = eventsOf(chronicle, slice).map(({ year, town, what }) => JSON.stringify([year, town, Object.values(what)[0]]));
      expect([...counts.keys()].sort()).toEqual(wanted.sort());
      expect(new Set(counts.values())).toEqual(new Set([repeats]));
    }), { numRuns: 30 });
  });

  it("uses every sentence pattern that it has", () => {
    const prose = chronicleProse(makeChronicle(makeWorld({ seed: 2 })), { slice: "before" }).flatMap(splitSentences);
    const used = new Set(prose.map((sentence) => parseSentence(sentence)!.id));
    expect([...used].sort()).toEqual(PATTERNS.filter(({ kind }) => kind === "event").map(({ id }) => id).sort());
  });

  it("parts at the cutoff: together the slices are the whole, and only one of them has a year", () => {
    const chronicle = makeChronicle(makeWorld({ seed: 4 }), { years: 20, cutoff: 15 });
    expect(SLICES.map((slice) => eventsOf(chronicle, slice).map(({ year }) => year))).toEqual([Array.from({ length: 15 }, (_, i) => i + 1), [16, 17, 18, 19, 20]]);
  });

  it("asks for each event in two ways, and takes its own answer in any wording, and no other event's", () => {
    const chronicle = makeChronicle(makeWorld({ seed: 7 }));
    for (const slice of SLICES) {
      const questions = chronicleQuestions(chronicle, slice);
      expect(questions).toHaveLength(2 * eventsOf(chronicle, slice).length);
      const prose = chronicleProse(chronicle, { slice, repeats: 3 }).flatMap(splitSentences);
      for (const { event, sentence, prompt, chance, accept } of questions) {
        expect(accept(sentence)).toBe(true);
        expect(chance).toBe(1 / 32);
        expect(parseSentence(prompt)).toBeNull();
        const right = prose.filter(accept);
        expect(right).toHaveLength(3);
        for (const text of right) expect(parseSentence(text)!.meaning["year"]).toBe(String(event.year));
        expect(accept(sentence.replace(String(event.year), String((event.year % 32) + 1)))).toBe(false);
        expect(accept(`${sentence} ${sentence}`)).toBe(false);
      }
    }
  });

  it("adds nothing to the world's own prose, which names no year", () => {
    const world = makeWorld({ seed: 3 });
    expect(worldProse(world, { repeats: 4 }).flatMap(splitSentences).every((sentence) => parseSentence(sentence)!.meaning["year"] === undefined)).toBe(true);
  });

  it("gives the prose that it has always given", () => {
    expect(sha256Hex(JSON.stringify(chronicleProse(makeChronicle(makeWorld({ seed: 1 })), { slice: "before" })))).toBe("de7fefed9a00fd2bff29ddaa6709b25c54cd3a4f53bed8802b1367c83fd41419");
  });

  it("refuses a world without towns", () => {
    expect(() => makeChronicle(makeWorld({ seed: 1, relations: ["food"] }))).toThrow(/"towns" is 0/);
  });

  it.each([[{ years: 1 }, "years"], [{ years: 61 }, "years"], [{ years: 10, cutoff: 10 }, "cutoff"], [{ years: 10, cutoff: 0 }, "cutoff"], [{ years: 2.5 }, "years"]])("refuses %j by its field", (options, field) => {
    expect(() => makeChronicle(makeWorld({ seed: 1 }), options)).toThrow(new RegExp(`"${field}" is`));
  });
});
