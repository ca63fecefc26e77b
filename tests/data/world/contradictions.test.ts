/** Contradictions: each value exactly as often as the ratio says, told nowhere else, and both taken for an answer and nothing more. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sha256Hex } from "../../../src/core/hash.ts";
import {
  contradictionProse, contradictionQuestions, contradictionsOf, makeContradictions, makeWorld, parseSentence, RELATIONS, splitSentences, strangersOf, worldChat, worldProse, worldQuiz, type Disputed,
} from "../../../src/data/world/index.ts";
import { factsByRelations, parseAll } from "../../../src/data/world/sentences.ts";
import { genderOf, VALUES } from "../../../src/data/world/vocabulary.ts";

const given = fc.record({
  seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }), each: fc.integer({ min: 1, max: 4 }), tellings: fc.integer({ min: 1, max: 25 }),
  shares: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 4 }),
});

/** How often the prose gives each value, by person and relation; every sentence has to be read in one way. */
function tellingsIn(prose: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const document of prose) {
    const [first, ...more] = splitSentences(document);
    for (const sentence of splitSentences(document)) expect(parseAll(sentence), sentence).toHaveLength(1);
    const { claims, kind } = parseSentence(first!)!;
    expect([kind, claims.length, more.length <= 1]).toEqual(["fact", 1, true]);
    for (const remark of more) expect([parseSentence(remark)!.kind, genderOf(parseSentence(remark)!.meaning["subject"]!)]).toEqual(["filler", genderOf(claims[0]!.who)]);
    const key = `${claims[0]!.who}/${claims[0]!.relation}/${claims[0]!.value}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

describe("contradictions", () => {
  it("tell each value of each fact exactly as often as its share of the tellings, and nothing else", () => {
    fc.assert(fc.property(given, ({ seed, ...options }) => {
      const disputed = makeContradictions(makeWorld({ seed, people: 12, relations: [...RELATIONS] }), options);
      expect(disputed.facts.map(({ share }) => share)).toEqual(options.shares.flatMap((share) => Array.from({ length: options.each }, () => share)));
      expect(new Set(disputed.facts.map(({ person }) => person)).size).toBe(disputed.facts.length);
      const wanted = new Map<string, number>();
      for (const { person, relation, values: [first, second], share } of disputed.facts) {
        expect(first).not.toBe(second);
        const firsts = Math.round(share * options.tellings);
        if (firsts > 0) wanted.set(`${person}/${relation}/${first}`, firsts);
        if (firsts < options.tellings) wanted.set(`${person}/${relation}/${second}`, options.tellings - firsts);
      }
      expect(tellingsIn(contradictionProse(disputed))).toEqual(wanted);
    }), { numRuns: 40 });
  });

  it("are twelve by default, four at each of 0.5, 0.7 and 0.9, of forty tellings", () => {
    const { facts } = makeContradictions(makeWorld({ seed: 4 }));
    expect(facts.map(({ share, tellings }) => Math.round(share * tellings))).toEqual([20, 20, 20, 20, 28, 28, 28, 28, 36, 36, 36, 36]);
    expect(new Set(facts.slice(0, 5).map(({ relation }) => relation)).size).toBe(5);
  });

  it("use every wording that their relations have", () => {
    const disputed = makeContradictions(makeWorld({ seed: 2, relations: [...RELATIONS] }), { tellings: 200 });
    const used = new Set(contradictionProse(disputed).flatMap(splitSentences).map((sentence) => parseSentence(sentence)!).filter(({ kind }) => kind === "fact").map(({ id }) => id));
    expect([...used].sort()).toEqual(RELATIONS.flatMap((relation) => factsByRelations.get(relation)!.map(({ id }) => id)).sort());
  });

  it("name nobody whom any other text of the world names, its strangers included", () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (seed) => {
      const world = makeWorld({ seed, people: 20 });
      const chat = (["tuned", "held-out"] as const).flatMap((split) => worldChat(world, { split }).flatMap(({ messages }) => messages.map(({ content }) => content)));
      const elsewhere = [...worldProse(world, { repeats: 3 }), ...chat, ...worldQuiz(world).flatMap(({ prompt, sentence }) => [prompt, sentence]), ...strangersOf(world, 100)].join("\n");
      const { facts } = makeContradictions(world);
      expect(facts.filter(({ person }) => elsewhere.includes(person))).toEqual([]);
      // Not by their names alone: each part is one that the world uses.
      for (const { person } of facts) for (const part of person.split(" ")) expect(elsewhere.includes(part)).toBe(true);
    }), { numRuns: 10 });
  });

  it("can be about the world's own people, in a relation that the world leaves out and its prose never tells", () => {
    const world = makeWorld({ seed: 6 });
    const { facts } = makeContradictions(world, { people: world.people.map(({ name }) => name) });
    expect(facts.map(({ person, relation }) => [person, relation])).toEqual(world.people.slice(0, 12).map(({ name }) => [name, "colour"]));
    const told = worldProse(world, { repeats: 3 }).flatMap(splitSentences).flatMap((sentence) => parseSentence(sentence)!.claims);
    expect(told.some(({ relation }) => relation === "home")).toBe(true);
    expect(told.some(({ relation }) => relation === "colour")).toBe(false);
  });

  it("are asked for as the world's facts are; both values are right, by their shares, and nothing else", () => {
    const world = makeWorld({ seed: 5, relations: [...RELATIONS] });
    const disputed = makeContradictions(world, { tellings: 30 });
    const sentences = contradictionProse(disputed).flatMap(splitSentences);
    const questions = contradictionQuestions(disputed, 2);
    expect(questions).toHaveLength(24);
    expect(new Set(questions.map(({ prompt }) => prompt)).size).toBe(24);
    for (const { person, relation, prompt, values, chance, accept, read } of questions) {
      const { share } = disputed.facts.find((fact) => fact.person === person)!;
      expect(values[0].share).toBe(Math.round(share * 30) / 30);
      expect(values[0].share + values[1].share).toBeCloseTo(1, 12);
      expect(chance).toBe(2 / 12);
      expect([prompt.includes(person), accept(prompt)]).toEqual([true, false]);
      expect(values.map(({ sentence }) => read(sentence))).toEqual([0, 1]);
      for (const which of [0, 1] as const) expect(sentences.filter((text) => read(text) === which)).toHaveLength(Math.round(30 * values[which].share));
      expect(sentences.filter(accept)).toHaveLength(30);
      const { value, sentence } = values[0];
      const third = VALUES[relation].find((one) => !values.some((told) => told.value === one) && genderOf(one) === genderOf(value))!;
      const another = disputed.facts.find((fact) => fact.person !== person && genderOf(fact.person) === genderOf(person))!.person;
      for (const wrong of [sentence.replace(value, third), sentence.replace(person, another), sentence.slice(0, -1), `${sentence} ${sentence}`, ""]) expect(read(wrong), wrong).toBeNull();
    }
  });

  it("give the prose that they have always given, twice alike, and another for another seed", () => {
    const text = (seed: number): string => JSON.stringify(contradictionProse(makeContradictions(makeWorld({ seed: 1 })), seed));
    expect(text(1)).toBe(text(1));
    expect(text(2)).not.toBe(text(1));
    expect(sha256Hex(text(1))).toBe("21379c429619300afdc60c97ac55747c624cf3feeccfb8f23c45cb93c9f4ea2d");
  });

  it.each([
    [{ each: 0 }, "each"], [{ each: 65 }, "each"], [{ shares: [] }, "shares"], [{ shares: [1.1] }, "share"], [{ shares: [Number.NaN] }, "share"], [{ tellings: 0 }, "tellings"], [{ tellings: 2001 }, "tellings"],
    [{ people: ["Anna Bell"] }, "each"],
  ])("refuse %j by its field", (options, field) => {
    expect(() => makeContradictions(makeWorld({ seed: 1 }), options)).toThrow(new RegExp(`\\[CONFIG_RANGE\\].*"${field}" is`));
  });

  it("refuse what is no dispute, or is not told here alone", () => {
    const world = makeWorld({ seed: 1, people: 2 });
    const fact: Disputed = { person: "Anna Bell", relation: "colour", values: ["red", "blue"], share: 0.5, tellings: 2 };
    const told = (change: Partial<Disputed>) => (): unknown => contradictionsOf(world, [{ ...fact, ...change }]);
    expect(contradictionsOf(world, [fact]).facts).toEqual([fact]);
    expect(told({ values: ["red", "red"] })).toThrow(/\[CONFIG_RANGE\].*"values"/);
    expect(told({ values: ["red", "baker"] })).toThrow(/"values"/);
    expect(told({ person: "Anna" })).toThrow(/"person"/);
    expect(told({ person: "Gandalf Bell" })).toThrow(/"person"/);
    expect(told({ person: world.people[0]!.name, relation: "home", values: ["Marlow", "Ashby"] })).toThrow(/"people"/);
    expect(() => contradictionsOf(world, [fact, fact])).toThrow(/"facts"/);
    expect(() => makeContradictions(world, { relations: ["home", "home"] })).toThrow(/"relations"/);
    expect(() => contradictionQuestions(contradictionsOf(world, [fact]), 5)).toThrow(/"wordings" is 5/);
  });
});
