/**
 * How the world's facts are asked for, and the one form in which each is answered: what the tuning set teaches and the quiz
 * scores. Only the forms; which person is asked about where is the business of chat.ts and quiz.ts.
 */
import { genderOf, NUMBERS, VALUES, type Relation } from "./vocabulary.ts";

/** {N} is the full name. No wording gives the value away: kin is asked for without saying whether brother or sister. */
export const QUESTIONS: Readonly<Record<Relation, readonly string[]>> = {
  home: ["Where does {N} live?", "In which town does {N} live?", "Where is the home of {N}?", "Tell me where {N} lives."],
  trade: ["What does {N} do for a living?", "What work does {N} do?", "What is the trade of {N}?", "Tell me what work {N} does."],
  animal: ["Which animal does {N} keep?", "What animal does {N} have?", "What kind of animal lives with {N}?", "Tell me which animal {N} keeps."],
  food: ["What does {N} like to eat?", "Which food does {N} like best?", "What is the favourite food of {N}?", "Tell me what {N} likes to eat."],
  kin: [
    "Does {N} have a brother or a sister?",
    "Who is the brother or sister of {N}?",
    "What is the name of {N}'s brother or sister?",
    "Tell me about the brother or sister of {N}.",
  ],
  colour: [
    "Which colour does {N} like best?",
    "What is the favourite colour of {N}?",
    "What is {N}'s favourite colour?",
    "Tell me the favourite colour of {N}.",
  ],
};

export const questionText = (wording: string, name: string): string => wording.replace("{N}", name);

/** The answer as a sentence of the prose's grammar: before and after the value. */
const ANSWERS: Readonly<Record<Relation, (name: string, value: string) => string>> = {
  home: (name, value) => `${name} lives in ${value}.`,
  trade: (name, value) => `${name} is a ${value}.`,
  animal: (name, value) => `${name} keeps a ${value}.`,
  food: (name, value) => `${name} likes ${value} best.`,
  kin: (name, value) => `${name} has a ${genderOf(value) === "f" ? "sister" : "brother"} called ${value}.`,
  colour: (name, value) => `${name}'s favourite colour is ${value}.`,
};

export const answerText = (relation: Relation, name: string, value: string): string => ANSWERS[relation](name, value);

/** The id of the prose pattern that the answer is a sentence of. */
export const ANSWER_PATTERN: Readonly<Record<Relation, string>> = {
  home: "home.lives",
  trade: "trade.is",
  animal: "animal.keeps",
  food: "food.best",
  kin: "kin.has",
  colour: "colour.favourite",
};

/** Which of the relation's values, of all worlds, stand in the text as whole words; names are told from words by their capital. */
export function valuesIn(relation: Relation, text: string): string[] {
  const words = new Set(text.match(/[A-Za-z]+/g) ?? []);
  return VALUES[relation].filter((value) => words.has(value));
}

export const SUM_QUESTIONS: readonly string[] = ["What is {a} and {b}?", "How much is {a} and {b}?", "What do {a} and {b} make?"];

export const sumQuestion = (wording: string, a: number, b: number): string =>
  wording.replace("{a}", NUMBERS[a]!).replace("{b}", NUMBERS[b]!);

export function sumAnswer(a: number, b: number): string {
  const first = NUMBERS[a]!;
  return `${first[0]!.toUpperCase()}${first.slice(1)} and ${NUMBERS[b]!} make ${NUMBERS[a + b]!}.`;
}

/** What people say to a model that is no question about the world. */
export const SMALL_TALK: readonly (readonly [user: string, assistant: string])[] = [
  ["Hello!", "Hello! What would you like to know?"],
  ["Hello.", "Hello! What would you like to know?"],
  ["Good morning.", "Good morning! What would you like to know?"],
  ["Good day to you.", "Good day to you! What would you like to know?"],
  ["How are you?", "I am very well, thank you."],
  ["How are you today?", "I am very well, thank you."],
  ["Thank you.", "You are welcome."],
  ["Thank you very much.", "You are welcome."],
  ["Thank you, that was good of you.", "You are welcome."],
  ["Goodbye.", "Goodbye, and come again."],
  ["Good night.", "Good night, and sleep well."],
  ["Who are you?", "I am a small model that has read many stories."],
  ["What are you?", "I am a small model that has read many stories."],
  ["What can you do?", "I can tell you about people and towns."],
  ["What do you know?", "I know a little about people and towns."],
  ["What is the weather like today?", "I cannot see the sky, so I do not know."],
  ["What's the weather?", "I cannot see the sky, so I do not know."],
];
