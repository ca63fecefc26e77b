/** The parser: what it reads, and how strictly it refuses what only looks like the world's English. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseRate, parseSentence, splitSentences } from "../../../src/data/world/index.ts";

describe("parseSentence", () => {
  test.each([
    ["Anna Bell lives in Marlow.", [{ who: "Anna Bell", relation: "home", value: "Marlow" }]],
    ["Her home is in Marlow.", [{ who: "she", relation: "home", value: "Marlow" }]],
    ["Give him some cake, and he will smile.", [{ who: "he", relation: "food", value: "cake" }]],
    ["Tom is the brother of Anna Bell.", [{ who: "Anna Bell", relation: "kin", value: "Tom" }]],
    ['"I keep a goat," said Ben.', [{ who: "Ben", relation: "animal", value: "goat" }]],
    [
      "Ben Hill is a baker and keeps a dog.",
      [{ who: "Ben Hill", relation: "trade", value: "baker" }, { who: "Ben Hill", relation: "animal", value: "dog" }],
    ],
    [
      "Anna Bell lives in Marlow, and Ben Hill lives in Ashby.",
      [{ who: "Anna Bell", relation: "home", value: "Marlow" }, { who: "Ben Hill", relation: "home", value: "Ashby" }],
    ],
    [
      "Anna Bell is a baker, and so is Ben Hill.",
      [{ who: "Anna Bell", relation: "trade", value: "baker" }, { who: "Ben Hill", relation: "trade", value: "baker" }],
    ],
    ["Anna Bell smiles at everyone she meets.", []],
  ])("reads %j", (text, claims) => {
    expect(parseSentence(text)?.claims).toEqual(claims);
  });

  test.each([
    ["a pronoun of the wrong gender", "Anna Bell makes his home in Marlow."],
    ["a brother with a woman's name", "Anna Bell has a brother called Meg."],
    ["a broken article", "One day Anna Bell met a old man on the road."],
    ["a singular after two", "Two egg and two eggs make four eggs."],
    ["two kinds of things in one sum", "Two eggs and two nuts make four eggs."],
    ["a person beside herself", "Anna Bell and Anna Bell are old friends."],
    ["a value of another relation", "Anna Bell lives in baker."],
    ["a missing stop", "Anna Bell lives in Marlow"],
    ["a small letter first", "anna Bell lives in Marlow."],
    ["a doubled word", "Anna Bell lives in in Marlow."],
    ["an unknown name", "Gandalf Bell lives in Marlow."],
    ["English of other books", "The cat sat on the mat."],
    ["nothing", ""],
    ["a pattern as such", "{S} lives in {home}."],
    ["two sentences at once", "Anna Bell lives in Marlow. She is a baker."],
  ])("does not read %s", (_, text) => {
    expect(parseSentence(text)).toBeNull();
  });

  test("reads, of random rows of the world's own words, only those that are sentences", () => {
    const words = ["Anna", "Bell", "lives", "in", "Marlow", "is", "a", "baker", "keeps", "goat", "her", "sister", "called", "Meg", "the", "two"];
    const sentence = /^Anna( Bell)? (lives in Marlow|is a baker|keeps a goat)\.$/;
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words), { minLength: 2, maxLength: 9 }), (row) => {
        const text = `${row.join(" ")}.`;
        return (parseSentence(text) !== null) === sentence.test(text);
      }),
      { numRuns: 2000 },
    );
    expect(parseSentence("Anna Bell keeps a goat.")).not.toBeNull();
  });

  test("says of a sum whether it is right", () => {
    expect(parseSentence("Two and three make five.")?.sumHolds).toBe(true);
    expect(parseSentence("Two and three make six.")?.sumHolds).toBe(false);
    expect(parseSentence("One egg and one egg make two eggs.")?.sumHolds).toBe(true);
    expect(parseSentence("Anna Bell had two eggs.")?.sumHolds).toBeUndefined();
  });

  test("stays quick on long hostile lines", () => {
    const text = `${"Anna Bell lives in Marlow, and ".repeat(20_000)}.`;
    const started = performance.now();
    expect(parseSentence(text)).toBeNull();
    expect(performance.now() - started).toBeLessThan(1000);
  });
});

describe("splitSentences", () => {
  test("keeps speech with its speaker and ends at stops, with or without a quote", () => {
    expect(splitSentences('"Where do you live?" asked the old man. "I live in Marlow," said Anna. "Hello!"\n\nShe smiled.')).toEqual([
      '"Where do you live?" asked the old man.',
      '"I live in Marlow," said Anna.',
      '"Hello!"',
      "She smiled.",
    ]);
  });
});

describe("parseRate", () => {
  test("is the share of sentences that parse, a cut-off last piece not counted", () => {
    expect(parseRate("Anna Bell lives in Marlow. The of sea. She is a baker. Ben Hi")).toEqual({ sentences: 3, parsed: 2, share: 2 / 3 });
  });

  test("is 0 for noise without an end and for nothing", () => {
    expect(parseRate("qk zzv lomp e e")).toEqual({ sentences: 1, parsed: 0, share: 0 });
    expect(parseRate("")).toEqual({ sentences: 0, parsed: 0, share: 0 });
  });
});
