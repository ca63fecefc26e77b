/** Flags and recipe changes of `npm run train`: what they do, and what they say when they are wrong. */
import { describe, expect, it } from "vitest";
import { parseTrainArgs, remedyFlag, TRAIN_HELP } from "../../src/cli/args.ts";
import { applySets, checkOwnText, limitSteps, useOwnCorpus } from "../../src/cli/recipe-set.ts";
import { loadRecipe } from "../../src/cli/train.ts";
import type { Recipe, SftStage } from "../../src/protocol/index.ts";
import { presets } from "../../src/protocol/presets.ts";

const TWO_STAGES = presets.find(({ stages }) => stages.length === 2) as Recipe;

describe("parseTrainArgs", () => {
  it("gives the default recipe, any backend and no limits where nothing is said", () => {
    expect(parseTrainArgs([])).toMatchObject({ recipe: presets[0].name, backend: "auto", sets: [], json: false, help: false, prompts: [], texts: [], choices: {} });
    expect(parseTrainArgs([]).steps).toBeUndefined();
  });

  it("reads every flag", () => {
    const args = "--recipe r.json --set n_layer=4 --set seed=2 --backend cpu --steps 20 --seed 7 --out o --prompt hi --text t.txt --text u.csv --encoding latin1 --columns 1:3 --skip-bad --json".split(" ");
    expect(parseTrainArgs(args)).toEqual({
      ...{ help: false, recipe: "r.json", sets: ["n_layer=4", "seed=2"], backend: "cpu", steps: 20, seed: 7, out: "o", json: true, texts: ["t.txt", "u.csv"], choices: { encoding: "latin1", onBad: "skip", csv: { columns: { question: 0, answer: 2 } } }, prompts: ["hi"] },
    });
  });

  it("takes one column, several, or two as question and answer", () => {
    const columns = (text: string): unknown => parseTrainArgs(["--text", "a.csv", "--columns", text]).choices.csv?.columns;
    expect([columns("2"), columns("1,3"), columns("2:1")]).toEqual([{ text: [1] }, { text: [0, 2] }, { question: 1, answer: 0 }]);
  });

  it.each([
    [["--backend", "cuda"], /--backend is "cuda"; auto, webgpu, cpu/],
    [["--steps", "0"], /--steps is "0"; a whole number from 1/],
    [["--steps", "1.5"], /--steps is "1.5"/],
    [["--steps", "-3"], /--steps is "-3"; a whole number from 1/],
    [["--skip-bad"], /--skip-bad says how your own files are read, and --text names none/],
    [["--columns", "2"], /--columns says how/],
    [["--text", "a.csv", "--columns", "0"], /--columns is "0".*from 1: 2 or 1,3/],
    [["--text", "a.csv", "--columns", "1:2:3"], /--columns is "1:2:3"/],
    [["--seed", "-1"], /--seed/],
    [["--seed", "4294967296"], /0 to 4294967295/],
    [["--text", "a", "--encoding", "ebcdic"], /--encoding is "ebcdic"; utf-8, utf-8-replace, latin1/],
    [["--set", "n_layer"], /FIELD=VALUE/],
    [["--set", "=4"], /FIELD=VALUE/],
    [["--fast"], /--fast.*--help/],
    [["first-light"], /"first-light" belongs to no flag/],
    [["--json=yes"], /--json/],
  ])("refuses %j with what is allowed", (args, message) => {
    expect(() => parseTrainArgs(args)).toThrow(message);
  });

  it("names every preset and every flag in its help", () => {
    for (const word of [...presets.map(({ name }) => name), "--recipe", "--set", "--backend", "--steps", "--seed", "--out", "--json", "--text", "--encoding", "--columns", "--skip-bad"]) expect(TRAIN_HELP).toContain(word);
  });
});

describe("--set", () => {
  it("sets a field by its name alone where one field has it", () => {
    expect(applySets(TWO_STAGES, ["n_layer=3", "dropout=0.1", "tie_word_embeddings=false"]).model).toMatchObject({ n_layer: 3, dropout: 0.1, tie_word_embeddings: false });
  });

  it("sets a stage's field in every stage, or in one by its path", () => {
    expect(applySets(TWO_STAGES, ["dtype=bfloat16"]).stages.map(({ dtype }) => dtype)).toEqual(["bfloat16", "bfloat16"]);
    expect(applySets(TWO_STAGES, ["stages.0.dtype=bfloat16"]).stages.map(({ dtype }) => dtype)).toEqual(["bfloat16", undefined]);
    const both = applySets(TWO_STAGES, ["batch_size=5"]);
    expect(both.stages.map(({ batch_size }) => batch_size)).toEqual([5, 5]);
    const one = applySets(TWO_STAGES, ["stages.1.batch_size=6", "optimizer.grad_clip=0.5"]);
    expect(one.stages.map(({ batch_size }) => batch_size)).toEqual([TWO_STAGES.stages[0].batch_size, 6]);
    expect(one.stages.map(({ optimizer }) => optimizer.grad_clip)).toEqual([0.5, 0.5]);
  });

  it("takes the recipe's own name before a stage's", () => {
    const renamed = applySets(TWO_STAGES, ["name=mine"]);
    expect(renamed.name).toBe("mine");
    expect(renamed.stages[0].name).toBe(TWO_STAGES.stages[0].name);
  });

  it("takes JSON for what the table of fields does not list", () => {
    const lora = applySets(TWO_STAGES, ['stages.1.method={"type":"lora","r":4,"lora_alpha":8,"target_modules":["c_attn"]}', "r=2"]);
    expect((lora.stages[1] as SftStage).method).toMatchObject({ type: "lora", r: 2 });
    expect(applySets(TWO_STAGES, ['stages.0.data=[{"corpus":"plays","weight":1}]']).stages[0].data).toEqual([{ corpus: "plays", weight: 1 }]);
  });

  it("leaves the preset as it was", () => {
    const before = JSON.stringify(TWO_STAGES);
    applySets(TWO_STAGES, ["n_layer=7"]);
    expect(JSON.stringify(TWO_STAGES)).toBe(before);
  });

  it.each([
    ["n_layers=4", /no field "n_layers"; it has .*n_layer/],
    ["n_layer=0", /model\.n_layer is 0; .*1 to 48/],
    ["n_layer=two", /n_layer is "two"; it must be a whole number/],
    ["n_layer=", /n_layer is ""/],
    ["n_head=5", /multiple of n_head/],
    ["tie_word_embeddings=1", /true or false/],
    ["kind=word", /char, bpe/],
    ["r=4", /no stage of this recipe has the field "r"/],
    ["stages.9.batch_size=4", /no stage/],
    ["stages.0.data=[", /not JSON/],
    ["__proto__.x=1", /no field/],
    ["constructor.prototype=1", /no field/],
    ["version=2", /version/],
  ])("refuses %s", (set, message) => {
    expect(() => applySets(TWO_STAGES, [set])).toThrow(message);
    expect(({} as { x?: unknown }).x).toBeUndefined();
  });
});

describe("--steps", () => {
  it("limits every stage, shrinking warm-up and the evaluations' spacing with it, so that the recipe stays valid", () => {
    const short = applySets(limitSteps(TWO_STAGES, 10), []);
    for (const [i, stage] of short.stages.entries()) {
      expect(stage.max_iters).toBe(10);
      expect(stage.optimizer.warmup_iters).toBeLessThan(10);
      expect(stage.eval_interval).toBeGreaterThanOrEqual(1);
      expect(stage.eval_interval).toBeLessThanOrEqual(TWO_STAGES.stages[i].eval_interval);
    }
  });

  it("shrinks the decay of wsd with them", () => {
    const wsd = applySets(TWO_STAGES, ["schedule=wsd", "decay_iters=20", "warmup_iters=2"]);
    for (const steps of [1, 7, 10]) {
      const short = applySets(limitSteps(wsd, steps), []).stages;
      expect(short.map(({ optimizer }) => optimizer.decay_iters)).toEqual(wsd.stages.map(({ max_iters }) => Math.max(1, Math.floor((20 * steps) / max_iters))));
    }
  });

  it("leaves an optimizer's own fields alone, which --set gives to every stage", () => {
    const muon = applySets(TWO_STAGES, ["type=muon", "momentum=0.9", "nesterov=false", "ns_steps=4"].map((set) => set.replace(/^type/, "stages.*.optimizer.type")));
    for (const { optimizer } of applySets(limitSteps(muon, 10), []).stages) expect(optimizer).toMatchObject({ type: "muon", momentum: 0.9, nesterov: false, ns_steps: 4 });
  });

  it("leaves a stage that is shorter as it is", () => {
    expect(limitSteps(TWO_STAGES, 10_000_000)).toEqual(TWO_STAGES);
  });
});

describe("--recipe", () => {
  it("refuses what is neither a preset nor a file, naming the presets", async () => {
    await expect(loadRecipe(parseTrainArgs(["--recipe", "nothing-such"]))).rejects.toThrow(/neither a preset \(.*first-light.*\) nor a file/);
  });

  it("applies seed and steps before --set, so that --set has the last word", async () => {
    const recipe = await loadRecipe(parseTrainArgs(["--seed", "5", "--steps", "9", "--set", "stages.0.max_iters=40"]));
    expect([recipe.seed, ...recipe.stages.map(({ max_iters }) => max_iters)]).toEqual([5, 40, 9]);
  });

  it("puts the person's text where the recipe says own", () => {
    const recipe = presets.find(({ name }) => name === "your-text") as Recipe;
    expect(useOwnCorpus(recipe, "own:12ab").stages[0].data[0].corpus).toBe("own:12ab");
  });

  it("is refused where it needs a text and none is given, and where a text is given that it does not read", () => {
    const own = presets.find(({ name }) => name === "your-text") as Recipe;
    expect(() => checkOwnText(own, [])).toThrow(/"your-text" trains on your own text, and 0 files of it are given; at least 1 is needed: --text FILE/);
    // As a report has it, which names the text by its hash.
    expect(() => checkOwnText(useOwnCorpus(own, "own:0123456789abcdef"), [])).toThrow(/--text FILE/);
    expect(() => checkOwnText(TWO_STAGES, ["a.txt"])).toThrow(/--text names 1 file, and no stage of the recipe "first-light" reads the corpus "own".*--recipe your-text/);
    checkOwnText(own, ["a.txt", "b.txt"]);
    checkOwnText(TWO_STAGES, []);
  });
});

describe("the flag that helps with a file", () => {
  it("is named for each error that offers to read it otherwise, and for no other", () => {
    for (const code of ["DATA_UTF8", "DATA_ENCODING"]) {
      const named = [...remedyFlag(code).matchAll(/--encoding (\S+?)(?=[ .]|$)/g)].map(([, encoding]) => encoding!);
      expect(named).toHaveLength(2);
      for (const encoding of named) expect(parseTrainArgs(["--text", "a.txt", "--encoding", encoding]).choices).toEqual({ encoding });
    }
    for (const code of ["JSONL_PARSE", "JSONL_SCHEMA", "JSONL_TOO_DEEP", "JSONL_LINE_TOO_LONG", "CSV_PARSE"]) expect(remedyFlag(code)).toContain("--skip-bad");
    expect(remedyFlag("DATA_BINARY", "looks like UTF-16 without a byte order mark")).toContain("--encoding utf-16le");
    expect(remedyFlag("DATA_BINARY", "it begins like a PNG image")).toBe("");
    for (const code of ["DATA_EMPTY", "CSV_COLUMNS", "JSONL_LIST", "GZ_CORRUPT", "DATA_TOO_LARGE"]) expect(remedyFlag(code)).toBe("");
  });
});
