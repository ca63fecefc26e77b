import { describe, expect, it } from "vitest";
import { kindOfFile, kindsOf, modelName } from "../../src/ui/page-files.ts";

describe("a dropped file", () => {
  it.each([
    ["a.txt", "text"], ["b.MD", "text"], ["c.csv", "text"], ["d.tsv.gz", "text"], ["e.jsonl", "text"], ["f.ndjson.gz", "text"], ["g.gz", "text"],
    ["recipe.json", "recipe"], ["model.zip", "model"], ["photo.png", "other"], ["no ending", "other"],
  ] as const)("%s is %s by its name", (name, kind) => {
    expect(kindOfFile(name)).toBe(kind);
  });

  it("is part of a model where it is JSON beside weights, and a recipe elsewhere", () => {
    const given = (...names: readonly string[]): { name: string; data: Blob }[] => names.map((name) => ({ name, data: new Blob() }));
    expect(kindsOf(given("config.json", "model.safetensors", "tokenizer.json", "a.txt", "photo.png"))).toEqual(["model part", "model part", "model part", "text", "other"]);
    expect(kindsOf(given("config.json", "a.txt"))).toEqual(["recipe", "text"]);
    expect(modelName(given("config.json", "model.safetensors"))).toBe("model.safetensors");
    expect(modelName(given("mine.zip"))).toBe("mine.zip");
  });
});
