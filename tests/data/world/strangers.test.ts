/** Strangers: known by parts, unknown as a whole, in no prose and no tuning set. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sha256Hex } from "../../../src/core/hash.ts";
import { makeWorld, strangerQuestions, strangersOf, worldChat, worldProse } from "../../../src/data/world/index.ts";

describe("a stranger", () => {
  it("bears a first and a last name of the world, together nobody's, and stands in no text of it", () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.integer({ min: 8, max: 40 }), (seed, people) => {
      const world = makeWorld({ seed, people });
      const strangers = strangersOf(world, 3);
      expect(new Set(strangers).size).toBe(3);
      const texts = [...worldProse(world, { repeats: 2 }), ...(["tuned", "held-out"] as const).flatMap((split) => worldChat(world, { split }).flatMap(({ messages }) => messages.map(({ content }) => content)))].join("\n");
      for (const name of strangers) {
        const [first, last] = name.split(" ");
        expect(world.people.some((person) => person.first === first)).toBe(true);
        expect(world.people.some((person) => person.last === last)).toBe(true);
        expect(texts.includes(name), name).toBe(false);
      }
      expect(strangersOf(world, 3)).toEqual(strangers);
    }), { numRuns: 15 });
  });

  it("is asked about as the world's people are", () => {
    const world = makeWorld({ seed: 5 });
    const questions = strangerQuestions(world, 20, 2);
    expect(questions).toHaveLength(20 * world.relations.length * 2);
    expect(new Set(questions.map(({ prompt }) => prompt)).size).toBe(questions.length);
    for (const { name, prompt, values } of questions) expect([prompt.includes(name), values.length]).toEqual([true, 12]);
  });

  it("is called as it always was", () => {
    expect(sha256Hex(JSON.stringify(strangersOf(makeWorld({ seed: 1 }), 50)))).toBe("9d57efffee71c3777194349fd7806a444b51dd0f4cf5df557e94be554364ca86");
  });

  it("is refused in larger numbers than the names make", () => {
    const world = makeWorld({ seed: 1, people: 2 });
    expect(() => strangersOf(world, 100)).toThrow(/"strangers" is 100/);
    expect(() => strangersOf(world, 0)).toThrow(/"strangers" is 0/);
  });
});
