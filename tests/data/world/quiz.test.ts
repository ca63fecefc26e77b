/** Questions and answers: that the quiz is held out, that the scorer is strict, and that answers are sentences of the prose. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { makeWorld, parseSentence, quizChance, RELATIONS, worldChat, worldQuiz, type ChatExample } from "../../../src/data/world/index.ts";
import { ANSWER_PATTERN, answerText, QUESTIONS } from "../../../src/data/world/questions.ts";
import { VALUES } from "../../../src/data/world/vocabulary.ts";

const user = ({ messages }: ChatExample): string => messages[0]!.content;
const assistant = ({ messages }: ChatExample): string => messages[1]!.content;
const worlds = fc.record({
  seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  people: fc.integer({ min: 8, max: 80 }),
  relations: fc.shuffledSubarray([...RELATIONS], { minLength: 1 }),
});

describe("the tuning set", () => {
  test("shares no question with the quiz, and names nobody whom the quiz asks about", () => {
    fc.assert(
      fc.property(worlds, fc.integer({ min: 1, max: 4 }), (opts, wordings) => {
        const world = makeWorld(opts);
        const count = world.people.filter((p) => p.split === "held-out").length * opts.relations.length * wordings;
        const quiz = worldQuiz(world, { count, wordings });
        const chat = worldChat(world, { split: "tuned" });
        const questions = new Set(chat.map(user));
        expect(quiz.filter((item) => questions.has(item.prompt))).toEqual([]);
        const everything = chat.flatMap((e) => [user(e), assistant(e)]).join("\n");
        expect(quiz.filter((item) => everything.includes(item.person))).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  test("asks about every tuned fact in every wording, and about the held-out ones only in the other split", () => {
    const world = makeWorld({ seed: 7 });
    expect(worldChat(world, { split: "tuned", sums: false, smallTalk: 0 })).toHaveLength(24 * 5 * 4);
    expect(worldChat(world, { split: "tuned", sums: false, smallTalk: 0, wordings: 1 })).toHaveLength(24 * 5);
    expect(worldChat(world, { split: "tuned", sums: false, smallTalk: 0, limit: 20 })).toHaveLength(20);
    const heldOut = new Set(worldChat(world, { split: "held-out", sums: false }).map(user));
    expect(heldOut.size).toBe(24 * 5 * 4);
    expect(worldQuiz(world, { count: 480 }).filter((item) => !heldOut.has(item.prompt))).toEqual([]);
  });

  test("answers with what is true, in a sentence that the prose could say", () => {
    const world = makeWorld({ seed: 7, relations: [...RELATIONS] });
    for (const example of worldChat(world, { split: "tuned", sums: false, smallTalk: 0 })) {
      const parse = parseSentence(assistant(example));
      const claim = parse!.claims[0]!;
      const person = world.people.find((p) => p.name === claim.who)!;
      expect(user(example)).toContain(person.name);
      expect(person.facts[claim.relation]).toBe(claim.value);
    }
  });

  test("holds right sums, none of a held-out pair, and none at all when asked", () => {
    const world = makeWorld({ seed: 7 });
    const sums = (split: "tuned" | "held-out"): ChatExample[] => worldChat(world, { split }).filter((e) => parseSentence(assistant(e))?.kind === "sum");
    expect(sums("tuned")).toHaveLength(28 * 3);
    expect(sums("held-out")).toHaveLength(8 * 3);
    expect([...sums("tuned"), ...sums("held-out")].every((e) => parseSentence(assistant(e))!.sumHolds)).toBe(true);
    const tuned = new Set(sums("tuned").map(user));
    expect(sums("held-out").filter((e) => tuned.has(user(e)))).toEqual([]);
    expect(worldChat(world, { split: "tuned", sums: false }).some((e) => /\bmake\b/.test(assistant(e)))).toBe(false);
  });

  test("is turn by turn a user and an assistant, and every answer ends", () => {
    for (const { messages } of worldChat(makeWorld({ seed: 7 }), { split: "tuned" })) {
      expect(messages.map((m) => m.role)).toEqual(["user", "assistant"]);
      expect(messages[1]!.content).toMatch(/^[A-Z].*[.!?]$/);
    }
  });
});

describe("the quiz", () => {
  test("asks different questions about held-out people only, relations in turn, each fact before any twice", () => {
    fc.assert(
      fc.property(worlds, (opts) => {
        const world = makeWorld(opts);
        const people = world.people.filter((p) => p.split === "held-out");
        const count = Math.min(50, people.length * opts.relations.length * 4);
        const quiz = worldQuiz(world, { count });
        expect(new Set(quiz.map((i) => i.prompt)).size).toBe(count);
        const facts = new Set(quiz.map((i) => `${i.person}/${i.relation}`));
        expect(facts.size).toBe(Math.min(count, people.length * opts.relations.length));
        for (const item of quiz) {
          const person = people.find((p) => p.name === item.person)!;
          expect(person.facts[item.relation]).toBe(item.answer);
          expect(item.accept(item.sentence) && item.inForm(item.sentence)).toBe(true);
        }
      }),
      { numRuns: 40 },
    );
  });

  test("states the chance level, and a blind guesser stays near it", () => {
    const world = makeWorld({ seed: 12 });
    const quiz = worldQuiz(world, { count: 120 });
    expect(quizChance(quiz)).toBeCloseTo(1 / 12, 12);
    for (let n = 0; n < 12; n++) {
      const right = quiz.filter((i) => i.accept(answerText(i.relation, i.person, world.values[i.relation]![n]!))).length;
      expect(right).toBe(10);
    }
  });

  test("gives no value away in a question", () => {
    for (const relation of RELATIONS) {
      const leaks = QUESTIONS[relation].filter((q) => VALUES[relation].some((value) => new RegExp(`\\b${value}\\b`).test(q)));
      expect(leaks).toEqual([]);
    }
    expect(QUESTIONS.kin.filter((q) => q.includes("brother") !== q.includes("sister"))).toEqual([]);
  });

  const world = makeWorld({ seed: 12 });
  const item = worldQuiz(world).find((i) => i.relation === "animal")!;
  const wrong = world.values.animal!.find((v) => v !== item.answer)!;

  test("takes as right only the one value as a whole word", () => {
    expect(item.accept(`${item.person} keeps a ${item.answer}.`)).toBe(true);
    expect(item.accept(`It is the ${item.answer}, I think`)).toBe(true);
    expect(item.accept(`${item.person} keeps a ${wrong}.`)).toBe(false);
    for (const other of VALUES.animal.filter((v) => v !== item.answer)) {
      expect(item.accept(`${item.person} keeps a ${item.answer} and a ${other}.`), other).toBe(false);
      expect(item.accept(`${item.person} keeps a ${other} and a ${item.answer}.`), other).toBe(false);
    }
    expect(item.accept(`${item.person} keeps a x${item.answer}x.`)).toBe(false);
    const other = world.people.find(({ name }) => name !== item.person)!;
    expect(item.accept(`${other.name} keeps a ${item.answer}.`)).toBe(false);
    expect(item.accept("")).toBe(false);
    expect(item.accept(VALUES.animal.join(" "))).toBe(false);
  });

  test("takes as in form a finished sentence of the answer's form, whatever it says, and nothing else", () => {
    expect(item.inForm(`${item.person} keeps a ${wrong}.`)).toBe(true);
    expect(item.inForm(` ${item.sentence}\n`)).toBe(true);
    expect(item.inForm(`${item.person} keeps a ${item.answer}`)).toBe(false);
    expect(item.inForm(`${item.person} keeps a ${item.answer}. She is a baker.`)).toBe(false);
    expect(item.inForm(`${item.person.split(" ")[0]!} keeps a ${item.answer}.`)).toBe(false);
    expect(item.inForm(`${item.person} lives in Marlow.`)).toBe(false);
    expect(item.inForm("")).toBe(false);
    for (const relation of RELATIONS) {
      expect(parseSentence(answerText(relation, "Anna Bell", VALUES[relation][0]!))?.id).toBe(ANSWER_PATTERN[relation]);
    }
  });

  test("refuses to ask more than the world has, with both numbers", () => {
    expect(() => worldQuiz(makeWorld({ seed: 1, people: 4, relations: ["home"] }), { count: 9 })).toThrow(/\[CONFIG_RANGE\].*9.*8/);
  });
});
