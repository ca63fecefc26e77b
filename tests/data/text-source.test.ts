/** Text in pieces: what is split and cut piece by piece is what whole texts give. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { trainBpe } from "../../src/data/tokenizer/index.ts";
import { splitDocuments, splitStream, type Split } from "../../src/data/split.ts";
import { readDocuments, readExamples, RecordBytes, type OpenBytes } from "../../src/data/stored-text.ts";
import { encodablePieces, sourceOf, splitSource, type PartPiece, type TextSource } from "../../src/data/text-source.ts";

/** A source whose documents come in pieces of the given size. */
function pieced(documents: readonly string[], size: number): TextSource {
  return {
    ...sourceOf(documents),
    *pieces() {
      for (const text of documents) {
        const chars = [...text];
        for (let i = 0; i < chars.length; i += size) yield { text: chars.slice(i, i + size).join(""), ends: false };
        yield { text: "", ends: true };
      }
    },
  };
}

function gathered(pieces: Iterable<PartPiece>): Split<string> {
  const parts: { train: string[]; validation: string[] } = { train: [], validation: [] };
  for (const { part, text, begins } of pieces) {
    if (begins) parts[part].push(text);
    else parts[part][parts[part].length - 1] += text;
  }
  return parts;
}

const stored = (documents: readonly string[]): OpenBytes => {
  const bytes = new RecordBytes();
  for (const text of documents) {
    bytes.text(text);
    bytes.endDocument();
  }
  return openBytes(Buffer.concat(bytes.take()));
};
const openBytes = (all: Buffer): OpenBytes => ({
  bytes: all.length,
  read: (start, into) => {
    const found = all.subarray(start, start + into.length);
    into.set(found);
    return found.length;
  },
});

describe("splitSource", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b ", "\n", "\u00e9", "\ud83d\udc23"), minLength: 1, maxLength: 30 });

  it("gives the parts that whole documents give, with few documents and with many, however they are pieced", () => {
    fc.assert(fc.property(fc.array(text, { minLength: 1, maxLength: 24 }), fc.integer({ min: 1, max: 9 }), (documents, size) => {
      const source = pieced(documents, size);
      expect(gathered(splitSource(source, { stream: false }))).toEqual(splitDocuments(documents));
      expect(gathered(splitSource(source, { stream: true }))).toEqual(splitStream(documents));
    }), { numRuns: 600 });
  });

  it("holds out about a tenth of a million documents and more, the same ones at every reading", () => {
    const documents = (1 << 20) + 1;
    const source: TextSource = { documents, characters: documents, *pieces() { for (let i = 0; i < documents; i++) yield { text: "x", ends: true }; } };
    const count = (): number => {
      let held = 0;
      for (const { part } of splitSource(source, { stream: false })) if (part === "validation") held++;
      return held;
    };
    const held = count();
    // 1,048,577 draws at 0.1: 104,858, standard deviation 307; six of them either way.
    expect(Math.abs(held - 104_858)).toBeLessThan(1843);
    expect(count()).toBe(held);
  });
});

describe("encodablePieces", () => {
  const encode = async (text: string): Promise<{ whole: Uint32Array; parts: number[]; pieces: string[] }> => {
    const bpe = await trainBpe([text.slice(0, 50_000)], { vocabSize: 400 });
    // The training part: where validation begins, a word may be cut.
    const pieces = [...encodablePieces(splitSource(pieced([text], 70_000), { stream: false }))].flatMap((piece) => (piece.part === "train" ? [piece.text] : []));
    return { whole: bpe.encode(pieces.join("")), parts: pieces.flatMap((piece) => [...bpe.encode(piece)]), pieces };
  };

  it.each([
    ["lines", (i: number) => `Line ${i} of it,  I'll say\u00a0\n${i % 3 ? "" : "\n  "}so`],
    ["one line", (i: number) => `word${i}  and 'll`],
  ])("encode, each on its own, to what the whole does: %s", async (_, make) => {
    const { whole, parts, pieces } = await encode(Array.from({ length: 60_000 }, (_2, i) => make(i)).join(" "));
    expect(pieces.length).toBeGreaterThan(2);
    expect(Buffer.compare(Buffer.from(Uint32Array.from(parts).buffer), Buffer.from(whole.buffer))).toBe(0);
  });

  it("stay short where no white space comes, and lose nothing", () => {
    const text = "\ud83d\udc23x".repeat(900_000);
    const pieces = [...encodablePieces(splitSource(pieced([text], 100_000), { stream: true }))].map((piece) => piece.text);
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThanOrEqual(1 << 20);
    expect(pieces.join("") === text).toBe(true);
    expect(pieces.every((piece) => !/\p{Surrogate}/u.test(piece))).toBe(true);
  });

  it("keep documents and parts apart", () => {
    const documents = Array.from({ length: 30 }, (_, i) => `document ${i}`);
    expect(gathered(encodablePieces(splitSource(sourceOf(documents), { stream: false })))).toEqual(splitDocuments(documents));
  });
});

describe("stored text", () => {
  it("comes back document by document, whatever characters it has and however long it is", () => {
    const long = "\u00e9\ud83d\udc23 long ".repeat(300_000);
    const documents = ["\ufeffa", "", long, "last\n", "\uffff\u0000"];
    const back: string[] = [""];
    for (const { text, ends } of readDocuments(stored(documents))) {
      back[back.length - 1] += text;
      if (ends) back.push("");
    }
    expect(back.slice(0, -1).map((text, i) => text === documents[i])).toEqual(documents.map(() => true));
  });

  it("writes a lone surrogate as U+FFFD, which is as long", () => {
    expect([...readDocuments(stored(["a\ud800b"]))].map(({ text }) => text).join("")).toBe("a\ufffdb");
  });

  it("gives examples back as they were", () => {
    const examples = Array.from({ length: 50_000 }, (_, i) => ({ messages: [{ role: "user" as const, content: `who\nis ${i}?` }, { role: "assistant" as const, content: `\u00e9 ${i}` }] }));
    const bytes = new RecordBytes();
    for (const example of examples) bytes.example(example);
    const back = [...readExamples(openBytes(Buffer.concat(bytes.take())))];
    expect(JSON.stringify(back) === JSON.stringify(examples)).toBe(true);
  });
});
