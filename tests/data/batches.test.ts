import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Batch, BatchSource } from "../../src/data/batch-types.ts";
import { TextBatches } from "../../src/data/batches.ts";
import { datasetHash, encodeDataset, type TokenDataset } from "../../src/data/dataset.ts";
import { MixtureBatches } from "../../src/data/mixture.ts";
import { splitDocuments, splitStream } from "../../src/data/split.ts";
import { trainBpe, trainChar } from "../../src/data/tokenizer/index.ts";
import { codeOf, errorOf, rejectionOf } from "./support.ts";

/** A dataset whose tokens say where they come from: document d (from 1), place i -> d * 1000 + i; 0 opens each document. */
function labelled(lengths: readonly number[], validationLengths: readonly number[] = [20], withStarts = true): TokenDataset {
  const stream = (documents: readonly number[], first: number): { tokens: Uint32Array; documentStarts: Uint32Array } => {
    const tokens: number[] = [];
    const starts: number[] = [];
    documents.forEach((length, d) => {
      starts.push(tokens.length);
      for (let i = 0; i < length; i++) tokens.push(i === 0 ? 0 : (first + d) * 1000 + i);
    });
    return { tokens: Uint32Array.from(tokens), documentStarts: Uint32Array.from(withStarts ? starts : []) };
  };
  return { train: stream(lengths, 1), validation: stream(validationLengths, 900), hash: "labelled" };
}

const row = (array: ArrayLike<number>, T: number, b: number): number[] => Array.from(array).slice(b * T, (b + 1) * T);

/** What is wrong with a batch, place by place; nothing should be. */
function faultsOf(batch: Batch): string[] {
  const { B, T } = batch;
  const faults: string[] = [];
  const check = (holds: boolean, what: string, n: number): void => void (holds || faults.push(`${what} at ${n}`));
  for (let n = 0; n < B * T; n++) {
    const c = n % T;
    const start = batch.start[n];
    check(start <= c, "start after column", n);
    check(batch.pos[n] === c - start, "pos", n);
    check(batch.start[n - c + start] === start, "start of start", n);
    check(c === 0 || start === batch.start[n - 1] || start === c, "start changes inside a document", n);
    check(c + 1 === T || batch.mask[n] * batch.mask[n + 1] === 0 || batch.targets[n] === batch.ids[n + 1], "target is not the next token", n);
  }
  check(batch.tokens === batch.mask.reduce((sum, m) => sum + m, 0), "count of tokens", -1);
  return faults;
}

describe("TextBatches", () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 }).filter((list) => list.reduce((a, b) => a + b) > 20);

  it("gives rows whose targets are the next tokens, and whose documents never run together", () => {
    fc.assert(fc.property(lengths, fc.integer({ min: 1, max: 16 }), fc.nat(50), (list, T, step) => {
      const batch = new TextBatches(labelled(list), { seed: 5 }).train(step, 0, 3, T);
      expect(faultsOf(batch)).toEqual([]);
      expect(batch.tokens).toBe(3 * T);
      // Token 0 opens a document, so it begins one in the row; every other token belongs to its left neighbour's.
      const wrong = Array.from(batch.ids, (id, n) => {
        const c = n % T;
        if (id === 0) return batch.start[n] !== c;
        if (c === 0) return false;
        const neighbour = batch.ids[n - 1];
        return batch.start[n] !== batch.start[n - 1] || (neighbour !== 0 && Math.floor(id / 1000) !== Math.floor(neighbour / 1000));
      });
      expect(wrong.indexOf(true)).toBe(-1);
    }));
  });

  it("is a function of seed, step and micro, and of nothing that was asked before", () => {
    const dataset = labelled([400, 300]);
    const asked = new TextBatches(dataset, { seed: 1 });
    for (let i = 0; i < 20; i++) asked.train(i, i, 2, 8);
    asked.evaluate(0, 4, 8);
    const fresh = new TextBatches(dataset, { seed: 1 });
    expect(asked.train(7, 1, 4, 16)).toEqual(fresh.train(7, 1, 4, 16));
    expect(fresh.train(7, 2, 4, 16).ids).not.toEqual(fresh.train(7, 1, 4, 16).ids);
    expect(fresh.train(8, 1, 4, 16).ids).not.toEqual(fresh.train(7, 1, 4, 16).ids);
    expect(new TextBatches(dataset, { seed: 2 }).train(7, 1, 4, 16).ids).not.toEqual(fresh.train(7, 1, 4, 16).ids);
  });

  it("draws a row by its number, so that a larger batch begins with the rows of a smaller one", () => {
    const source = new TextBatches(labelled([400, 300]), { seed: 1 });
    expect(source.train(3, 0, 8, 16).ids.slice(0, 32)).toEqual(source.train(3, 0, 2, 16).ids);
  });

  it("evaluates on held-out tokens only, the same at every evaluation", () => {
    const source = new TextBatches(labelled([200, 100], [50, 60]), { seed: 3 });
    for (let index = 0; index < 10; index++) {
      const batch = source.evaluate(index, 2, 12);
      expect(faultsOf(batch)).toEqual([]);
      for (const id of batch.ids) expect(id === 0 || id >= 900_000).toBe(true);
      for (const id of source.train(index, 0, 2, 12).ids) expect(id).toBeLessThan(900_000);
      expect(source.evaluate(index, 2, 12)).toEqual(batch);
    }
    expect(source.evaluate(1, 2, 12).ids).not.toEqual(source.evaluate(0, 2, 12).ids);
  });

  it("reaches every window, with equal chance, when rows may begin anywhere", () => {
    const source = new TextBatches(labelled([41]), { seed: 9, rowsBegin: "anywhere" });
    const seen = new Map<number, number>();
    for (let step = 0; step < 400; step++) {
      const batch = source.train(step, 0, 10, 10);
      for (let b = 0; b < 10; b++) seen.set(batch.ids[b * 10], (seen.get(batch.ids[b * 10]) ?? 0) + 1);
    }
    expect(seen.size).toBe(31);
    // 4,000 draws over 31 windows: 129 each, standard deviation 11.2; six of them either way.
    for (const count of seen.values()) expect(Math.abs(count - 129)).toBeLessThan(67);
  });

  it("begins rows of short documents at a document's start", () => {
    const source = new TextBatches(labelled(Array.from({ length: 50 }, () => 7)), { seed: 4 });
    const batch = source.train(0, 0, 16, 16);
    for (let b = 0; b < 16; b++) expect(batch.ids[b * 16]).toBe(0);
  });

  it("reads a stream without documents from start 0", () => {
    const batch = new TextBatches(labelled([300], [40], false), { seed: 4 }).train(1, 0, 4, 16);
    expect(new Set(batch.start)).toEqual(new Set([0]));
    expect(row(batch.pos, 16, 2)).toEqual(Array.from({ length: 16 }, (_, c) => c));
  });

  it("pads where the held-out text is shorter than a row, and counts only what is there", () => {
    const batch = new TextBatches(labelled([100], [6]), { seed: 1 }).evaluate(0, 1, 10);
    expect(faultsOf(batch)).toEqual([]);
    expect(batch.tokens).toBe(5);
    expect(row(batch.mask, 10, 0)).toEqual([1, 1, 1, 1, 1, 0, 0, 0, 0, 0]);
    expect(row(batch.start, 10, 0)).toEqual([0, 0, 0, 0, 0, 5, 5, 5, 5, 5]);
  });

  it("takes a text of exactly one row and its target, and refuses a shorter one with both numbers", () => {
    expect(new TextBatches(labelled([17]), { seed: 1 }).train(0, 0, 2, 16).ids[0]).toBe(0);
    const error = errorOf(() => new TextBatches(labelled([16]), { seed: 1 }).train(0, 0, 2, 16));
    expect(error).toMatchObject({ code: "DATA_TOO_SHORT", details: { tokens: 16, needed: 17 } });
    expect(codeOf(() => new TextBatches(labelled([100], []), { seed: 1 }).evaluate(0, 1, 4))).toBe("DATA_TOO_SHORT");
  });
});

describe("encodeDataset", () => {
  const texts = Array.from({ length: 12 }, (_, i) => `Tale ${i}: the fox and the hen went out.\n\nThey came home.`);
  const tokenizer = trainChar(texts);

  it("opens each document with <|endoftext|> and notes where", async () => {
    const split = splitDocuments(texts);
    const { train, validation } = await encodeDataset(tokenizer, split);
    expect(train.documentStarts).toHaveLength(split.train.length);
    for (const start of train.documentStarts) expect(train.tokens[start]).toBe(0);
    expect(tokenizer.decode(train.tokens, { showSpecials: true })).toBe(split.train.map((text) => `<|endoftext|>${text}`).join(""));
    expect(tokenizer.decode(validation.tokens)).toBe(split.validation.join(""));
  });

  it("encodes one stream without markers where no document starts are wanted", async () => {
    const split = splitStream(texts);
    const { train } = await encodeDataset(tokenizer, split, { documentStarts: false });
    expect(train.documentStarts).toHaveLength(0);
    expect(train.tokens).toEqual(tokenizer.encode(split.train[0]));
  });

  it("encodes a long document in slices to what it is as a whole", async () => {
    const long = Array.from({ length: 40_000 }, (_, i) => `Line ${i} of it,  I'll say\u00a0\n${i % 3 ? "" : "\n  "}so`).join(" ");
    const bpe = await trainBpe([long.slice(0, 50_000)], { vocabSize: 400 });
    const { train } = await encodeDataset(bpe, { train: [long], validation: [] }, { documentStarts: false });
    expect(long.length).toBeGreaterThan(1 << 20);
    // Compared as bytes: toEqual walks 500,000 numbers slowly.
    expect(Buffer.compare(Buffer.from(train.tokens.buffer), Buffer.from(bpe.encode(long).buffer))).toBe(0);
  });

  it("names the data: the hash follows text, split and tokenizer", async () => {
    const hash = async (share: number, seed = 0): Promise<string> => (await encodeDataset(tokenizer, splitDocuments(texts, share, seed))).hash;
    expect(await hash(0.1)).toBe(await hash(0.1));
    expect(await hash(0.3)).not.toBe(await hash(0.1));
    const other = await encodeDataset(trainChar([...texts, "é"]), splitDocuments(texts, 0.1));
    expect(other.hash).not.toBe(await hash(0.1));
    expect(datasetHash(["ab", "c"])).not.toBe(datasetHash(["a", "bc"]));
  });

  it("stops when asked to", async () => {
    const many = Array.from({ length: 30_000 }, (_, i) => `${i} ${texts[i % 12]}`);
    const bpe = await trainBpe(texts, { vocabSize: 280 });
    expect((await rejectionOf(encodeDataset(bpe, { train: many, validation: [] }, { shouldStop: () => true }))).code).toBe("CANCELLED");
  });

  it("refuses documents where the tokenizer has no <|endoftext|>", async () => {
    const bare = trainChar(texts, { specials: ["<|unk|>"] });
    expect((await rejectionOf(encodeDataset(bare, splitDocuments(texts)))).code).toBe("TOKENIZER_FORMAT");
  });
});

describe("MixtureBatches", () => {
  const left = new TextBatches(labelled([400]), { seed: 1 });
  const right = new TextBatches({ ...labelled([1]), train: labelled([400], [50]).train, hash: "right" }, { seed: 2 });
  const fromLeft = (batch: Batch, b: number, step: number): boolean => {
    const alone = left.train(step, 0, batch.B, batch.T);
    return row(batch.ids, batch.T, b).join() === row(alone.ids, batch.T, b).join();
  };

  it("draws rows in proportion to the weights, each row whole from one source", () => {
    const mixture = new MixtureBatches([{ source: left, weight: 3 }, { source: right, weight: 1 }], { seed: 6 });
    let count = 0;
    const faults: string[] = [];
    for (let step = 0; step < 200; step++) {
      const batch = mixture.train(step, 0, 8, 12);
      faults.push(...faultsOf(batch));
      for (let b = 0; b < 8; b++) if (fromLeft(batch, b, step)) count++;
    }
    expect(faults).toEqual([]);
    // 1,600 rows at 3/4: 1,200, standard deviation 17.3; six of them either way.
    expect(Math.abs(count - 1200)).toBeLessThan(104);
  });

  it("is a function of seed, step and micro", () => {
    const make = (seed: number): BatchSource => new MixtureBatches([{ source: left, weight: 1 }, { source: right, weight: 1 }], { seed });
    expect(make(6).train(3, 1, 8, 12)).toEqual(make(6).train(3, 1, 8, 12));
    expect(make(6).train(3, 0, 8, 12).ids).not.toEqual(make(7).train(3, 0, 8, 12).ids);
  });

  it("never draws from a source of weight 0", () => {
    const mixture = new MixtureBatches([{ source: left, weight: 0 }, { source: right, weight: 1 }], { seed: 6 });
    for (let step = 0; step < 50; step++) expect(mixture.train(step, 0, 4, 12)).toEqual(right.train(step, 0, 4, 12));
  });

  it("ramps from one source to another over the stage's steps, and holds its held-out batches still in the middle", () => {
    const mixture = new MixtureBatches([{ source: left, weight: 1, endWeight: 0 }, { source: right, weight: 0, endWeight: 1 }], { seed: 6, steps: 201 });
    expect([0, 50, 200, 999].map((step) => mixture.weightsAt({ split: "train", step }))).toEqual([[1, 0], [0.75, 0.25], [0, 1], [0, 1]]);
    expect(mixture.weightsAt({ split: "validation", step: 7 })).toEqual([0.5, 0.5]);
    const count = (from: number, to: number): number => {
      let rows = 0;
      for (let step = from; step < to; step++) for (let r = 0; r < 8; r++) rows += mixture.sourceOf({ split: "train", step, micro: 0, row: r, rows: 8 });
      return rows;
    };
    // 400 rows each, an eighth and seven eighths of them: 50 and 350, standard deviation 6.6 at most, six of them either way.
    expect(Math.abs(count(0, 50) - 50)).toBeLessThan(40);
    expect(Math.abs(count(151, 201) - 350)).toBeLessThan(40);
    expect(hashOf({ endWeight: 2 })).not.toBe(hashOf({}));
  });

  const hashOf = (more: { endWeight?: number }): string => new MixtureBatches([{ source: left, weight: 1, ...more }, { source: right, weight: 1 }], { seed: 6 }).hash;

  it("leaves what only trains out of what is held out", () => {
    const mixture = new MixtureBatches([{ source: left, weight: 1 }, { source: right, weight: 9, onlyTrains: true }], { seed: 6 });
    for (let index = 0; index < 20; index++) expect(mixture.evaluate(index, 4, 12)).toEqual(left.evaluate(index, 4, 12));
    expect(mixture.weightsAt({ split: "train", step: 0 })).toEqual([1, 9]);
  });

  it("refuses weights that say nothing", () => {
    for (const weights of [[], [0, 0], [1, -1], [NaN, 1], [Infinity, 1]]) {
      expect(codeOf(() => new MixtureBatches(weights.map((weight) => ({ source: left, weight })), { seed: 1 }))).toBe("CONFIG_RANGE");
    }
  });

  it("has a hash of its sources and weights", () => {
    const hash = (weight: number): string => new MixtureBatches([{ source: left, weight }, { source: right, weight: 1 }], { seed: 6 }).hash;
    expect(hash(1)).toBe(hash(1));
    expect(hash(2)).not.toBe(hash(1));
  });
});
