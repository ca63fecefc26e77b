/** One answer, token by token: from a prompt to `token` events, with the template's markers, up to the end of the turn. */
import { END_OF_TEXT, END_OF_TURN, specialId, type Tokenizer } from "../data/index.ts";
import type { Generator, SamplingSettings } from "../model/generator.ts";
import type { AnswerToken } from "../protocol/messages.ts";
import { promptIds } from "./quiz.ts";

export interface AnswerRequest extends SamplingSettings {
  readonly prompt: string;
  readonly chat: boolean;
}

export interface AnswerEnd {
  readonly reason: "end" | "length" | "stopped";
  readonly note?: string;
}

/**
 * @param push called for each token of the answer; the closing marker is pushed too
 * @param stopped asked before each token
 * @param breathe awaited after each token, so that a stop can arrive
 */
export async function answer(
  generator: Generator, tokenizer: Tokenizer, request: AnswerRequest, push: (token: AnswerToken) => void, stopped: () => boolean, breathe: () => Promise<void>,
): Promise<AnswerEnd> {
  const stops = [specialId(tokenizer, END_OF_TURN), specialId(tokenizer, END_OF_TEXT)];
  const decoder = tokenizer.streamDecoder({ showSpecials: true });
  const special = new Set(tokenizer.specials.values());
  const ids = promptIds(tokenizer, request.prompt, request.chat);
  let note: string | undefined = ids.length >= generator.blockSize ? `The prompt has ${ids.length} tokens; the model sees the last ${generator.blockSize - 1}.` : undefined;
  let first = request.chat;
  for await (const { tokens, probs, shifted } of generator.generate([ids], request)) {
    if (stopped()) return { reason: "stopped", note };
    if (shifted) note = `The context of ${generator.blockSize} tokens was full; the older half was dropped.`;
    const id = tokens[0]!;
    // The template's space after the marker belongs to the first piece; it is not part of what is said.
    const text = decoder.push(id);
    push({ id, text: first ? text.replace(/^ /, "") : text, special: special.has(id), p: probs[0]! });
    first &&= text === "";
    if (stops.includes(id)) return { reason: "end", note };
    await breathe();
  }
  const rest = decoder.flush();
  if (rest) push({ id: -1, text: rest, special: false, p: 0 });
  return { reason: "length", note };
}
