import { describe, expect, it } from "vitest";
import { PreferenceBatches, type PreferencePair } from "../../src/data/preference-batches.ts";
import { trainChar } from "../../src/data/tokenizer/index.ts";
import { codeOf } from "./support.ts";

const tokenizer = trainChar(["abcdefghijklmnopqrstuvwxyz 0123456789?."]);
const pairOf = (i: number): PreferencePair => ({ prompt: [{ role: "user", content: `q${i}?` }], chosen: `yes ${i}`, rejected: `no${"x".repeat(i % 5)}` });
const pairs = Array.from({ length: 30 }, (_, i) => pairOf(i));
const T = 40;
const open = (given = pairs, accumulation = 1): PreferenceBatches => new PreferenceBatches(tokenizer, given, { seed: 3, T, accumulation });

/** What a row asks for, and all of what it reads. */
function row(batch: ReturnType<PreferenceBatches["train"]>, r: number): { asked: string; read: string } {
  const at = Array.from({ length: T }, (_, t) => r * T + t);
  return {
    asked: tokenizer.decode(at.filter((n) => batch.mask[n]! > 0).map((n) => batch.targets[n]!), { showSpecials: true }),
    read: tokenizer.decode(at.filter((n) => batch.start[n] === 0).map((n) => batch.ids[n]!), { showSpecials: true }),
  };
}

describe("PreferenceBatches", () => {
  it("puts chosen and rejected answers to one prompt into neighbouring rows, and asks for the answers alone", () => {
    const batch = open().train(0, 0, 6, T);
    expect([batch.tokens, batch.pairs!.length]).toEqual([3, 3]);
    for (let p = 0; p < 3; p++) {
      const [chosen, rejected] = [row(batch, 2 * p), row(batch, 2 * p + 1)];
      const i = Number(/yes (\d+)/.exec(chosen.asked)![1]);
      expect(chosen.asked).toBe(` yes ${i}<|end|>`);
      expect(rejected.asked).toBe(` no${"x".repeat(i % 5)}<|end|>`);
      for (const { read } of [chosen, rejected]) expect(read.startsWith(`<|endoftext|><|user|> q${i}?<|end|><|assistant|>`)).toBe(true);
    }
  });

  it("counts through every training pair once an epoch, whatever the batch, in another order each time, and none of them is held out", () => {
    const source = open(pairs, 2);
    const train = new Set<number>();
    const held = new Set<number>();
    for (let i = 0; i < 10; i++) for (const pair of source.evaluate(i, 4, T).pairs!) held.add(pair);
    const epochs = [0, 1].map((epoch) => Array.from({ length: 27 }, (_, n) => epoch * 27 + n).map((n) => source.train(n >> 1, n & 1, 2, T).pairs![0]!));
    for (const epoch of epochs) for (const pair of epoch) train.add(pair);
    expect([train.size, held.size, source.pairs.count]).toEqual([27, 3, 30]);
    expect([...held].some((pair) => train.has(pair))).toBe(false);
    for (const epoch of epochs) expect(new Set(epoch).size).toBe(27);
    expect(epochs[0]).not.toEqual(epochs[1]);
    expect(open(pairs, 2).train(5, 1, 4, T)).toEqual(source.train(5, 1, 4, T));
  });

  it("hands out every pair in order for the reference, and begins again after the last", () => {
    const source = open();
    expect([...source.pairs.at(28, 8, T).pairs!]).toEqual([28, 29, 0, 1]);
  });

  it("asks for the last answer alone where a prompt has earlier ones", () => {
    const prompt = [{ role: "user", content: "a?" }, { role: "assistant", content: "b" }, { role: "user", content: "c?" }] as const;
    const batch = open([{ prompt, chosen: "d", rejected: "e" }, { prompt, chosen: "f", rejected: "g" }]).train(0, 0, 2, T);
    expect([row(batch, 0).asked, row(batch, 1).asked].sort()).toEqual([[" d<|end|>", " e<|end|>"], [" f<|end|>", " g<|end|>"]].find(([d]) => d === row(batch, 0).asked));
    expect(row(batch, 0).read).toContain("<|assistant|> b<|end|>");
  });

  it("leaves out what is too long, counted, and refuses where nothing is left, and rows of other data", () => {
    const long: PreferencePair = { ...pairOf(1), rejected: "x".repeat(60) };
    expect(open([...pairs, long]).leftOut).toBe(1);
    expect(codeOf(() => open([long, pairs[0]!]))).toBe("DATA_TOO_LONG");
    expect(() => open([long, pairs[0]!])).toThrow(/Of 2 pairs 1 fits the model's context of 40 tokens, the longest row has \d+; at least 2 are needed/);
    expect(codeOf(() => open().fillRow(open().train(0, 0, 2, T), 0, { split: "train", step: 0, micro: 0, row: 0, rows: 2 }))).toBe("CONFIG_RANGE");
  });
});
