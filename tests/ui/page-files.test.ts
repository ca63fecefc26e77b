import { describe, expect, it } from "vitest";
import { kindOfFile } from "../../src/ui/page-files.ts";

describe("a dropped file", () => {
  it.each([
    ["a.txt", "text"], ["b.MD", "text"], ["c.csv", "text"], ["d.tsv.gz", "text"], ["e.jsonl", "text"], ["f.ndjson.gz", "text"], ["g.gz", "text"],
    ["recipe.json", "recipe"], ["model.zip", "model"], ["photo.png", "other"], ["no ending", "other"],
  ] as const)("%s is %s by its name", (name, kind) => {
    expect(kindOfFile(name)).toBe(kind);
  });
});
