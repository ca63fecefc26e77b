/** Text as it is found: letters doubled, dropped and swapped, capitals lost, words out of order, sentences cut and said twice, lines that belong to no text. */
import { Draws } from "../../core/random.ts";
import { splitSentences } from "./grammar.ts";
import { checkRange } from "./world.ts";

const BOILERPLATE: readonly string[] = ["click here to read more", "page 3 of 7", "all rights reserved", "back to the top", "share this story"];

type Fault = (draws: Draws, sentence: string) => string;

/** Somewhere inside, so that there is something on both sides. */
const inside = (draws: Draws, length: number): number => 1 + draws.nextInt(Math.max(1, length - 2));

const FAULTS: readonly Fault[] = [
  (draws, text) => {
    const at = inside(draws, text.length);
    return text.slice(0, at) + text[at]! + text.slice(at);
  },
  (draws, text) => {
    const at = inside(draws, text.length);
    return text.slice(0, at) + text.slice(at + 1);
  },
  (_, text) => `${text.toLowerCase()}!`,
  (draws, text) => {
    // A space more at the end, so that two words alike are spoilt too.
    const words = text.split(" ");
    const at = draws.nextInt(Math.max(1, words.length - 1));
    return [...words.slice(0, at), ...words.slice(at, at + 2).reverse(), ...words.slice(at + 2)].join(" ").concat(" ");
  },
  (draws, text) => text.slice(0, inside(draws, text.length)),
  (_, text) => `${text} ${text}`,
  (draws, text) => `${text} ${draws.nextPick(BOILERPLATE)}`,
];

/**
 * The documents with `rate` of all their sentences spoilt, to rounding, each by one fault; the others are as they were.
 * @throws NestlingError CONFIG_RANGE for a rate outside 0 to 1
 */
export function noisyProse(documents: readonly string[], { rate, seed }: { readonly rate: number; readonly seed: number }): string[] {
  checkRange("rate", rate, 0, 1, false);
  const draws = new Draws(seed, "world", { site: "data/world/noise" });
  const cut = documents.map(splitSentences);
  const places = cut.flatMap((sentences, d) => sentences.map((_, s) => `${d} ${s}`));
  const spoilt = new Set(draws.shuffle([...places]).slice(0, Math.round(rate * places.length)));
  return cut.map((sentences, d) => sentences.map((sentence, s) => (spoilt.has(`${d} ${s}`) ? draws.nextPick(FAULTS)(draws, sentence) : sentence)).join(" "));
}
