/** The made world as data: who is in it, how evenly its values are dealt, and that one seed gives one world. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sha256Hex } from "../../../src/core/hash.ts";
import { makeWorld, RELATIONS, worldChat, worldProse, type Person, type World } from "../../../src/data/world/index.ts";
import { FIRST_NAMES, genderOf, KIN_NAMES, LAST_NAMES, VALUES } from "../../../src/data/world/vocabulary.ts";

const options = fc.record({
  seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  people: fc.integer({ min: 2, max: 90 }),
  values: fc.integer({ min: 2, max: 12 }),
  relations: fc.shuffledSubarray([...RELATIONS], { minLength: 1 }),
});

const bySplit = (world: World): Person[][] => (["tuned", "held-out"] as const).map((split) => world.people.filter((p) => p.split === split));

describe("a made world", () => {
  test("has people with different names, known genders and one of the relation's values for each fact", () => {
    fc.assert(
      fc.property(options, (opts) => {
        const world = makeWorld(opts);
        expect(world.people).toHaveLength(opts.people);
        expect(new Set(world.people.map((p) => p.name)).size).toBe(opts.people);
        for (const person of world.people) {
          expect(person.name).toBe(`${person.first} ${person.last}`);
          expect(genderOf(person.name)).toBe(person.gender);
          expect(Object.keys(person.facts).sort()).toEqual([...opts.relations].sort());
          for (const relation of opts.relations) expect(world.values[relation]).toContain(person.facts[relation]);
        }
      }),
      { numRuns: 40 },
    );
  });

  test("deals values so evenly, among tuned and held-out people alike, that no constant guess beats the rest by more than one", () => {
    fc.assert(
      fc.property(options, (opts) => {
        const world = makeWorld(opts);
        for (const people of bySplit(world)) {
          for (const relation of opts.relations) {
            const counts = world.values[relation]!.map((value) => people.filter((p) => p.facts[relation] === value).length);
            expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  test("has both kinds of people however few there are, and half of each by default", () => {
    expect(bySplit(makeWorld({ seed: 3, people: 2 })).map((p) => p.length)).toEqual([1, 1]);
    expect(bySplit(makeWorld({ seed: 3 })).map((p) => p.length)).toEqual([24, 24]);
    expect(bySplit(makeWorld({ seed: 3, people: 20, heldOut: 0.01 })).map((p) => p.length)).toEqual([19, 1]);
  });

  test("uses each first name once as long as there are enough of them", () => {
    const world = makeWorld({ seed: 11, people: 64 });
    expect(new Set(world.people.map((p) => p.first)).size).toBe(64);
  });

  test("holds a pair of numbers out in both orders, and only pairs that are not doubles and have no zero", () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 0, max: 6 }), (seed, heldOutSums) => {
        const { sums } = makeWorld({ seed, heldOutSums });
        const held = sums.filter((s) => s.split === "held-out");
        expect(sums).toHaveLength(36);
        expect(held).toHaveLength(2 * heldOutSums);
        for (const { a, b } of held) {
          expect(a).not.toBe(b);
          expect(Math.min(a, b)).toBeGreaterThan(0);
          expect(held.some((s) => s.a === b && s.b === a)).toBe(true);
        }
        expect(sums.every((s) => s.total === s.a + s.b)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test("refuses what it cannot make, naming the field, the number and the range", () => {
    expect(() => makeWorld({ seed: 1, people: 1 })).toThrow(/\[CONFIG_RANGE\].*"people" is 1.*from 2 to 256/);
    expect(() => makeWorld({ seed: 1, people: 257 })).toThrow(/"people" is 257/);
    expect(() => makeWorld({ seed: 1, people: 12.5 })).toThrow(/"people" is 12.5.*whole number/);
    expect(() => makeWorld({ seed: 1, values: 13 })).toThrow(/"values" is 13/);
    expect(() => makeWorld({ seed: 1, heldOut: 1 })).toThrow(/"heldOut" is 1/);
    expect(() => makeWorld({ seed: 1, relations: [] })).toThrow(/"relations"/);
    expect(() => makeWorld({ seed: 1, relations: ["home", "home"] })).toThrow(/at most once/);
    expect(() => worldProse(makeWorld({ seed: 1 }), { repeats: 0 })).toThrow(/"repeats" is 0/);
    expect(() => worldProse(makeWorld({ seed: 1 }), { repeats: Number.NaN })).toThrow(/"repeats" is NaN/);
    expect(() => worldChat(makeWorld({ seed: 1 }), { split: "tuned", wordings: 5 })).toThrow(/"wordings" is 5/);
  });

  test("can be made as large as it says it can", () => {
    expect(new Set(makeWorld({ seed: 1, people: 256 }).people.map((p) => p.name)).size).toBe(256);
  });
});

describe("the vocabulary", () => {
  test("gives every word one place, so that a word tells which relation it belongs to", () => {
    const all = [...FIRST_NAMES.f, ...FIRST_NAMES.m, ...LAST_NAMES, ...RELATIONS.flatMap((r) => VALUES[r])];
    expect(all.filter((word, i) => all.findIndex((other) => other.toLowerCase() === word.toLowerCase()) !== i)).toEqual([]);
  });

  test("has no value that wants 'an' and no name whose possessive is in doubt", () => {
    expect(RELATIONS.filter((r) => r !== "home" && r !== "kin").flatMap((r) => VALUES[r]).filter((v) => /^[aeiou]/.test(v))).toEqual([]);
    expect([...FIRST_NAMES.f, ...FIRST_NAMES.m, ...LAST_NAMES].filter((name) => name.endsWith("s"))).toEqual([]);
  });

  test("knows as many brothers as sisters", () => {
    expect(KIN_NAMES.f).toHaveLength(KIN_NAMES.m.length);
  });
});

describe("one seed", () => {
  const text = (seed: number): string => worldProse(makeWorld({ seed })).join("\n\n");

  // Made once on this code; a change here means that every world that was ever trained on is another one now.
  test("gives the prose that it has always given", () => {
    expect(sha256Hex(text(1))).toBe("8ef9a6c01451af4fd3f1e837297c1946ef4ce6ad58172b74ecf2c5add77b8137");
  });

  test("gives other people, other facts and other prose than another seed", () => {
    const [one, two] = [makeWorld({ seed: 1 }), makeWorld({ seed: 2 })];
    expect(one.people.map((p) => p.name)).not.toEqual(two.people.map((p) => p.name));
    expect(text(1)).not.toBe(text(2));
  });

  test("can tell the same facts in another order and other words", () => {
    const world = makeWorld({ seed: 1, people: 6 });
    const [one, two] = [1, 2].map((seed) => worldProse(world, { repeats: 4, seed }));
    expect(one).not.toEqual(two);
  });
});
