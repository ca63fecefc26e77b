/** From a recipe to batches: the split first, then the tokenizer on the training part alone, then one batch source a stage. */
import { NestlingError } from "../core/errors.ts";
import {
  CharCounter, chatDataset, ChatBatches, chatTurns, columnsOf, encodablePieces, encodeChat, encodeDataset, MixtureBatches, splitDocuments, splitExamples, splitSource, PreferenceBatches, splitStream, TextBatches, trainBpe, VAL_SHARE,
  type BatchSource, type ChatExample, type EncodedChat, type PreferencePair, type TextSource, type Tokenizer, type WeightedSource,
} from "../data/index.ts";
import type { DataSource, Recipe, Stage } from "../protocol/recipe.ts";
import { stepsOf } from "../protocol/stage-steps.ts";
import type { Corpus, CorpusLibrary } from "./corpora.ts";
import { quizItems } from "./quiz.ts";

export type Progress = (what: string, share?: number) => void;

/** Questions and text of a chat corpus count towards the tokenizer's statistics too. */
const chatText = (examples: readonly ChatExample[]): string[] => examples.flatMap(({ messages }) => messages.map(({ content }) => content));

const pairText = (pairs: readonly PreferencePair[]): string[] => pairs.flatMap(({ prompt, chosen, rejected }) => [...prompt.map(({ content }) => content), chosen, rejected]);

/** With its system message, as the template gives both; undefined where no conversation begins with a question. */
const firstQuestion = (examples: readonly ChatExample[]): string | undefined =>
  examples.map(({ messages }) => chatTurns(messages)[0]).find((turn) => turn?.role === "user")?.content;

/** Characters that byte-pair statistics are taken from: of a longer text, an even sample. */
const SAMPLE = 16 * 2 ** 20;
const SLICE_MS = 40;

/** One to learn from and one to judge by. */
const FEWEST_CONVERSATIONS = 2;

export class StageData {
  /** What of a stage's data its model cannot hold, as a sentence; "" where all of it is used. */
  leftOut = "";
  /** What is asked on the way of the fine-tuning last asked for: of the world what is held out, else its own first question. Undefined where it reads running text. */
  question: string | undefined;

  constructor(
    readonly library: CorpusLibrary,
    readonly recipe: Recipe,
    readonly onProgress: Progress,
    readonly shouldStop: () => boolean,
  ) {}

  /**
   * Trained on the training parts of every source that the recipe's stages name. Which conversations are too long is not known before there
   * is a tokenizer: where some are, others are held out than here, and a few of those were read here.
   */
  async trainTokenizer(): Promise<Tokenizer> {
    const { kind, vocab_size: vocabSize } = this.recipe.tokenizer;
    const sources = this.recipe.stages.flatMap((stage) => stage.data).filter((source, i, all) => all.findIndex(({ corpus }) => corpus === source.corpus) === i);
    const characters = new CharCounter();
    const texts: string[] = [];
    const take = (text: string): void => void (kind === "char" ? characters.add(text) : texts.push(text));
    for (const { corpus } of sources) {
      const loaded = await this.#load(corpus);
      if (loaded.kind === "chat") chatText(splitExamples(loaded.examples).train).forEach(take);
      else if (loaded.kind === "preferences") pairText(splitExamples(loaded.pairs).train).forEach(take);
      else await this.#trainingText(loaded.source, kind === "char" ? 1 : Math.min(1, SAMPLE / loaded.source.characters), take);
    }
    this.onProgress("Training the tokenizer");
    if (kind === "char") return characters.tokenizer({ vocabSize });
    return trainBpe(texts, { vocabSize, onProgress: (share) => this.onProgress("Training the tokenizer", share), shouldStop: this.shouldStop });
  }

  /** The training part in pieces; with a share below 1 so many of them, evenly from the beginning to the end. */
  async #trainingText(source: TextSource, share: number, take: (text: string) => void): Promise<void> {
    let pieces = 0;
    let done = 0;
    let sliceEnd = performance.now() + SLICE_MS;
    for (const { part, text } of encodablePieces(splitSource(source, { stream: this.recipe.tokenizer.kind === "char" }))) {
      done += text.length;
      if (part === "train" && Math.floor((pieces + 1) * share) > Math.floor(pieces++ * share)) take(text);
      if (performance.now() < sliceEnd) continue;
      this.onProgress("Reading the text", Math.min(1, done / source.characters));
      await this.library.env.breathe();
      if (this.shouldStop()) throw new NestlingError("CANCELLED", "Reading the text was stopped; nothing was changed.");
      sliceEnd = performance.now() + SLICE_MS;
    }
  }

  /** @param earlier stages before this one, in this recipe or in its parent's, of whose data `replay` draws a share */
  async source(stage: Stage, tokenizer: Tokenizer, earlier: readonly Stage[] = []): Promise<BatchSource> {
    const seed = this.recipe.seed;
    this.leftOut = "";
    if (stage.kind === "sft" || stage.kind === "dpo") this.question = undefined;
    const own = await this.#mixture(stage, tokenizer, seed);
    const share = stage.kind === "continue" || stage.kind === "sft" ? (stage.replay ?? 0) : 0;
    // What was learned from pairs of answers is not running text or conversations, and is not read again as such.
    const old = earlier.filter(({ kind }) => kind !== "dpo");
    if (share === 0) return own;
    if (old.length === 0) throw new NestlingError("CONFIG_RANGE", `"${stage.name}" replays ${share} of its rows from earlier stages, and there is none whose data are known. Set replay to 0, or start from a checkpoint of this page.`, { field: "replay" });
    const [question, leftOut] = [this.question, this.leftOut];
    const rows = (each: Stage): number => stepsOf(each) * each.batch_size * each.gradient_accumulation_steps;
    const total = old.reduce((sum, each) => sum + rows(each), 0);
    const sources: WeightedSource[] = [{ source: own, weight: 1 - share }];
    for (const each of old) sources.push({ source: await this.#mixture(each, tokenizer, seed), weight: (share * rows(each)) / total, onlyTrains: true });
    [this.question, this.leftOut] = [question, leftOut];
    return new MixtureBatches(sources, { seed, site: "replay" });
  }

  /** What a stage that is over held out, and nothing of it changes what is said of the one at hand. */
  async heldOut(stage: Stage, tokenizer: Tokenizer): Promise<BatchSource> {
    const [question, leftOut] = [this.question, this.leftOut];
    const source = await this.#mixture(stage, tokenizer, this.recipe.seed);
    [this.question, this.leftOut] = [question, leftOut];
    return source;
  }

  async #mixture(stage: Stage, tokenizer: Tokenizer, seed: number): Promise<BatchSource> {
    const sources: WeightedSource[] = [];
    for (const { corpus, weight, end_weight } of stage.data) sources.push({ source: await this.#one(stage, corpus, tokenizer, seed), weight, ...(end_weight !== undefined && { endWeight: end_weight }) });
    if (stage.kind === "dpo" && sources.length > 1) throw new NestlingError("CONFIG_RANGE", `"${stage.name}" learns from preferences out of ${sources.length} corpora; it takes 1. Put them into one file.`, { field: "data" });
    return sources.length === 1 ? sources[0]!.source : new MixtureBatches(sources, { seed, steps: stage.max_iters });
  }

  async #one(stage: Stage, corpus: DataSource["corpus"], tokenizer: Tokenizer, seed: number): Promise<BatchSource> {
    const loaded = await this.#load(corpus);
    if (loaded.kind === "preferences" || stage.kind === "dpo") {
      if (loaded.kind !== "preferences") throw new NestlingError("CONFIG_RANGE", `"${stage.name}" learns from preferences, and "${corpus}" holds none. Use world-preferences.`, { field: "data.corpus" });
      if (stage.kind !== "dpo") throw new NestlingError("CONFIG_RANGE", `"${corpus}" holds preferences, which only a stage of kind dpo learns from; "${stage.name}" is ${stage.kind}.`, { field: "data.corpus" });
      return this.#preferences(stage, loaded.pairs, tokenizer, seed);
    }
    if (loaded.kind === "chat") {
      if (stage.kind !== "sft") throw new NestlingError("CONFIG_RANGE", `Pre-training on "${corpus}" needs running text, and it holds questions and answers. Use it for fine-tuning.`, { field: "data.corpus" });
      const source = this.#conversations(stage, loaded.examples, tokenizer, seed);
      if (corpus === "world-chat") this.question = quizItems()[0]!.prompt;
      return source;
    }
    if (stage.kind === "sft" && !("own" in loaded)) {
      throw new NestlingError("CONFIG_RANGE", `Fine-tuning on "${corpus}" needs questions and answers, or a text of your own, and it is running text that ships. Use world-chat.`, { field: "data.corpus" });
    }
    // A model that is tuned brings its tokenizer, whatever the recipe says of one.
    const stream = tokenizer.kind === "char";
    const hooks = { onProgress: (share: number) => this.onProgress("Turning text into tokens", share), shouldStop: this.shouldStop };
    this.onProgress("Turning text into tokens");
    const dataset = "own" in loaded
      ? await this.library.dataset(loaded.own, loaded.source, tokenizer, stream, hooks)
      : await encodeDataset(tokenizer, stream ? splitStream(loaded.documents) : splitDocuments(loaded.documents), { documentStarts: !stream, ...hooks });
    return new TextBatches(dataset, { seed, rowsBegin: stream ? "anywhere" : "document" });
  }

  /** Those that a row holds, a tenth of them held out; the others are left out, and said to be. @throws NestlingError DATA_TOO_LONG */
  #conversations(stage: Stage, examples: readonly ChatExample[], tokenizer: Tokenizer, seed: number): BatchSource {
    const T = this.recipe.model.block_size;
    const encoded = examples.map(({ messages }) => encodeChat(tokenizer, messages));
    const fits = (example: EncodedChat): boolean => columnsOf(example) <= T;
    this.question ??= firstQuestion(examples.filter((_, i) => fits(encoded[i]!)));
    const long = encoded.filter((example) => !fits(example));
    const longest = long.reduce((most, { ids }) => Math.max(most, ids.length), 0);
    const fitting = encoded.length - long.length;
    if (fitting < FEWEST_CONVERSATIONS) {
      const which = long.length === 0 ? `There ${fitting === 1 ? "is 1 conversation" : "are 0 conversations"}` : `Of ${encoded.length} conversations ${fitting} fit${fitting === 1 ? "s" : ""} the model's context of ${T} tokens, the longest has ${longest}`;
      throw new NestlingError("DATA_TOO_LONG", `${which}; at least ${FEWEST_CONVERSATIONS} are needed, one to learn from and one held out. ` +
        (long.length === 0 ? "Add more." : "Shorten them, or take a model with a larger context."), { conversations: encoded.length, fitting, longest, context: T });
    }
    if (long.length > 0) this.leftOut += `${this.leftOut && " "}${long.length} of ${encoded.length} conversations ${long.length === 1 ? "is" : "are"} longer than the context of ${T} tokens and ${long.length === 1 ? "was" : "were"} left out; the longest has ${longest}.`;
    return new ChatBatches(chatDataset(tokenizer, splitExamples(encoded, VAL_SHARE, 0, fits)), { seed, accumulation: stage.gradient_accumulation_steps });
  }

  #preferences(stage: Stage, pairs: readonly PreferencePair[], tokenizer: Tokenizer, seed: number): BatchSource {
    const T = this.recipe.model.block_size;
    const source = new PreferenceBatches(tokenizer, pairs, { seed, T, accumulation: stage.gradient_accumulation_steps });
    if (source.leftOut > 0) this.leftOut += `${this.leftOut && " "}${source.leftOut} of ${pairs.length} pairs ${source.leftOut === 1 ? "is" : "are"} longer than the context of ${T} tokens and ${source.leftOut === 1 ? "was" : "were"} left out.`;
    this.question = pairs[0]!.prompt.findLast(({ role }) => role === "user")?.content;
    return source;
  }

  async #load(corpus: string): Promise<Corpus> {
    this.onProgress(`Reading ${corpus}`);
    return this.library.load(corpus);
  }
}
