/** From a recipe to batches: the split first, then the tokenizer on the training part alone, then one batch source a stage. */
import { NestlingError } from "../core/errors.ts";
import {
  ChatBatches, encodeChatDataset, encodeDataset, MixtureBatches, splitDocuments, splitExamples, splitStream, TextBatches, trainBpe, trainChar,
  type BatchSource, type ChatExample, type Split, type Tokenizer,
} from "../data/index.ts";
import type { DataSource, Recipe, Stage } from "../protocol/recipe.ts";
import type { Corpus, CorpusLibrary } from "./corpora.ts";

export type Progress = (what: string, share?: number) => void;

/** Questions and text of a chat corpus count towards the tokenizer's statistics too. */
const chatText = (examples: readonly ChatExample[]): string[] => examples.flatMap(({ messages }) => messages.map(({ content }) => content));

/** A character model reads one stream without documents, as nanoGPT does; others keep document borders. */
const splitText = (recipe: Recipe, documents: readonly string[]): Split<string> => (recipe.tokenizer.kind === "char" ? splitStream(documents) : splitDocuments(documents));

export class StageData {
  readonly #splits = new Map<string, Split<string>>();

  constructor(
    readonly library: CorpusLibrary,
    readonly recipe: Recipe,
    readonly onProgress: Progress,
    readonly shouldStop: () => boolean,
  ) {}

  /** Trained on the training parts of every source that the recipe's stages name. */
  async trainTokenizer(): Promise<Tokenizer> {
    const { recipe } = this;
    const sources = recipe.stages.flatMap((stage) => stage.data).filter((source, i, all) => all.findIndex(({ corpus }) => corpus === source.corpus) === i);
    const texts: string[] = [];
    for (const { corpus } of sources) {
      const loaded = await this.#load(corpus);
      texts.push(...(loaded.kind === "text" ? this.#split(corpus, loaded.documents).train : chatText(splitExamples(loaded.examples).train)));
    }
    this.onProgress("Training the tokenizer");
    if (recipe.tokenizer.kind === "char") return trainChar(texts, { vocabSize: recipe.tokenizer.vocab_size });
    return trainBpe(texts, { vocabSize: recipe.tokenizer.vocab_size, onProgress: (share) => this.onProgress("Training the tokenizer", share), shouldStop: this.shouldStop });
  }

  async source(stage: Stage, tokenizer: Tokenizer): Promise<BatchSource> {
    const seed = this.recipe.seed;
    const sources: { source: BatchSource; weight: number }[] = [];
    for (const { corpus, weight } of stage.data) sources.push({ source: await this.#one(stage, corpus, tokenizer, seed), weight });
    return sources.length === 1 ? sources[0]!.source : new MixtureBatches(sources, { seed });
  }

  async #one(stage: Stage, corpus: DataSource["corpus"], tokenizer: Tokenizer, seed: number): Promise<BatchSource> {
    const loaded = await this.#load(corpus);
    if (stage.kind === "sft") {
      if (loaded.kind !== "chat") throw new NestlingError("CONFIG_RANGE", `Fine-tuning on "${corpus}" needs questions and answers, and it holds running text. Use world-chat.`, { field: "data.corpus" });
      return new ChatBatches(encodeChatDataset(tokenizer, splitExamples(loaded.examples)), { seed, accumulation: stage.gradient_accumulation_steps });
    }
    if (loaded.kind !== "text") throw new NestlingError("CONFIG_RANGE", `Pre-training on "${corpus}" needs running text, and it holds questions and answers. Use it for fine-tuning.`, { field: "data.corpus" });
    this.onProgress("Turning text into tokens");
    const stream = this.recipe.tokenizer.kind === "char";
    const dataset = await encodeDataset(tokenizer, this.#split(corpus, loaded.documents), {
      documentStarts: !stream, onProgress: (share) => this.onProgress("Turning text into tokens", share), shouldStop: this.shouldStop,
    });
    return new TextBatches(dataset, { seed, rowsBegin: stream ? "anywhere" : "document" });
  }

  async #load(corpus: string): Promise<Corpus> {
    this.onProgress(`Reading ${corpus}`);
    return this.library.load(corpus);
  }

  #split(corpus: string, documents: readonly string[]): Split<string> {
    let split = this.#splits.get(corpus);
    if (!split) this.#splits.set(corpus, (split = splitText(this.recipe, documents)));
    return split;
  }
}
