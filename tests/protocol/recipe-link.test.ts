/** A recipe as a link: what goes out comes back, and what a stranger sends is refused by field, leaving nothing behind. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NestlingError } from "../../src/core/errors.ts";
import type { Recipe } from "../../src/protocol/index.ts";
import { presets } from "../../src/protocol/presets.ts";
import { FIELDS } from "../../src/protocol/recipe-fields.ts";
import { forTravel, MOST_LINK_BYTES, readRecipeLink, writeRecipeLink } from "../../src/protocol/recipe-link.ts";

const firstLight = presets.find(({ name }) => name === "first-light")!;
const encode = (value: unknown, version = "1"): string => `#recipe=${version}.${Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url")}`;
const decode = (link: string): unknown => JSON.parse(Buffer.from(link.slice("#recipe=1.".length), "base64url").toString());

function refusal(link: string): NestlingError {
  try {
    readRecipeLink(link, presets);
  } catch (error) {
    expect(error).toBeInstanceOf(NestlingError);
    return error as NestlingError;
  }
  throw new Error("it was taken");
}

describe("a recipe's link", () => {
  it.each(presets.map((preset) => [preset.name, preset] as const))("brings %s back, and carries only its name", (name, preset) => {
    const link = writeRecipeLink(preset, presets);
    expect(decode(link)).toEqual({ preset: name });
    expect(readRecipeLink(link, presets)).toEqual(preset);
  });

  it("carries what differs and no more", () => {
    const changed = { ...firstLight, seed: 7, model: { ...firstLight.model, n_layer: 3 } };
    const link = writeRecipeLink(changed, presets);
    expect(decode(link)).toEqual({ preset: "first-light", set: { seed: 7, "model.n_layer": 3 } });
    expect(readRecipeLink(link, presets)).toEqual(changed);
  });

  it("brings any recipe within range back", () => {
    const optimizerArb = fc.oneof(
      fc.record({ schedule: fc.constantFrom("cosine" as const, "linear" as const, "constant" as const) }),
      fc.record({ schedule: fc.constant("wsd" as const), decay_iters: fc.integer({ min: 1, max: 100 }) }),
    );
    const rule = fc.oneof(
      fc.constant({}),
      fc.record({ type: fc.constant("sgd" as const), momentum: fc.double({ min: 0, max: 0.9999, noNaN: true }), nesterov: fc.boolean() }, { requiredKeys: ["type"] }),
      fc.record({ type: fc.constant("muon" as const), momentum: fc.double({ min: 0, max: 0.9999, noNaN: true }), nesterov: fc.boolean(), ns_steps: fc.integer({ min: 1, max: 20 }), adam_learning_rate: fc.double({ min: 1e-9, max: 1, noNaN: true }) }, { requiredKeys: ["type"] }),
    );
    const stageArb = fc.record({ rule, change: optimizerArb, lora: fc.boolean(), r: fc.integer({ min: 1, max: 256 }), steps: fc.integer({ min: 200, max: 10_000_000 }), rate: fc.double({ min: 1e-3, max: 1, noNaN: true }), name: fc.string({ minLength: 1, maxLength: 80 }) });
    fc.assert(
      fc.property(fc.constantFrom(...presets), fc.integer({ min: 0, max: 0xffffffff }), fc.array(stageArb, { minLength: 1, maxLength: 3 }), fc.string({ minLength: 1, maxLength: 80 }), (preset, seed, entries, name) => {
        const target = preset.model.family === "llama" ? "q_proj" : "c_attn";
        const stages = entries.map((entry, i): Recipe["stages"][number] => {
          const from = preset.stages[0]!;
          const optimizer = { ...from.optimizer, ...entry.change, ...entry.rule, learning_rate: entry.rate };
          const shared = { ...from, name: entry.name, max_iters: entry.steps, optimizer };
          if (i === 0) return shared;
          return { ...shared, kind: "sft", method: entry.lora ? { type: "lora", r: entry.r, lora_alpha: entry.r * 2, target_modules: [target] } : { type: "full" } };
        });
        fc.pre(![name, ...entries.map((entry) => entry.name)].some((text) => /javascript\s*:/i.test(text)));
        const recipe = { ...preset, name, seed, stages };
        const link = writeRecipeLink(recipe, presets);
        expect(link.length).toBeLessThanOrEqual(MOST_LINK_BYTES);
        expect(readRecipeLink(link, presets)).toEqual(recipe);
      }),
      { numRuns: 300 },
    );
  });

  it("is told from the preset it shares most with, not from one with fewer stages", () => {
    const small = { ...firstLight, name: "mine", model: { ...firstLight.model, n_layer: 1, n_head: 2, n_embd: 32 }, stages: firstLight.stages.map((stage) => ({ ...stage, max_iters: 60, batch_size: 4, eval_iters: 2 })) };
    expect(decode(writeRecipeLink(small, presets))).toMatchObject({ preset: "first-light", set: { name: "mine", "model.n_layer": 1, "stages.1.max_iters": 60 } });
  });

  it("leaves own text and checkpoints at home", () => {
    const own: Recipe = { ...firstLight, stages: [{ ...firstLight.stages[1]!, parent: "abc", data: [{ corpus: "own:0123", weight: 1 }] } as Recipe["stages"][number]] };
    const read = readRecipeLink(writeRecipeLink(own, presets), presets);
    expect(read).toEqual(forTravel(own));
    expect(JSON.stringify(read)).not.toMatch(/0123|abc/);
  });

  it("is refused at writing where it would pass 8 KB, and names the file as the way out", () => {
    const changes = Array.from({ length: 600 }, (_, step) => ({ step, learning_rate: 0.001 + step * 1e-6 }));
    const long: Recipe = { ...firstLight, stages: [{ ...firstLight.stages[0]!, changes }, firstLight.stages[1]!] };
    expect(() => writeRecipeLink(long, presets)).toThrow(/LINK_INVALID.* 8192 are allowed\. Save it as a file/);
  });
});

describe("a bad link", () => {
  const set = (path: string, value: unknown): string => encode({ preset: "first-light", set: { [path]: value } });

  it.each([
    ["a megabyte", `#recipe=1.${"A".repeat(1 << 20)}`, "link"],
    ["letters outside base64", "#recipe=1.%%%%", "link"],
    ["base64 of an impossible length", "#recipe=1.AAAAA", "link"],
    ["bytes that are no text", `#recipe=1.${Buffer.from([0xc3, 0x28]).toString("base64url")}`, "link"],
    ["text that is no JSON", encode("{"), "link"],
    ["a list", encode([1]), "link"],
    ["nothing", "#recipe=", "version"],
    ["an unknown version", encode({ preset: "first-light" }, "2"), "version"],
    ["an unknown preset", encode({ preset: "toString" }), "preset"],
    ["a preset that is no name", encode({ preset: { toString: 1 } }), "preset"],
    ["n_layer=1e9", set("model.n_layer", 1e9), "model.n_layer"],
    ["a negative rate", set("stages.0.optimizer.learning_rate", -1), "stages.0.optimizer.learning_rate"],
    ["NaN, which JSON cannot say", encode('{"preset":"first-light","set":{"stages.0.optimizer.learning_rate":NaN}}'), "link"],
    ["NaN as text", set("stages.0.optimizer.learning_rate", "NaN"), "stages.0.optimizer.learning_rate"],
    ["Infinity", encode('{"preset":"first-light","set":{"stages.0.optimizer.learning_rate":1e999}}'), "stages.0.optimizer.learning_rate"],
    ["null for a number", set("seed", null), "seed"],
    ["text for a number", set("model.n_layer", "2"), "model.n_layer"],
    ["a model that is text", set("model", "gpt2"), "model"],
    ["a stage that is not there", set("stages.9.max_iters", 5), "stages.9.max_iters"],
    ["an unknown field", set("model.n_magic", 5), "model"],
    ["a field beside the three", encode({ preset: "first-light", start: true }), "start"],
    ["__proto__ as a path", encode('{"preset":"first-light","set":{"__proto__.polluted":1}}'), "__proto__.polluted"],
    ["__proto__ as a field", encode('{"preset":"first-light","set":{"model":{"__proto__":{"n_layer":2}}}}'), "model"],
    ["__proto__ at the top", encode('{"__proto__":{"set":{}},"preset":"first-light"}'), "__proto__"],
    ["constructor.prototype", set("constructor.prototype.x", 1), "constructor.prototype.x"],
    ["javascript: as a name", set("name", "javascript:alert(1)"), "name"],
    ["javascript: as a corpus", set("stages.0.data", [{ corpus: "JavaScript:alert(1)", weight: 1 }]), "stages.0.data"],
    ["heads that do not divide the width", set("model.n_head", 3), "model.n_embd"],
    ["a needed field taken away", encode({ preset: "first-light", gone: ["model.n_layer"] }), "model.n_layer"],
    ["the version taken away", encode({ preset: "first-light", gone: ["version"] }), "version"],
    ["gone that is no list of names", encode({ preset: "first-light", gone: [1] }), "gone"],
    ["set that is a list", encode({ preset: "first-light", set: [1] }), "set"],
  ])("is refused by its field: %s", (_, link, field) => {
    const error = refusal(link);
    expect(error.code).toBe("LINK_INVALID");
    expect(error.details["field"]).toBe(field);
    expect(error.message).toContain("Nothing was started");
    expect(error.message.length).toBeLessThan(600);
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  it("never gives anything but a whole recipe or a typed error, and changes no preset", () => {
    const before = JSON.stringify(presets);
    const paths = fc.oneof(fc.constantFrom(...FIELDS.map(({ path }) => path.replace("*", "0"))), fc.string({ maxLength: 30 }), fc.constantFrom("stages", "model", "stages.0", "__proto__", "stages.length", "stages.0.data"));
    fc.assert(
      fc.property(fc.dictionary(paths, fc.jsonValue({ maxDepth: 3 }), { maxKeys: 4 }), fc.array(paths, { maxLength: 2 }), (set, gone) => {
        try {
          const recipe = readRecipeLink(encode({ preset: "first-light", set, gone }), presets);
          expect(recipe.version).toBe(1);
        } catch (error) {
          expect(error).toBeInstanceOf(NestlingError);
          expect((error as NestlingError).code).toBe("LINK_INVALID");
        }
      }),
      { numRuns: 2000 },
    );
    expect(JSON.stringify(presets)).toBe(before);
  });
});
