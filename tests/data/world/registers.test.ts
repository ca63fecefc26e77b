/** Registers: what is said is read back from every frame, markers belong to one register, and nothing is taken for one that is not. */
import { describe, expect, it } from "vitest";
import { makeWorld, parseSentence, RELATIONS, splitSentences, worldChat, worldProse } from "../../../src/data/world/index.ts";
import { valuesIn } from "../../../src/data/world/questions.ts";
import { inRegister, MARKERS, markersPerSentence, readRegister, REGISTERS, toned } from "../../../src/data/world/registers.ts";

const world = makeWorld({ seed: 3, people: 12 });
const sentences = worldProse(world, { repeats: 2 }).flatMap(splitSentences);

describe("a register", () => {
  it("is read back with its sentence, whatever the sentence and the frame", () => {
    for (const register of REGISTERS) {
      for (const [nth, sentence] of sentences.entries()) expect(readRegister(inRegister(register, sentence, nth))).toEqual({ register, sentence });
    }
  });

  it("is told from the others: no word of the world or of another register is a marker of it", () => {
    const { court, sea } = MARKERS;
    expect(court.filter((word) => sea.includes(word))).toEqual([]);
    const plain = sentences.join(" ").toLowerCase();
    for (const word of [...court, ...sea]) expect(new RegExp(`\\b${word}\\b`).test(plain), word).toBe(false);
    for (const nth of [0, 1, 2, 3]) {
      expect(markersPerSentence("court", inRegister("court", sentences[0]!, nth))).toBeGreaterThan(0);
      expect(markersPerSentence("sea", inRegister("sea", sentences[0]!, nth))).toBeGreaterThan(0);
      expect(markersPerSentence("sea", inRegister("court", sentences[0]!, nth))).toBe(0);
      expect(markersPerSentence("court", inRegister("sea", sentences[0]!, nth))).toBe(0);
    }
    expect(markersPerSentence("court", plain)).toBe(0);
    expect(markersPerSentence("sea", "")).toBe(0);
  });

  it("puts no value of the world around a sentence, which would be taken for an answer", () => {
    for (const register of REGISTERS) for (const nth of [0, 1, 2, 3]) for (const relation of RELATIONS) expect(valuesIn(relation, inRegister(register, "", nth))).toEqual([]);
  });

  it("is none where a frame stands alone, or half of one, or what is plain is no sentence of the world", () => {
    for (const text of ["", "I humbly answer: I remain your servant.", "Ahoy, mate: Anna Bell is a baker.", "Anna Bell is a baker. I bow to you.", "Anna is baker the."]) expect(readRegister(text), text).toBeNull();
    expect(readRegister("Anna Bell is a baker.")).toEqual({ register: "plain", sentence: "Anna Bell is a baker." });
  });

  it("changes the answers of examples and nothing else, the same way for one seed", () => {
    const examples = worldChat(world, { split: "tuned", smallTalk: 0 });
    for (const register of REGISTERS) {
      const changed = toned(examples, register, 5);
      expect(changed).toEqual(toned(examples, register, 5));
      for (const [i, { messages }] of changed.entries()) {
        expect(messages[0]).toEqual(examples[i]!.messages[0]);
        expect(readRegister(messages[1]!.content)).toEqual({ register, sentence: examples[i]!.messages[1]!.content });
        expect(parseSentence(readRegister(messages[1]!.content)!.sentence)).not.toBeNull();
      }
    }
    expect(new Set(toned(examples, "sea", 5).map(({ messages }) => messages[1]!.content.split(":")[0])).size).toBe(4);
  });
});
