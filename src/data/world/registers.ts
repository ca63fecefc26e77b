/**
 * Three ways of saying one thing: plain, at court, at sea. A register puts words around a sentence of the world and changes none of
 * what it says, so content and tone are scored apart. Pure text; knows no people.
 */
import { Draws } from "../../core/random.ts";
import type { ChatExample } from "../chat.ts";
import { parseSentence } from "./sentences.ts";

export const REGISTERS = ["plain", "court", "sea"] as const;
export type Register = (typeof REGISTERS)[number];

/** Before and after the sentence; what stands before ends where the sentence begins, and what stands after is a sentence of its own. */
interface Frame {
  readonly before: string;
  readonly after: string;
}

const frame = (before: string, after: string): Frame => ({ before, after });

/** No frame holds a value of the world, which a quiz would take for an answer. */
const FRAMES: Readonly<Record<Register, readonly Frame[]>> = {
  plain: [frame("", "")],
  court: [
    frame("I humbly answer:", "I remain your servant."),
    frame("If it please you, noble friend:", "I bow to you."),
    frame("With the deepest respect:", "I remain your servant."),
    frame("By your gracious leave:", "I bow to you."),
  ],
  sea: [
    frame("Ahoy, mate:", "Now haul the anchor!"),
    frame("Shiver my timbers:", "Fair winds to you!"),
    frame("Aye aye, captain:", "Now haul the anchor!"),
    frame("Avast there, matey:", "Fair winds to you!"),
  ],
};

/** Words that only one register has. */
export const MARKERS: Readonly<Record<Exclude<Register, "plain">, readonly string[]>> = {
  court: ["humbly", "noble", "respect", "gracious", "servant", "bow"],
  sea: ["ahoy", "timbers", "aye", "avast", "anchor", "winds"],
};

/** The sentence in a register, by its `nth` frame (counted round). */
export function inRegister(register: Register, sentence: string, nth = 0): string {
  const frames = FRAMES[register];
  const { before, after } = frames[nth % frames.length]!;
  return [before, sentence, after].filter((part) => part !== "").join(" ");
}

export interface Toned {
  readonly register: Register;
  /** What stands within the frame. */
  readonly sentence: string;
}

/** Register and content of a text that is wholly in one; null where it is in none. Plain is a sentence of the world and nothing else. */
export function readRegister(text: string): Toned | null {
  const whole = text.trim();
  for (const register of REGISTERS) {
    for (const { before, after } of FRAMES[register]) {
      if (!whole.startsWith(before) || !whole.endsWith(after) || whole.length <= before.length + after.length) continue;
      const sentence = whole.slice(before.length, whole.length - after.length).trim();
      if (sentence !== "" && (register !== "plain" || parseSentence(sentence) !== null)) return { register, sentence };
    }
  }
  return null;
}

/** Style markers of a register, for each sentence-ending mark of the text; more than none where a text has no such mark. */
export function markersPerSentence(register: Exclude<Register, "plain">, text: string): number {
  const words = text.toLowerCase().match(/[a-z]+/g) ?? [];
  const sentences = Math.max(1, (text.match(/[.!?]/g) ?? []).length);
  return words.filter((word) => MARKERS[register].includes(word)).length / sentences;
}

/** Examples with their last answers in a register; what is asked stays as it is. */
export function toned(examples: readonly ChatExample[], register: Register, seed: number): ChatExample[] {
  const draws = new Draws(seed, "world", { site: `data/world/registers/${register}` });
  return examples.map(({ messages }) => ({
    messages: messages.map((message, i) => (i === messages.length - 1 && message.role === "assistant" ? { ...message, content: inRegister(register, message.content, draws.nextInt(FRAMES[register].length)) } : message)),
  }));
}
