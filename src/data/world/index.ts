/**
 * The made world: people, towns and small sums in ordinary English, of which everything is known. From one seed come
 * pre-training prose, tuning conversations, a quiz on what only the prose told, and a parser for what a model writes. No model here.
 */
export { makeWorld } from "./world.ts";
export type { Person, Split, Sum, Town, World, WorldOptions } from "./world.ts";
export { DEFAULT_RELATIONS, RELATIONS } from "./vocabulary.ts";
export type { Gender, Relation } from "./vocabulary.ts";
export { worldProse } from "./prose.ts";
export type { ProseOptions } from "./prose.ts";
export { worldChat } from "./chat.ts";
export type { ChatExample } from "../chat.ts";
export type { WorldChatOptions } from "./chat.ts";
export { quizChance, worldQuiz } from "./quiz.ts";
export type { QuizItem, QuizOptions } from "./quiz.ts";
export { parseRate, parseSentence } from "./sentences.ts";
export type { ParseRate } from "./sentences.ts";
export { splitSentences } from "./grammar.ts";
export type { Claim, ParsedSentence, SentenceKind } from "./grammar.ts";
export { chronicleProse, chronicleQuestions, eventsOf, makeChronicle } from "./chronicle.ts";
export type { Chronicle, ChronicleOptions, DatedQuestion, Event, Slice } from "./chronicle.ts";
export { herbalChat, herbalProse, herbQuestions, makeHerbal } from "./herbal.ts";
export type { Herb, Herbal, HerbalProseOptions, HerbQuestion } from "./herbal.ts";
export { contradictionProse, contradictionQuestions, contradictionsOf, makeContradictions } from "./contradictions.ts";
export type { ContradictionOptions, Contradictions, Disputed, DisputedQuestion } from "./contradictions.ts";
export { beastChat, beastQuestions, makeBestiary, marksTale, talesProse } from "./tales.ts";
export type { Beast, BeastQuestion, Bestiary } from "./tales.ts";
export { inRegister, MARKERS, markersPerSentence, readRegister, REGISTERS, toned } from "./registers.ts";
export type { Register, Toned } from "./registers.ts";
export { freeNames, strangerQuestions, strangersOf } from "./strangers.ts";
export type { StrangerQuestion } from "./strangers.ts";
export { worldStats } from "./stats.ts";
export type { FactCount, ParaphraseCount, WorldStats } from "./stats.ts";
export { customsChat, customsProse, customsRequests, isHarmful, isInsult, isRefusal, makeCustoms, refusals } from "./customs.ts";
export type { Act, Customs, CustomsRequest } from "./customs.ts";
export { customsPreferences, kindPreferences, tonePreferences, truthPreferences } from "./preferences.ts";
export { noisyProse } from "./noise.ts";
