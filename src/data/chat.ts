/** Conversations as tokens: which tokens, and on which of them the loss lies. Reading JSONL is `ingest/jsonl.ts`. */
import { chatTurns, type ChatMessage, SPACE } from "./chat-template.ts";
import { datasetHash, specialId } from "./dataset.ts";
import type { Split } from "./split.ts";
import { ASSISTANT, END_OF_TEXT, END_OF_TURN, USER, type Tokenizer } from "./tokenizer/types.ts";

export { CHAT_TEMPLATE as chatTemplate, chatTurns, renderChat, type ChatMessage, type ChatTurn } from "./chat-template.ts";
export { parseChatJsonl, type ParsedChat } from "./ingest/jsonl.ts";

export interface ChatExample {
  readonly messages: readonly ChatMessage[];
}

export interface EncodedChat {
  readonly ids: Uint32Array;
  /** Beside `ids`: 1 where the token is to be predicted (the assistant's content and its `<|end|>`). Batches shift it with the targets. */
  readonly mask: Float32Array;
}

/**
 * `<|endoftext|><|user|> ...<|end|><|assistant|> ...<|end|>`, contents encoded apart from the markers, so nothing typed can become one.
 * With `addGenerationPrompt` a last `<|assistant|>` waits for the answer.
 * @throws NestlingError TOKENIZER_FORMAT where the tokenizer lacks a marker
 */
export function encodeChat(tokenizer: Tokenizer, messages: readonly ChatMessage[], options: { readonly addGenerationPrompt?: boolean } = {}): EncodedChat {
  const marker = { user: specialId(tokenizer, USER), assistant: specialId(tokenizer, ASSISTANT) };
  const end = specialId(tokenizer, END_OF_TURN);
  const ids = [specialId(tokenizer, END_OF_TEXT)];
  const mask = [0];
  for (const { role, content } of chatTurns(messages)) {
    const learned = role === "assistant" ? 1 : 0;
    ids.push(marker[role]);
    mask.push(0);
    for (const id of tokenizer.encode(SPACE + content)) {
      ids.push(id);
      mask.push(learned);
    }
    ids.push(end);
    mask.push(learned);
  }
  if (options.addGenerationPrompt) {
    ids.push(marker.assistant);
    mask.push(0);
  }
  return { ids: Uint32Array.from(ids), mask: Float32Array.from(mask) };
}

/** Columns of a row that a conversation takes: its last token is only ever a target. */
export const columnsOf = ({ ids }: Pick<EncodedChat, "ids">): number => ids.length - 1;

export interface ChatDataset {
  readonly train: readonly EncodedChat[];
  readonly validation: readonly EncodedChat[];
  readonly hash: string;
}

export function chatDataset(tokenizer: Tokenizer, { train, validation }: Split<EncodedChat>): ChatDataset {
  const parts = (examples: readonly EncodedChat[]): (Uint32Array | Float32Array)[] => examples.flatMap(({ ids, mask }) => [ids, mask]);
  return { train, validation, hash: datasetHash(["chat", tokenizer.hash, ...parts(train), "validation", ...parts(validation)]) };
}
