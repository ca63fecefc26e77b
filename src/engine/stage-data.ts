/** From a recipe to batches: the split first, then the tokenizer on the training part alone, then one batch source a stage. */
import { NestlingError } from "../core/errors.ts";
import {
  CharCounter, ChatBatches, encodablePieces, encodeChatDataset, encodeDataset, MixtureBatches, splitDocuments, splitExamples, splitSource, splitStream, TextBatches, trainBpe,
  type BatchSource, type ChatExample, type TextSource, type Tokenizer,
} from "../data/index.ts";
import type { DataSource, Recipe, Stage } from "../protocol/recipe.ts";
import type { Corpus, CorpusLibrary } from "./corpora.ts";

export type Progress = (what: string, share?: number) => void;

/** Questions and text of a chat corpus count towards the tokenizer's statistics too. */
const chatText = (examples: readonly ChatExample[]): string[] => examples.flatMap(({ messages }) => messages.map(({ content }) => content));

/** Characters that byte-pair statistics are taken from: of a longer text, an even sample. */
const SAMPLE = 16 * 2 ** 20;
const SLICE_MS = 40;

export class StageData {
  constructor(
    readonly library: CorpusLibrary,
    readonly recipe: Recipe,
    readonly onProgress: Progress,
    readonly shouldStop: () => boolean,
  ) {}

  /** Trained on the training parts of every source that the recipe's stages name. */
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
    const sources: { source: BatchSource; weight: number }[] = [];
    for (const { corpus, weight } of stage.data) sources.push({ source: await this.#one(stage, corpus, tokenizer, seed), weight });
    return sources.length === 1 ? sources[0]!.source : new MixtureBatches(sources, { seed });
  }

  async #one(stage: Stage, corpus: DataSource["corpus"], tokenizer: Tokenizer, seed: number): Promise<BatchSource> {
    const loaded = await this.#load(corpus);
    if (loaded.kind === "chat") {
      if (stage.kind !== "sft") throw new NestlingError("CONFIG_RANGE", `Pre-training on "${corpus}" needs running text, and it holds questions and answers. Use it for fine-tuning.`, { field: "data.corpus" });
      return new ChatBatches(encodeChatDataset(tokenizer, splitExamples(loaded.examples)), { seed, accumulation: stage.gradient_accumulation_steps });
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

  async #load(corpus: string): Promise<Corpus> {
    this.onProgress(`Reading ${corpus}`);
    return this.library.load(corpus);
  }
}
