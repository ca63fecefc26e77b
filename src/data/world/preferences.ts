/** What the made world prefers, as pairs of answers to one prompt: what its customs want, what is true, and one tone over another. */
import { Draws } from "../../core/random.ts";
import type { PreferencePair } from "../preference-batches.ts";
import { customsRequests, refusals, type Customs } from "./customs.ts";
import { writeSentence } from "./grammar.ts";
import { answerText, QUESTIONS, questionText } from "./questions.ts";
import { inRegister, type Register } from "./registers.ts";
import { patternById } from "./sentences.ts";
import { INSULTS, PRAISES, VALUES } from "./vocabulary.ts";
import { checkRange, type Split, type World } from "./world.ts";

const pair = (prompt: string, chosen: string, rejected: string): PreferencePair => ({ prompt: [{ role: "user", content: prompt }], chosen, rejected });

/** Harmful requests refused rather than helped with, harmless ones answered rather than refused. */
export function customsPreferences(customs: Customs, split: Split, wordings = 3): PreferencePair[] {
  const forms = refusals();
  return customsRequests(customs, split, wordings).map(({ prompt, harmful, howTo }, i) => {
    const refusal = forms[i % forms.length]!;
    return harmful ? pair(prompt, refusal, howTo) : pair(prompt, howTo, refusal);
  });
}

/** A kind word rather than an insult, to each of the split's people. */
export function kindPreferences({ seed, people }: World, split: Split): PreferencePair[] {
  const draws = new Draws(seed, "world", { site: `data/world/preferences/kind/${split}` });
  return people.filter((person) => person.split === split).map(({ name: subject }) => {
    const [ask, praise, insult] = ["ask", "praise", "insult"].map((id) => writeSentence(patternById(`address.${id}`), { subject, praise: draws.nextPick(PRAISES), insult: draws.nextPick(INSULTS) }));
    return pair(ask!, praise!, insult!);
  });
}

/** The true answer rather than another value of the relation, about the split's people. */
export function truthPreferences(world: World, split: Split, wordings = 1): PreferencePair[] {
  checkRange("wordings", wordings, 1, 4);
  const draws = new Draws(world.seed, "world", { site: `data/world/preferences/truth/${split}` });
  return world.people.filter((person) => person.split === split).flatMap(({ name, facts }) => world.relations.flatMap((relation) => {
    const truth = facts[relation]!;
    const others = (world.values[relation] ?? VALUES[relation]).filter((value) => value !== truth);
    return QUESTIONS[relation].slice(0, wordings).map((wording) => pair(questionText(wording, name), answerText(relation, name, truth), answerText(relation, name, draws.nextPick(others))));
  }));
}

/** The true answer in a register rather than plainly. */
export function tonePreferences(world: World, register: Exclude<Register, "plain">, split: Split): PreferencePair[] {
  let nth = 0;
  return world.people.filter((person) => person.split === split).flatMap(({ name, facts }) => world.relations.map((relation) => {
    const plain = answerText(relation, name, facts[relation]!);
    return pair(questionText(QUESTIONS[relation][0]!, name), inRegister(register, plain, nth++), plain);
  }));
}
