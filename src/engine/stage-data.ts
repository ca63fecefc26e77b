/** From a recipe to batches: the split first, then the tokenizer on the training part alone, then one batch source a stage. */
import { NestlingError } from "../core/errors.ts";
import {
  CharCounter, chatDataset, ChatBatches, chatTurns, columnsOf, encodablePieces, encodeChat, encodeDataset, MixtureBatches, splitDocuments, splitExamples, splitSource, splitStream, TextBatches, trainBpe, VAL_SHARE,
  type BatchSource, type ChatExample, type EncodedChat, type TextSource, type Tokenizer,
} from "../data/index.ts";
import type { DataSource, Recipe, Stage } from "../protocol/recipe.ts";
import type { Corpus, CorpusLibrary } from "./corpora.ts";
import { quizItems } from "./quiz.ts";

export type Progress = (what: string, share?: number) => void;

/** Questions and text of a chat corpus count towards the tokenizer's statistics too. */
const chatText = (examples: readonly ChatExample[]): string[] => examples.flatMap(({ messages }) => messages.map(({ content }) => content));

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

  async source(stage: Stage, tokenizer: Tokenizer): Promise<BatchSource> {
    const seed = this.recipe.seed;
    this.leftOut = "";
    if (stage.kind === "sft") this.question = undefined;
    const sources: { source: BatchSource; weight: number }[] = [];
    for (const { corpus, weight } of stage.data) sources.push({ source: await this.#one(stage, corpus, tokenizer, seed), weight });
    return sources.length === 1 ? sources[0]!.source : new MixtureBatches(sources, { seed });
  }

  async #one(stage: Stage, corpus: DataSource["corpus"], tokenizer: Tokenizer, seed: number): Promise<BatchSource> {
    const loaded = await this.#load(corpus);
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

  async #load(corpus: string): Promise<Corpus> {
    this.onProgress(`Reading ${corpus}`);
    return this.library.load(corpus);
  }
}
