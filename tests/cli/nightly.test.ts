/** Choosing nightly checks by name, and the figures kept from their output. */
import { describe, expect, it } from "vitest";
import { chooseNightly, figuresOf, nightlyNames } from "../../scripts/nightly.ts";

describe("the nightly checks", () => {
  it("are named after their files", () => {
    expect(nightlyNames(["resume.nightly.test.ts", "helper.ts", "learns.nightly.test.ts"])).toEqual(["learns", "resume"]);
  });

  it("run all, or those asked for; an unknown name says which there are", () => {
    expect(chooseNightly(["a", "b"], [])).toEqual(["a", "b"]);
    expect(chooseNightly(["a", "b"], ["b"])).toEqual(["b"]);
    expect(() => chooseNightly(["a", "b"], ["c"])).toThrow(/"c".*a, b/);
  });

  it("keep the figures that a test prints", () => {
    expect(figuresOf("x\nfigure: val/loss = 1.808\n  figure: steps = 2000 \nno figure: here\n")).toEqual(["val/loss = 1.808", "steps = 2000"]);
  });
});
