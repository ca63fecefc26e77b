import { beforeAll, describe, expect, it } from "vitest";
import { BOOKS } from "../../src/data/corpora/books.ts";
import { cleanBook, decodeBytes, toAscii, withoutNotices } from "../../src/data/corpora/clean.ts";
import { CORPORA, corpusPath, DOCUMENT_SEPARATOR, parseCorpus, serializeCorpus } from "../../src/data/corpora/index.ts";
import { packCorpora, type PackedCorpus } from "../../src/data/corpora/pack.ts";

const packed = new Map<string, PackedCorpus>();
beforeAll(async () => {
  for (const corpus of await packCorpora()) packed.set(corpus.id, corpus);
}, 60_000);

const textOf = (id: string): string => packed.get(id)!.documents.join("\n\n");

/** What matches, with a little of what stands around it: a failure then prints no book. */
const found = (text: string, pattern: RegExp): string[] => Array.from(text.matchAll(pattern), (m) => text.slice(Math.max(0, m.index - 20), m.index + 30)).slice(0, 5);

describe.each([
  // id, characters between, documents between, alphabet at most
  ["stories", 1_250_000, 1_320_000, 90, 110, 80],
  ["plays", 360_000, 380_000, 30, 36, 70],
  ["books", 11_200_000, 11_500_000, 1900, 2200, 84],
] as const)("the corpus %s", (id, least, most, fewest, documentsMost, alphabet) => {
  it("has the size it had when it was looked at", () => {
    expect(textOf(id).length).toBeGreaterThan(least);
    expect(textOf(id).length).toBeLessThan(most);
    expect(packed.get(id)!.documents.length).toBeGreaterThanOrEqual(fewest);
    expect(packed.get(id)!.documents.length).toBeLessThanOrEqual(documentsMost);
  });

  it("is printable ASCII and line feeds, in a small alphabet", () => {
    expect(found(textOf(id), /[^\n\x20-\x7e]/g)).toEqual([]);
    expect(new Set(textOf(id)).size).toBeLessThanOrEqual(alphabet);
  });

  it("holds no notice, licence, address or picture mark", () => {
    expect(found(textOf(id), /gutenberg|\be-?books?\b|copyright|\[illustration|https?:|www\.|\be-?texts?\b|small print|donations/gi)).toEqual([]);
  });

  it("holds no stray white space, marks of the transcription or empty documents", () => {
    expect(found(textOf(id), / {2}|[ \t]\n|\n |\n{3}|[_*{}|~^\\<=@]/g)).toEqual([]);
    for (const document of packed.get(id)!.documents) {
      expect(document.length).toBeGreaterThan(100);
      expect(document).toBe(document.trim());
    }
  });

  it("comes back from its file as it was", () => {
    const { documents } = packed.get(id)!;
    expect(parseCorpus(serializeCorpus(documents))).toEqual(documents);
    expect(documents.some((document) => document.includes(DOCUMENT_SEPARATOR))).toBe(false);
    expect(corpusPath(id)).toBe(`corpora/${id}.txt`);
  });
});

describe("this program's source", () => {
  it("is every TypeScript and WGSL file of the program, each opened by its path, and comes back from its file", () => {
    const { documents } = packed.get("own-code")!;
    const paths = documents.map((text) => text.slice(3, text.indexOf("\n")));
    expect(paths).toContain("src/data/corpora/pack.ts");
    expect(paths).toContain("shaders/softmax.wgsl");
    expect(paths).toContain("workers/engine.worker.ts");
    expect(paths.filter((path) => !/^(?:src|shaders|workers|scripts)\/[\w./-]+\.(?:ts|wgsl)$/.test(path))).toEqual([]);
    expect(paths).toEqual([...paths].sort());
    expect(new Set(paths).size).toBe(paths.length);
    expect(documents.join("").length).toBeGreaterThan(1_000_000);
    expect(documents.find((text) => text.startsWith("// src/data/corpora/pack.ts\n"))).toContain("export async function packOwnCode");
    expect(parseCorpus(serializeCorpus(documents))).toEqual(documents);
  });
});

describe("the cleaned texts", () => {
  it("are listed as they are packed, with a title and a description each", () => {
    expect([...packed.keys()]).toEqual(CORPORA.map(({ id }) => id));
    for (const { title, description } of CORPORA) expect(Math.min(title.length, description.length)).toBeGreaterThan(4);
  });

  it("leave out Burgess and keep every other book in Books", () => {
    expect(BOOKS).toHaveLength(17);
    expect(textOf("books").includes("Buster Bear")).toBe(false);
    for (const { corpora } of BOOKS) expect(corpora).toContain("books");
  });

  it("begin and end where the books do", () => {
    const stories = packed.get("stories")!.documents;
    expect(stories[0]).toMatch(/^CHAPTER I\. Down the Rabbit-Hole\n\nAlice was beginning to get very tired of sitting by her sister on the bank, and of having nothing to do: once or twice/);
    expect(stories.find((text) => text.startsWith("THE GINGERBREAD MAN"))).toContain("You can't catch me, I'm the Gingerbread Man!");
    expect(stories.at(-1)).toMatch(/^THE BASKET-WOMAN\..*by the honesty of her adopted children\."$/s);
    expect(packed.get("books")!.documents.some((text) => text.startsWith("CHAPTER 1\n\nLoomings.\n\nCall me Ishmael."))).toBe(true);
    expect(textOf("books").includes("ETYMOLOGY")).toBe(false);
  });

  it("join the lines of prose and keep those of verse", () => {
    expect(textOf("stories").includes("Once there was a little yellow Tulip, and she lived down in a little dark house under the ground.")).toBe(true);
    expect(textOf("stories").includes("There's a garden that I ken,\nFull of little gentlemen;")).toBe(true);
    expect(textOf("books").includes("Of Man's first disobedience, and the fruit\nOf that forbidden tree")).toBe(true);
  });

  it("part speeches and stage directions, and give a speech its full stop back", () => {
    expect(textOf("plays").includes("Fran. Barnardo?\n\nBar. He.\n\nFran. You come most carefully vpon your houre.")).toBe(true);
    expect(textOf("plays").includes("bid them make hast.\n\nEnter Horatio and Marcellus.\n\nFran.")).toBe(true);
    expect(textOf("plays").includes("Caesar")).toBe(true);
  });

  it("have no footnotes, and no verse numbers in the Bible", () => {
    expect(found(textOf("stories"), /hard-hearted man|Natural History of Selborne|Collyogh/g)).toEqual([]);
    expect(textOf("stories").includes("gave him a bundle of rushes.")).toBe(true);
    expect(textOf("books").includes("In the beginning God created the heaven and the earth.\n\nAnd the earth was without form")).toBe(true);
    expect(found(textOf("books"), /\d+:\d+/g)).toEqual([]);
  });
});

describe("cleaning", () => {
  it("reads UTF-8 where it is and Latin-1 where it is not", () => {
    expect(decodeBytes(Uint8Array.of(0x63, 0xc3, 0xa9))).toBe("cé");
    expect(decodeBytes(Uint8Array.of(0x63, 0xe9))).toBe("cé");
  });

  it("turns quotes, dashes and marked letters into ASCII", () => {
    expect(toAscii("\u2018a\u2019 \u201cb\u201d \u2014 caf\u00e9 C\u00e6sar \u2026 `x'")).toBe("'a' \"b\" -- cafe Caesar ... 'x'");
  });

  it("cuts Project Gutenberg's notices off both ends", () => {
    const text = "The Project Gutenberg EBook\n*** START OF THIS PROJECT GUTENBERG EBOOK X ***\nBody.\n*** END OF THIS PROJECT GUTENBERG EBOOK X ***\nLicence";
    expect(withoutNotices(text).trim()).toBe("Body.");
    expect(withoutNotices("Body only.")).toBe("Body only.");
  });

  it("cleans CRLF, pictures and a title line", () => {
    const book = { file: "x", form: "prose", corpora: ["books"], heading: /^NONE$/ } as const;
    expect(cleanBook("[A Book by Someone 1900] \r\n\r\nOne _two_.\r\n\r\n[Illustration: a\r\nhen]\r\n\r\n  *  *  *\r\n\r\nThree.\u001a\r\n\r\nTHE END\r\n", book)).toEqual(["One two.\n\nThree."]);
  });
});
