import { beforeAll, describe, expect, it } from "vitest";
import { loadTokenizer, trainBpe, trainChar, type BpeTokenizer, type Tokenizer } from "../../src/data/tokenizer/index.ts";
import { errorOf } from "./support.ts";

const TEXT = "The cat sat on the mat and the cat sat on. 'Twas 42!\n".repeat(40);
const char = trainChar([TEXT]);
let bpe: BpeTokenizer;

beforeAll(async () => {
  bpe = await trainBpe([TEXT], { vocabSize: 300 });
});

const written = (tokenizer: Tokenizer): [string, string] => {
  const { tokenizerJson, tokenizerConfig } = tokenizer.toHuggingFace();
  return [JSON.stringify(tokenizerJson), JSON.stringify(tokenizerConfig)];
};

interface Editable {
  added_tokens: Record<string, unknown>[];
  model: { vocab: Record<string, number>; merges: unknown[]; [field: string]: unknown };
  [field: string]: unknown;
}

/** tokenizer.json with one fault. */
function damaged(tokenizer: Tokenizer, edit: (file: Editable) => void): Editable {
  const file = JSON.parse(written(tokenizer)[0]) as Editable;
  edit(file);
  return file;
}

describe("loadTokenizer", () => {
  it("reads back what was written, both kinds, from text and from values", () => {
    for (const tokenizer of [bpe, char]) {
      const [json, config] = written(tokenizer);
      const back = loadTokenizer(json, config);
      expect(back.kind).toBe(tokenizer.kind);
      expect(back.hash).toBe(tokenizer.hash);
      expect(back.encode(TEXT)).toEqual(tokenizer.encode(TEXT));
      expect(loadTokenizer(JSON.parse(json)).hash).toBe(tokenizer.hash);
      expect(written(back)).toEqual([json, config]);
    }
  });

  it("reads merges as pairs, and special tokens that stand only in added_tokens", () => {
    const pairs = damaged(bpe, (file) => {
      file.model.merges = file.model.merges.map((merge) => String(merge).split(" "));
    });
    expect(loadTokenizer(pairs).hash).toBe(bpe.hash);
    const extra = damaged(bpe, (file) => {
      file.added_tokens.push({ id: bpe.vocabSize, content: "<|tool|>", special: true, single_word: false, lstrip: false, rstrip: false });
    });
    expect(loadTokenizer(extra).specials.get("<|tool|>")).toBe(bpe.vocabSize);
    expect(loadTokenizer(extra).vocabSize).toBe(bpe.vocabSize + 1);
  });

  it("keeps a token called __proto__ as a token", () => {
    const [json, config] = written(trainCharOf("__proto__"));
    expect(json).toContain('"__proto__":');
    const back = loadTokenizer(json, config);
    expect(back.decode([back.specials.get("__proto__")!], { showSpecials: true })).toBe("__proto__");
    expect(written(back)[0]).toBe(json);
    expect(Object.keys(Object.prototype)).toEqual([]);
    const polluting = json.replace("{", '{"__proto__":{"polluted":1},');
    expect(loadTokenizer(polluting).hash).toBe(back.hash);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  const faults: [string, (file: Editable) => void][] = [
    ["another version", (f) => (f.version = "2.0")],
    ["a normalizer", (f) => (f.normalizer = { type: "NFC" })],
    ["another model", (f) => (f.model.type = "Unigram")],
    ["no model", (f) => delete (f as Partial<Editable>).model],
    ["dropout", (f) => (f.model.dropout = 0.1)],
    ["byte fallback", (f) => (f.model.byte_fallback = true)],
    ["ignored merges", (f) => (f.model.ignore_merges = true)],
    ["a word suffix", (f) => (f.model.end_of_word_suffix = "</w>")],
    ["another pre-tokenizer", (f) => (f.pre_tokenizer = { type: "Whitespace" })],
    ["a prefix space", (f) => (f.pre_tokenizer = { type: "ByteLevel", add_prefix_space: true, use_regex: true })],
    ["no regular expression", (f) => (f.pre_tokenizer = { type: "ByteLevel", add_prefix_space: false, use_regex: false })],
    ["another decoder", (f) => (f.decoder = { type: "WordPiece" })],
    ["a template post-processor", (f) => (f.post_processor = { type: "TemplateProcessing" })],
    ["an id twice", (f) => (f.model.vocab["Ġthe"] = 7)],
    ["a hole in the ids", (f) => (f.model.vocab["Ġthe"] = 9999)],
    ["a fractional id", (f) => (f.model.vocab["Ġthe"] = 270.5)],
    ["a negative id", (f) => (f.model.vocab["Ġthe"] = -1)],
    ["a vocabulary that is a list", (f) => ((f.model as Record<string, unknown>).vocab = [])],
    ["an empty vocabulary", (f) => (f.model.vocab = {})],
    ["a merge of unknown tokens", (f) => f.model.merges.push("Q! Z!")],
    ["a merge of three", (f) => f.model.merges.push("a b c")],
    ["a merge whose result is missing", (f) => f.model.merges.push("Q Z")],
    ["a merge that is a number", (f) => f.model.merges.push(5)],
    ["a merge twice", (f) => f.model.merges.push(f.model.merges[0])],
    ["merges that are no list", (f) => ((f.model as Record<string, unknown>).merges = "none")],
    ["an added token that is not special", (f) => (f.added_tokens[1].special = false)],
    ["an added token that strips", (f) => (f.added_tokens[1].lstrip = true)],
    ["an added token at another's id", (f) => (f.added_tokens[1].id = 40)],
    ["an added token without content", (f) => delete f.added_tokens[1].content],
  ];

  it.each(faults)("refuses %s", (_, edit) => {
    const error = errorOf(() => loadTokenizer(damaged(bpe, edit)));
    expect(error.code).toBe("TOKENIZER_FORMAT");
    expect(error.message).toMatch(/Nestling reads|Export the tokenizer/);
  });

  it.each([
    ["a token of two characters", (f: Editable) => renamed(f, "a", "ab")],
    ["no unknown token", (f: Editable) => (f.model.unk_token = null)],
    ["merges without a pre-tokenizer", (f: Editable) => f.model.merges.push("t h")],
  ])("refuses a character file with %s", (_, edit) => {
    expect(errorOf(() => loadTokenizer(damaged(char, edit))).code).toBe("TOKENIZER_FORMAT");
  });

  it.each([["nothing", undefined], ["null", null], ["a list", []], ["text that is not JSON", "{"], ["a number", 3]])("refuses %s in place of the file", (_, value) => {
    expect(errorOf(() => loadTokenizer(value)).code).toBe("TOKENIZER_FORMAT");
  });

  it("refuses a configuration that changes the text", () => {
    const [json] = written(bpe);
    expect(errorOf(() => loadTokenizer(json, { add_prefix_space: true })).code).toBe("TOKENIZER_FORMAT");
    expect(errorOf(() => loadTokenizer(json, "]")).code).toBe("TOKENIZER_FORMAT");
  });
});

function trainCharOf(special: string): Tokenizer {
  return trainChar([TEXT], { specials: ["<|unk|>", special] });
}

function renamed(file: Editable, from: string, to: string): void {
  file.model.vocab[to] = file.model.vocab[from];
  delete file.model.vocab[from];
}
