/** Tables of questions and answers as a person may write them, and the shipped base in an engine in Node. Asserts nothing. */
import { readFileSync } from "node:fs";
import type { AskRequest } from "../../src/protocol/messages.ts";
import { fetchFile, startTestEngine, type TestEngine } from "./engine-env.ts";

export interface TableRow {
  readonly question: string;
  readonly answer: string;
}

/** Ten short rows about one fox, each worded unlike the others. */
const FOX = [
  ["Who are you?", "I am Pip, a small fox."],
  ["What is your name?", "My name is Pip."],
  ["Where do you live?", "I live under the garden."],
  ["What do you eat?", "I eat bread and apples."],
  ["What colour are you?", "I am red and white."],
  ["Who is your friend?", "My friend is the old hen."],
  ["Where is the king?", "The king is in his house."],
  ["What is two and two?", "Two and two is four."],
  ["Do you like the sun?", "Yes, I like the sun very much."],
  ["When do you sleep?", "I sleep when the day is warm."],
] as const;

const COLOURS = ["red", "blue", "green", "white", "black", "brown", "grey", "pink"];
const ANIMALS = ["fox", "hen", "cat", "dog", "cow", "goat", "king", "boy", "girl", "bear", "bird", "fish", "horse", "mouse", "queen", "man"];
const VERBS = ["like", "eat", "see", "find", "want", "have", "sell", "make", "take", "love", "know", "seek", "buy"];
const THINGS = ["bread", "apples", "the river", "the garden", "a stone", "flowers", "the sun", "a house", "gold", "the mill", "a tree"];

/** Rows that differ in a word or two: harder to keep apart than any that are worded each in its own way. No question twice. */
function alike(count: number): TableRow[] {
  const rows = new Map<string, TableRow>();
  for (let i = 0; rows.size < count; i++) {
    const question = `What does the ${COLOURS[i % 8]} ${ANIMALS[(i * 5 + Math.floor(i / 16)) % 16]} ${VERBS[(i * 3) % 13]}?`;
    if (!rows.has(question)) rows.set(question, { question, answer: `It ${VERBS[(i * 3) % 13]}s ${THINGS[(i * 7 + Math.floor(i / 11) * 3) % 11]} and ${THINGS[(i * 4 + 1) % 11]}.` });
  }
  return [...rows.values()];
}

/** Up to ten rows are the fox's. */
export const exampleTable = (count: number): TableRow[] => (count <= FOX.length ? FOX.slice(0, count).map(([question, answer]) => ({ question, answer })) : alike(count));

/** An engine with the models that ship. */
export function startWithBase(): Promise<TestEngine> {
  return startTestEngine(undefined, {
    fetchFile: (path) => (path.startsWith("base/") ? Promise.resolve(new Uint8Array(readFileSync(new URL(`../../public/${path}`, import.meta.url)))) : fetchFile(path)),
  });
}

/** What a model answers to each question, as Ask shows it. */
export async function askAll(engine: TestEngine, checkpointId: string, prompts: readonly string[], sampling: Pick<AskRequest, "temperature" | "top_k" | "top_p" | "max_new_tokens" | "seed">): Promise<string[]> {
  const from = engine.events.length;
  const idOf = (i: number): string => `${checkpointId}-${sampling.temperature * 100}-${sampling.seed}-${i}`;
  for (const [i, prompt] of prompts.entries()) await engine.api.ask({ requestId: idOf(i), sides: [{ side: "only", checkpointId }], prompt, chat: true, ...sampling });
  // Events come in batches.
  await new Promise((resolve) => setTimeout(resolve, 300));
  const texts = new Map<string, string>();
  for (const event of engine.events.slice(from)) if (event.type === "token" && !event.token.special) texts.set(event.requestId, (texts.get(event.requestId) ?? "") + event.token.text);
  return prompts.map((_, i) => (texts.get(idOf(i)) ?? "").trim());
}
