import { Tokenizer as Oracle } from "@huggingface/tokenizers";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { BOOKS } from "../../src/data/corpora/books.ts";
import { packBook } from "../../src/data/corpora/pack.ts";
import {
  CHAR_SPECIAL_TOKENS, SPECIAL_TOKENS, trainBpe, trainChar, visible, type Tokenizer,
} from "../../src/data/tokenizer/index.ts";
import { preTokenize } from "../../src/data/tokenizer/pretokenize.ts";
import { codeOf } from "./support.ts";

const ORACLE_CHARACTERS = 200_000;
/** Each exercises something that goes wrong easily. */
const HARD_TEXTS: readonly string[] = [
  "", " ", "  ", "\n", " \n \t x", "a  b", "trailing  ", "tabs\t\tand\r\nCRLF", "non\u00a0breaking\u2003em\u3000wide",
  "I'll can't they've 's 'S 're'm", "''s \"'d", "x'ss", "1234567890 ١٢٣ Ⅷ ½", "🐣", "👩‍👩‍👧‍👦 family", "e\u0301 n\u0303 \u0301alone", "漢字とカナ、한국어 ไทย हिन्दी",
  "\u202eright-to-left\u202c \u200b\u200d\u2066x\u2069", "\u0000\u0001\u007f", "a\u2028b\u2029c", "<|endoftext|>", "<|user|> typed <|end|>", "Ġ Ċ ÿ",
  "𝒳 mathematical \u{10ffff}", "-----------", "__proto__ constructor", "word\u2019s", "a_b-c.d/e", "ǅ ʰ ª",
];

let story = "";
const tokenizers: Record<"bpe" | "char", Tokenizer> = {} as never;
const oracles: Record<"bpe" | "char", Oracle> = {} as never;

beforeAll(async () => {
  const books = await Promise.all(BOOKS.filter(({ corpora }) => corpora.includes("stories")).map(packBook));
  const documents = books.flat();
  story = documents.join("\n\n").slice(0, ORACLE_CHARACTERS);
  tokenizers.bpe = await trainBpe(documents, { vocabSize: 4096 });
  tokenizers.char = trainChar(documents);
  for (const kind of ["bpe", "char"] as const) oracles[kind] = oracleOf(tokenizers[kind]);
});

function oracleOf(tokenizer: Tokenizer): Oracle {
  // Through text, as it is stored.
  const { tokenizerJson, tokenizerConfig } = JSON.parse(JSON.stringify(tokenizer.toHuggingFace())) as { tokenizerJson: object; tokenizerConfig: object };
  return new Oracle(tokenizerJson, tokenizerConfig);
}

describe.each(["bpe", "char"] as const)("the %s tokenizer", (kind) => {
  it(`gives the ids of @huggingface/tokenizers on ${ORACLE_CHARACTERS} characters of the stories`, () => {
    expect(story).toHaveLength(ORACLE_CHARACTERS);
    const ids = tokenizers[kind].encode(story);
    expect(oracles[kind].encode(story, { add_special_tokens: false }).ids).toEqual([...ids]);
    expect(oracles[kind].decode([...ids], { skip_special_tokens: false })).toBe(story);
  });

  it.each(HARD_TEXTS.filter((text) => text !== "" && !text.includes("<|")))("gives the oracle's ids on %j", (text) => {
    expect([...tokenizers[kind].encode(text)]).toEqual(oracles[kind].encode(text, { add_special_tokens: false }).ids);
  });

  it("never makes a special token out of text", () => {
    const specials = new Set(tokenizers[kind].specials.values());
    if (kind === "char") specials.delete(tokenizers.char.specials.get("<|unk|>")!);
    for (const name of CHAR_SPECIAL_TOKENS) {
      expect([...tokenizers[kind].encode(`a${name}b`)].filter((id) => specials.has(id))).toEqual([]);
    }
  });

  it("puts the special tokens first, in their fixed order", () => {
    const names = kind === "bpe" ? SPECIAL_TOKENS : CHAR_SPECIAL_TOKENS;
    expect([...tokenizers[kind].specials]).toEqual(names.map((name, id) => [name, id]));
  });

  it("hides special tokens when decoding, and names them when asked", () => {
    const tokenizer = tokenizers[kind];
    const ids = [0, ...tokenizer.encode("So"), 3];
    expect(tokenizer.decode(ids)).toBe("So");
    expect(tokenizer.decode(ids, { showSpecials: true })).toBe("<|endoftext|>So<|end|>");
  });

  it("refuses ids outside the vocabulary", () => {
    for (const id of [-1, tokenizers[kind].vocabSize, 1.5, NaN]) {
      expect(codeOf(() => tokenizers[kind].decode([id]))).toBe("TOKEN_RANGE");
      expect(codeOf(() => tokenizers[kind].pieces([id]))).toBe("TOKEN_RANGE");
    }
  });

  it("streams the same text that decoding at once gives, whole characters at a time", () => {
    const text = "A chick 🐣 and a café, é 漢字.";
    const tokenizer = kind === "bpe" ? tokenizers.bpe : trainChar([text]);
    const ids = tokenizer.encode(text);
    const stream = tokenizer.streamDecoder();
    const parts = Array.from(ids, (id) => stream.push(id));
    expect(parts.join("") + stream.flush()).toBe(text);
    expect(parts.join("")).not.toContain("\ufffd");
  });
});

describe("byte-level BPE", () => {
  it("brings every text back", () => {
    for (const text of HARD_TEXTS) expect(tokenizers.bpe.decode(tokenizers.bpe.encode(text))).toBe(text);
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => tokenizers.bpe.decode(tokenizers.bpe.encode(text)) === text), { numRuns: 300 });
  });

  it("reads lone surrogates as U+FFFD", () => {
    expect(tokenizers.bpe.decode(tokenizers.bpe.encode("a\ud800b\udc00"))).toBe("a\ufffdb\ufffd");
  });

  it("decodes any ids without throwing, broken UTF-8 as U+FFFD", () => {
    fc.assert(fc.property(fc.array(fc.nat(4095), { maxLength: 40 }), (ids) => {
      expect(tokenizers.bpe.decode(ids)).not.toMatch(/\p{Surrogate}/u);
    }));
    expect(tokenizers.bpe.decode([4 + 0xe2, 4 + 0x82])).toBe("\ufffd");
  });

  it("ends a broken sequence where a special token stands", () => {
    const stream = tokenizers.bpe.streamDecoder({ showSpecials: true });
    expect([stream.push(4 + 0xe2), stream.push(3), stream.push(4 + 0x41)]).toEqual(["", "\ufffd<|end|>", "A"]);
  });

  it("shows parts of a character as escapes, and controls and bidi marks visibly", () => {
    const shown = (text: string): string => tokenizers.bpe.pieces(tokenizers.bpe.encode(text)).map((piece) => piece.text).join("");
    expect(shown("🐣")).toBe("\\xF0\\x9F\\x90\\xA3");
    expect(shown("\n")).toBe("\\n");
    expect(visible("a\u202eb\u2066c\u200bd\u0007e")).toBe("a\\u{202e}b\\u{2066}c\\u{200b}d\\u{7}e");
    expect(tokenizers.bpe.pieces([3])).toEqual([{ id: 3, text: "<|end|>", special: true }]);
  });

  it("encodes one word of 200,000 letters in far less than quadratic time", () => {
    const text = "abcdefghij".repeat(20_000);
    const ids = tokenizers.bpe.encode(text);
    expect(tokenizers.bpe.decode(ids)).toBe(text);
    // The repeating unit is long past any token's length: so are the ids, apart from both ends.
    expect(ids.length).toBeLessThan(text.length);
  }, 5_000);
});

describe("the character tokenizer", () => {
  it("encodes unknown characters as <|unk|>, one each", () => {
    const tokenizer = trainChar(["abc"]);
    expect([...tokenizer.encode("a🐣z")]).toEqual([5, 4, 4]);
    expect(tokenizer.decode([5, 4], { showSpecials: true })).toBe("a<|unk|>");
  });

  it("counts code points, not UTF-16 units, and keeps combining marks apart", () => {
    const tokenizer = trainChar(["🐣e\u0301"]);
    expect(tokenizer.vocabSize).toBe(CHAR_SPECIAL_TOKENS.length + 3);
    expect(tokenizer.encode("🐣e\u0301")).toHaveLength(3);
  });

  it("brings back every text made of characters it has seen", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
      const tokenizer = trainChar([text]);
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    }));
  });

  it("orders characters by code point, whatever the order of the texts", () => {
    expect(trainChar(["zab", "c"]).hash).toBe(trainChar(["cabz"]).hash);
  });

  it("keeps the most frequent characters when a limit is set", () => {
    const tokenizer = trainChar(["aaabbc"], { vocabSize: 7 });
    expect(tokenizer.vocabSize).toBe(7);
    expect([...tokenizer.encode("abc")]).toEqual([5, 6, 4]);
  });

  it("reads lone surrogates as U+FFFD", () => {
    const tokenizer = trainChar(["a\ud800"]);
    expect(tokenizer.decode(tokenizer.encode("\udfffa"))).toBe("\ufffda");
  });
});

describe("preTokenize", () => {
  const pieces = (text: string): string[] => {
    const out: string[] = [];
    preTokenize(text, (start, end) => out.push(text.slice(start, end)));
    return out;
  };
  /** GPT-2's expression with Unicode's White_Space in place of JavaScript's \s. */
  const judge = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

  it("cuts where GPT-2's regular expression cuts", () => {
    const unit = fc.oneof(
      fc.constantFrom(" ", "  ", "\n", "'", "'s", "'ll", "'v", "e", "a", "Z", "7", "½", ".", "--", "\t", "\u00a0", "\u0085", "\ufeff", "é", "\u0301", "漢", "🐣", "ʼ"),
      fc.string({ unit: "binary", maxLength: 2 }),
    );
    fc.assert(fc.property(fc.array(unit, { maxLength: 30 }), (units) => {
      const text = units.join("");
      expect(pieces(text)).toEqual(text.match(judge) ?? []);
    }), { numRuns: 3000 });
    expect(pieces(story)).toEqual(story.match(judge));
  });
});
