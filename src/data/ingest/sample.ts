/** Tokens of files of which only parts were read: taken evenly from all of them, each counted for its own size. What the parts are is `preview.ts`. */
import { columnsOf, encodeChat, type ChatExample } from "../chat.ts";
import { UNKNOWN, type Tokenizer } from "../tokenizer/types.ts";

/** Characters that tokens are estimated from, of all files together. */
const SAMPLE = 200_000;
/** A long text is sampled at so many places. */
const PLACES = 8;

/** Records from a part of a file. */
export interface Stretch {
  /** Bytes that were read for it, and bytes that it stands for: more, where not all was read. */
  readonly read: number;
  readonly bytes: number;
  /** Running text; "" where there are conversations. */
  readonly text: string;
  readonly examples: readonly ChatExample[];
}

export interface Estimate {
  readonly tokens: number;
  /** Share of the characters, 0 to 1, that the tokenizer has no token for. */
  readonly unknownShare: number;
  /** Share of all characters, 0 to 1, that was looked at. */
  readonly sampled: number;
  /** Conversations looked at, those of them that the context does not hold, and the tokens of the longest. */
  readonly examples?: { readonly seen: number; readonly tooLong: number; readonly longest: number; readonly context: number };
}

const contentsOf = (examples: readonly ChatExample[]): string[] => examples.flatMap(({ messages }) => messages.map(({ content }) => content));
const lengthOf = (texts: readonly { readonly length: number }[]): number => texts.reduce((sum, { length }) => sum + length, 0);
const sizeOf = ({ text, examples }: Stretch): number => text.length + lengthOf(contentsOf(examples));
const fullSizeOf = (stretch: Stretch): number => sizeOf(stretch) * (stretch.bytes / Math.max(1, stretch.read));

/** Characters of the records that the parts stand for: what columns or keys nobody reads hold is not among them. */
export const charactersOf = (stretches: readonly Stretch[]): number => stretches.reduce((sum, stretch) => sum + fullSizeOf(stretch), 0);

/** @param context columns of a row; the tokens of conversations that it does not hold are not counted. Undefined where there is no text. */
export function estimate(stretches: readonly Stretch[], tokenizer: Tokenizer, context: number): Estimate | undefined {
  const all = charactersOf(stretches);
  if (all === 0) return undefined;
  let [tokens, strange, sampled] = [0, 0, 0];
  let [seen, tooLong, longest] = [0, 0, 0];
  for (const stretch of stretches) {
    const full = fullSizeOf(stretch);
    if (full === 0) continue;
    const budget = SAMPLE * (full / all);
    const examples = evenItems(stretch.examples, budget / sizeOf(stretch));
    const texts = stretch.text === "" ? contentsOf(examples) : evenPieces(stretch.text, budget);
    const ids = texts.map((text) => tokenizer.encode(text));
    let counted = stretch.text === "" ? 0 : lengthOf(ids);
    for (const { messages } of examples) {
      const encoded = encodeChat(tokenizer, messages);
      const long = columnsOf(encoded) > context;
      seen++;
      if (long) tooLong++;
      else counted += encoded.ids.length;
      longest = Math.max(longest, encoded.ids.length);
    }
    const taken = Math.max(1, lengthOf(texts));
    tokens += (counted / taken) * full;
    strange += (ids.reduce((sum, each, i) => sum + unknownShare(tokenizer, each) * texts[i].length, 0) / taken) * full;
    sampled += taken;
  }
  return { tokens: Math.round(tokens), unknownShare: strange / all, sampled: Math.min(1, sampled / all), ...(seen > 0 ? { examples: { seen, tooLong, longest, context } } : {}) };
}

/** Pieces of a text from its beginning to its end, `budget` characters of it together; all of it where it is no longer. */
function evenPieces(text: string, budget: number): string[] {
  if (text.length <= budget) return [text];
  const length = Math.max(2, Math.floor(budget / PLACES));
  return Array.from({ length: PLACES }, (_, i) => {
    const from = Math.floor((i * Math.max(0, text.length - length)) / (PLACES - 1));
    // Half a character would be a strange one.
    return text.slice(from + (isLow(text, from) ? 1 : 0), from + length + (isLow(text, from + length) ? 1 : 0));
  });
}

const isLow = (text: string, at: number): boolean => at < text.length && (text.charCodeAt(at) & 0xfc00) === 0xdc00;

/** A share of the items, evenly, and one at least. */
function evenItems<T>(items: readonly T[], share: number): readonly T[] {
  if (share >= 1 || items.length === 0) return items;
  const count = Math.max(1, Math.floor(items.length * share));
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)]);
}

/** Share of the characters, 0 to 1, that the tokenizer has no token for: unknown ones, or such as only several tokens of bytes make up. */
export function unknownShare(tokenizer: Tokenizer, ids: Uint32Array): number {
  const unknown = tokenizer.specials.get(UNKNOWN);
  const decoder = tokenizer.streamDecoder();
  let characters = 0;
  let strange = 0;
  let held = false;
  for (const id of ids) {
    if (id === unknown) {
      characters++;
      strange++;
      continue;
    }
    const text = decoder.push(id);
    const count = [...text].length;
    characters += count;
    // The first character that comes out was begun by tokens before.
    if (held && count > 0) strange++;
    held = count === 0;
  }
  return characters === 0 ? 0 : strange / characters;
}
