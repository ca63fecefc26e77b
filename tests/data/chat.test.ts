import { Tokenizer as Oracle } from "@huggingface/tokenizers";
import { describe, expect, it } from "vitest";
import { MAX_JSON_DEPTH } from "../../src/data/ingest/jsonl.ts";
import { MAX_LINE_LENGTH } from "../../src/data/ingest/types.ts";
import { chatTemplate, encodeChat, parseChatJsonl, renderChat, type ChatMessage } from "../../src/data/chat.ts";
import { trainBpe, trainChar } from "../../src/data/tokenizer/index.ts";
import golden from "./golden/chat-template.json" with { type: "json" };
import { codeOf, errorOf } from "./support.ts";

const line = (...messages: [string, unknown][]): string => JSON.stringify({ messages: messages.map(([role, content]) => ({ role, content })) });
const GOOD = line(["user", "Hello"], ["assistant", "Good day."]);

describe("the chat template", () => {
  it("is the text that Jinja2 rendered for the golden file", () => {
    expect(chatTemplate).toBe(golden.template);
  });

  it.each(golden.cases)("renders conversation %# as Jinja2 does", ({ messages, addGenerationPrompt, rendered }) => {
    expect(renderChat(messages as ChatMessage[], { addGenerationPrompt })).toBe(rendered);
  });

  it("folds the system message into the first user's turn", () => {
    expect(renderChat([{ role: "system", content: "Be brief." }, { role: "user", content: "Hi" }], { addGenerationPrompt: true }))
      .toBe("<|endoftext|><|user|> Be brief.\n\nHi<|end|><|assistant|>");
  });
});

describe("encodeChat", () => {
  const tokenizer = trainChar(["Hello day.Good <|user|>"]);

  it("marks the assistant's content and its end token, and nothing else", () => {
    const { ids, mask } = encodeChat(tokenizer, [{ role: "user", content: "Hello" }, { role: "assistant", content: "Good" }]);
    const learned = tokenizer.pieces(ids.filter((_, i) => mask[i] === 1)).map(({ text }) => text);
    expect(learned).toEqual([" ", "G", "o", "o", "d", "<|end|>"]);
    expect(tokenizer.decode(ids, { showSpecials: true })).toBe("<|endoftext|><|user|> Hello<|end|><|assistant|> Good<|end|>");
    expect(mask.length).toBe(ids.length);
  });

  it("ends with a waiting assistant marker when a generation prompt is asked for", () => {
    const { ids } = encodeChat(tokenizer, [{ role: "user", content: "Hello" }], { addGenerationPrompt: true });
    expect(tokenizer.decode(ids, { showSpecials: true })).toBe("<|endoftext|><|user|> Hello<|end|><|assistant|>");
  });

  it("keeps markers that a person typed as plain text", () => {
    const { ids } = encodeChat(tokenizer, [{ role: "user", content: "<|user|>" }]);
    const user = tokenizer.specials.get("<|user|>");
    expect([...ids].filter((id) => id === user)).toHaveLength(1);
    expect(tokenizer.decode(ids)).toBe(" <|user|>");
  });

  it("gives the ids that the rendered template has in @huggingface/tokenizers", async () => {
    const bpe = await trainBpe(["Who are you? A small nestling, and a very good day to you. ".repeat(20)], { vocabSize: 300 });
    const messages: ChatMessage[] = [
      { role: "system", content: "Be good. " }, { role: "user", content: " Who are you?" }, { role: "assistant", content: "A nestling.\n" },
    ];
    for (const each of [bpe, tokenizer]) {
      const { tokenizerJson, tokenizerConfig } = each.toHuggingFace();
      const oracle = new Oracle(tokenizerJson, tokenizerConfig);
      const text = renderChat(messages, { addGenerationPrompt: true });
      expect([...encodeChat(each, messages, { addGenerationPrompt: true }).ids]).toEqual(oracle.encode(text, { add_special_tokens: false }).ids);
    }
  });
});

describe("parseChatJsonl", () => {
  it("reads examples over empty lines, CRLF and a byte order mark", () => {
    const { examples, skipped } = parseChatJsonl(`\ufeff${GOOD}\r\n\r\n   \n${GOOD}`);
    expect(examples).toHaveLength(2);
    expect(examples[1].messages).toEqual([{ role: "user", content: "Hello" }, { role: "assistant", content: "Good day." }]);
    expect(skipped).toBe(0);
  });

  it("names line and column of what is not JSON", () => {
    const error = errorOf(() => parseChatJsonl(`${`${GOOD}\n`.repeat(16)}{"messages": [}`));
    expect(error).toMatchObject({ code: "JSONL_PARSE", details: { line: 17, column: 15 } });
    expect(error.message).toContain("Line 17");
  });

  it("skips bad lines when told to, counts them and keeps the reasons", () => {
    const parsed = parseChatJsonl(`${GOOD}\nnot json\n{"messages":3}\n${GOOD}`, { onBad: "skip" });
    expect(parsed.examples).toHaveLength(2);
    expect(parsed.skipped).toBe(2);
    expect(parsed.problems.map(({ code }) => code)).toEqual(["JSONL_PARSE", "JSONL_SCHEMA"]);
  });

  it.each([
    ["no messages", "{}"],
    ["messages that are no list", '{"messages":{}}'],
    ["an unknown role", line(["tool", "x"], ["assistant", "y"])],
    ["content that is a number", line(["user", 7], ["assistant", "y"])],
    ["a missing content", '{"messages":[{"role":"user"},{"role":"assistant","content":"y"}]}'],
    ["a system message in the middle", line(["user", "x"], ["system", "z"], ["assistant", "y"])],
    ["an assistant who begins", line(["assistant", "y"], ["user", "x"])],
    ["nothing to learn from", line(["user", "x"])],
    ["a list at the top", "[]"],
    ["null", "null"],
  ])("refuses %s as JSONL_SCHEMA", (_, text) => {
    expect(codeOf(() => parseChatJsonl(`${GOOD}\n${text}`))).toBe("JSONL_SCHEMA");
  });

  it("refuses nesting deeper than the cap, without a stack overflow", () => {
    const deep = `{"messages":${"[".repeat(10_000)}${"]".repeat(10_000)}}`;
    expect(errorOf(() => parseChatJsonl(deep))).toMatchObject({ code: "JSONL_TOO_DEEP", details: { line: 1, allowed: MAX_JSON_DEPTH } });
    const atCap = `{"extra":${"[".repeat(MAX_JSON_DEPTH - 1)}${"]".repeat(MAX_JSON_DEPTH - 1)},${GOOD.slice(1)}`;
    expect(parseChatJsonl(atCap).examples).toHaveLength(1);
  });

  it("refuses a line over the limit and takes one at the limit", () => {
    const padded = (length: number): string => line(["user", "x".repeat(length - line(["user", ""], ["assistant", "y"]).length)], ["assistant", "y"]);
    expect(parseChatJsonl(padded(MAX_LINE_LENGTH)).examples).toHaveLength(1);
    expect(errorOf(() => parseChatJsonl(`${GOOD}\n${padded(MAX_LINE_LENGTH + 1)}`))).toMatchObject({ code: "JSONL_LINE_TOO_LONG", details: { line: 2, length: MAX_LINE_LENGTH + 1 } });
  });

  it("ignores __proto__ and constructor keys and leaves prototypes alone", () => {
    const { examples } = parseChatJsonl(`{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},${GOOD.slice(1)}`);
    expect(examples).toHaveLength(1);
    expect(Object.keys(examples[0])).toEqual(["messages"]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(codeOf(() => parseChatJsonl('{"__proto__":{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"y"}]}}'))).toBe("JSONL_SCHEMA");
  });

  it("refuses a file without examples", () => {
    expect(codeOf(() => parseChatJsonl(""))).toBe("DATA_EMPTY");
    expect(codeOf(() => parseChatJsonl("\n\n"))).toBe("DATA_EMPTY");
  });
});
