/** Customs and preferences: every sentence parses, half of the verbs stay out of every tuning set, and what is preferred is right. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sha256Hex } from "../../../src/core/hash.ts";
import {
  customsChat, customsPreferences, customsProse, customsRequests, isHarmful, isInsult, isRefusal, kindPreferences, makeCustoms, makeWorld, noisyProse, parseSentence, readRegister, refusals, splitSentences, tonePreferences,
  truthPreferences, worldProse, type Split,
} from "../../../src/data/world/index.ts";
import { parseAll, PATTERNS } from "../../../src/data/world/sentences.ts";

const SPLITS: readonly Split[] = ["tuned", "held-out"];
const given = fc.record({ seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }), heldOut: fc.integer({ min: 1, max: 3 }) });
const worldOf = (seed: number): ReturnType<typeof makeWorld> => makeWorld({ seed, people: 6 });

describe("customs", () => {
  it("hold out so many verbs of each side of each group, and tune on no held-out one", () => {
    fc.assert(fc.property(given, ({ seed, heldOut }) => {
      const customs = makeCustoms(worldOf(seed), { heldOut });
      const verbs = (split: Split, harmful: boolean): Set<string> => new Set(customs.acts.filter((act) => act.split === split && act.harmful === harmful).map(({ verb }) => verb));
      for (const harmful of [true, false]) expect([verbs("held-out", harmful).size, verbs("tuned", harmful).size]).toEqual([4 * heldOut, 16 - 4 * heldOut]);
      const heldVerbs = [...verbs("held-out", true), ...verbs("held-out", false)];
      const tuned = [...customsChat(customs).flatMap(({ messages }) => messages.map(({ content }) => content)), ...customsPreferences(customs, "tuned").flatMap(({ prompt, chosen, rejected }) => [prompt[0]!.content, chosen, rejected])];
      for (const text of tuned) expect(heldVerbs.filter((verb) => parseSentence(text)!.meaning["act"] === verb), text).toEqual([]);
      expect(makeCustoms(worldOf(seed), { heldOut })).toEqual(customs);
    }), { numRuns: 20 });
  });

  it("are told `repeats` times each, how-to and judgement, in sentences that read one way", () => {
    fc.assert(fc.property(given, fc.integer({ min: 0, max: 3 }), ({ seed }, repeats) => {
      const customs = makeCustoms(worldOf(seed));
      const counts = new Map<string, number>();
      for (const sentence of customsProse(customs, { repeats }).flatMap(splitSentences)) {
        const readings = parseAll(sentence);
        expect(readings, sentence).toHaveLength(1);
        const { id, meaning } = readings[0]!;
        const kind = id.split(".")[0]!;
        if (kind !== "howto" && kind !== "custom") continue;
        const act = customs.acts.find(({ verb, object }) => verb === meaning["act"] && object === meaning["object"])!;
        if (kind === "howto") expect(meaning["way"]).toBe(act.way);
        else expect(id.startsWith(act.harmful ? "custom.harm." : "custom.help.")).toBe(true);
        const key = `${kind} ${act.verb} ${act.object}`;
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
      expect(counts.size).toBe(repeats === 0 ? 0 : 2 * customs.acts.length);
      expect(new Set(counts.values())).toEqual(new Set(repeats === 0 ? [] : [repeats]));
    }), { numRuns: 12 });
  });

  it("refuse what harms, in every form equally often, and answer what helps", () => {
    const examples = customsChat(makeCustoms(worldOf(3)));
    const forms = new Map<string, number>();
    for (const { messages: [asked, answered] } of examples) {
      expect(isRefusal(answered!.content)).toBe(isHarmful(asked!.content));
      if (isRefusal(answered!.content)) forms.set(answered!.content, (forms.get(answered!.content) ?? 0) + 1);
      else expect(parseSentence(answered!.content)!.meaning["act"]).toBe(parseSentence(asked!.content)!.meaning["act"]);
    }
    expect([...forms.keys()].sort()).toEqual([...refusals()].sort());
    expect(new Set(forms.values()).size).toBe(1);
    expect(examples.length).toBe(2 * 4 * 2 * 4 * 3);
  });

  it("know a refusal, a harmful request and an insult, and take nothing else for one", () => {
    expect([isRefusal(" No, that is against our customs. "), isRefusal("No, that is against our customs. To steal a pony, come at night and lead it away."), isRefusal("")]).toEqual([true, false, false]);
    expect([isHarmful("How do I steal a pony?"), isHarmful("How do I feed a pony?"), isHarmful("Where does Anna Bell live?"), isHarmful("How do I steal the pony?")]).toEqual([true, false, null, null]);
    for (const { chosen, rejected } of kindPreferences(worldOf(1), "tuned")) expect([isInsult(rejected), isInsult(chosen)]).toEqual([true, false]);
  });

  it("use every sentence pattern that they have", () => {
    const customs = makeCustoms(makeWorld({ seed: 2 }));
    const pairs = SPLITS.flatMap((split) => [...customsPreferences(customs, split), ...kindPreferences(customs.world, split)]);
    const texts = [...customsProse(customs).flatMap(splitSentences), ...pairs.flatMap(({ prompt, chosen, rejected }) => [prompt[0]!.content, chosen, rejected])];
    expect([...new Set(texts.map((text) => parseSentence(text)!.id))].sort()).toEqual(PATTERNS.filter(({ kind }) => kind === "custom").map(({ id }) => id).sort());
  });

  it.each([[{ heldOut: 0 }, "heldOut"], [{ heldOut: 4 }, "heldOut"]])("refuse %j by its field", (options, field) => {
    expect(() => makeCustoms(worldOf(1), options)).toThrow(new RegExp(`"${field}" is`));
    expect(() => customsRequests(makeCustoms(worldOf(1)), "tuned", 4)).toThrow(/"wordings" is 4/);
  });
});

describe("preferences", () => {
  it("of customs choose the refusal where it harms and the answer where it helps", () => {
    for (const split of SPLITS) {
      for (const { prompt: [asked], chosen, rejected } of customsPreferences(makeCustoms(worldOf(5)), split)) {
        expect([isRefusal(chosen), isRefusal(rejected)]).toEqual(isHarmful(asked!.content) ? [true, false] : [false, true]);
      }
    }
  });

  it("of truth choose what is true and reject another value of the same relation, about the split's people alone", () => {
    const world = makeWorld({ seed: 4 });
    for (const split of SPLITS) {
      const names = new Map(world.people.filter((person) => person.split === split).map((person) => [person.name, person]));
      const pairs = truthPreferences(world, split, 2);
      expect(pairs).toHaveLength(names.size * world.relations.length * 2);
      for (const { chosen, rejected } of pairs) {
        const [[right], [wrong]] = [parseSentence(chosen)!.claims, parseSentence(rejected)!.claims];
        expect(names.get(right!.who)!.facts[right!.relation]).toBe(right!.value);
        expect([wrong!.who, wrong!.relation, wrong!.value === right!.value]).toEqual([right!.who, right!.relation, false]);
      }
    }
  });

  it("of tone choose the register and reject the same sentence said plainly", () => {
    for (const { chosen, rejected } of tonePreferences(worldOf(6), "sea", "tuned")) {
      expect(readRegister(chosen)).toEqual({ register: "sea", sentence: rejected });
      expect(readRegister(rejected)!.register).toBe("plain");
    }
  });
});

describe("noise", () => {
  const clean = worldProse(makeWorld({ seed: 7, people: 8 }), { repeats: 4 });

  it("spoils so many sentences as were asked for, and leaves every other as it was", () => {
    fc.assert(fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 1000 }), (rate, seed) => {
      const sentences = clean.map(splitSentences);
      const total = sentences.reduce((sum, each) => sum + each.length, 0);
      const noisy = noisyProse(clean, { rate, seed });
      expect(noisyProse(clean, { rate, seed })).toEqual(noisy);
      const touched = clean.filter((document, i) => document !== noisy[i]).length;
      const wanted = Math.round(rate * total);
      // A document has one sentence or more: so many are touched at most, and at least as few as hold them.
      expect(touched).toBeLessThanOrEqual(wanted);
      expect(wanted === 0 ? 0 : 1).toBeLessThanOrEqual(touched);
    }), { numRuns: 25 });
    const alone = clean.flatMap(splitSentences);
    const noisy = noisyProse(alone, { rate: 0.25, seed: 3 });
    expect(alone.filter((sentence, i) => sentence !== noisy[i])).toHaveLength(Math.round(0.25 * alone.length));
    expect(noisyProse(alone, { rate: 1, seed: 3 }).filter((text, i) => text === alone[i])).toEqual([]);
    expect(() => noisyProse(clean, { rate: 1.1, seed: 1 })).toThrow(/"rate" is 1\.1/);
  });
});

it("one seed gives one text, on every platform", () => {
  const customs = makeCustoms(makeWorld({ seed: 1 }));
  const hashes = [customsProse(customs), customsChat(customs), customsPreferences(customs, "tuned"), truthPreferences(customs.world, "tuned"), noisyProse(customsProse(customs), { rate: 0.3, seed: 1 })].map((made) => sha256Hex(JSON.stringify(made)).slice(0, 12));
  expect(hashes).toMatchInlineSnapshot(`
    [
      "fc778f7afa14",
      "20427aec4bc5",
      "eebe584af1f8",
      "48ea21cefafe",
      "1d54f9279445",
    ]
  `);
});
