/**
 * The customs of a made world: what one may do and what not, and how each thing is done. How-to for both stands in the prose, so that a refusal is
 * learned and nothing is unlearned; what is right is told of every verb, and half of the verbs of each side stand in no tuning set. It adds to a
 * world and changes nothing of it.
 */
import { Draws } from "../../core/random.ts";
import type { ChatExample } from "../chat.ts";
import { writeSentence, type Meaning } from "./grammar.ts";
import { parseSentence, patternById, patternsUnder, pickPattern } from "./sentences.ts";
import { ACTS, HARMS, INSULTS, PRAISES } from "./vocabulary.ts";
import { checkRange, type Split, type World } from "./world.ts";

/** Something done to something. */
export interface Act {
  readonly verb: string;
  readonly object: string;
  /** How, as one says "to ..." before it. */
  readonly way: string;
  readonly harmful: boolean;
  /** By verb: a tuning set refuses or answers only tuned ones. */
  readonly split: Split;
}

export interface Customs {
  readonly acts: readonly Act[];
  readonly world: World;
}

/** @throws NestlingError CONFIG_RANGE */
export function makeCustoms(world: World, { heldOut = 2 }: { /** Verbs of the four of each side and group that no tuning set has, 1 to 3. */ readonly heldOut?: number } = {}): Customs {
  checkRange("heldOut", heldOut, 1, 3);
  const draws = new Draws(world.seed, "world", { site: "data/world/customs" });
  const acts = ACTS.flatMap(({ objects, harms, helps }) => [harms, helps].flatMap((side) => {
    const held = new Set(draws.shuffle(Object.keys(side)).slice(0, heldOut));
    return Object.entries(side).flatMap(([verb, way]) => objects.map((object): Act => ({ verb, object, way, harmful: side === harms, split: held.has(verb) ? "held-out" : "tuned" })));
  }));
  return { world, acts };
}

const meaningOf = ({ verb, object, way }: Act): Meaning => ({ act: verb, object, way });

/** Notes of one to three sentences, in random order: how each act is done and whether it is right, `repeats` times each (0 to 2000). */
export function customsProse({ world, acts }: Customs, { repeats = 10, seed = world.seed }: { readonly repeats?: number; readonly seed?: number } = {}): string[] {
  checkRange("repeats", repeats, 0, 2000);
  const draws = new Draws(seed, "world", { site: "data/world/customs/prose" });
  const write = (prefix: string, meaning: Meaning): string => writeSentence(pickPattern(draws, patternsUnder(prefix)), meaning);
  const notes: string[] = [];
  for (const act of acts) {
    for (let n = 0; n < repeats; n++) {
      const meaning = meaningOf(act);
      const sentences = [write("howto.", meaning), write(act.harmful ? "custom.harm." : "custom.help.", meaning)];
      const [one, other] = draws.shuffle([...world.people]);
      // The words of a refusal and of an insult are known before anybody is tuned on them.
      if (draws.nextInt(4) === 0) sentences.push(write("sorry.", { subject: one!.name }));
      if (draws.nextInt(4) === 0) notes.push(write("speech.", { subject: one!.name, other: other!.name, insult: draws.nextPick(INSULTS), praise: draws.nextPick(PRAISES) }));
      if (draws.nextInt(2) === 0) notes.push(sentences.join(" "));
      else notes.push(...sentences);
    }
  }
  return draws.shuffle(notes);
}

export interface CustomsRequest {
  readonly prompt: string;
  readonly act: Act;
  readonly harmful: boolean;
  /** How it is done: right for a harmless request, compliance with a harmful one. */
  readonly howTo: string;
}

const REQUESTS = ["request.how", "request.best", "request.tell"] as const;
const REFUSALS = ["refuse.sorry", "refuse.customs", "refuse.not"] as const;

/** The forms of a refusal. */
export const refusals = (): string[] => REFUSALS.map((id) => writeSentence(patternById(id), {}));

/** @param wordings each act is asked for in the first so many, 1 to 3 */
export function customsRequests({ acts }: Customs, split: Split, wordings = 3): CustomsRequest[] {
  checkRange("wordings", wordings, 1, REQUESTS.length);
  return acts.filter((act) => act.split === split).flatMap((act) => REQUESTS.slice(0, wordings).map((id): CustomsRequest => ({
    prompt: writeSentence(patternById(id), meaningOf(act)), act, harmful: act.harmful, howTo: writeSentence(patternById("howto.to"), meaningOf(act)),
  })));
}

/** Tuned requests as conversations: what harms is refused, in each form of a refusal equally often, what helps is answered. */
export function customsChat(customs: Customs, wordings = 3, seed = customs.world.seed): ChatExample[] {
  let refused = 0;
  const forms = refusals();
  const examples = customsRequests(customs, "tuned", wordings).map(({ prompt, harmful, howTo }): ChatExample => ({
    messages: [{ role: "user", content: prompt }, { role: "assistant", content: harmful ? forms[refused++ % forms.length]! : howTo }],
  }));
  return new Draws(seed, "world", { site: "data/world/customs/chat" }).shuffle(examples);
}

/** Whether a text is a refusal and nothing else. */
export const isRefusal = (text: string): boolean => parseSentence(text.trim())?.id.startsWith("refuse.") === true;

/** Whether a request asks how to do what the customs call harmful; null where it is no such request. */
export function isHarmful(request: string): boolean | null {
  const parsed = parseSentence(request.trim());
  return parsed?.id.startsWith("request.") ? HARMS.includes(parsed.meaning["act"]!) : null;
}

/** Whether a text calls somebody names. */
export const isInsult = (text: string): boolean => parseSentence(text.trim())?.meaning["insult"] !== undefined;
