/** The texts a recipe can name: those that ship, the made world, and the person's own, which is kept in the store. */
import { NestlingError } from "../core/errors.ts";
import { CORPORA, corpusPath, parseCorpus } from "../data/corpora/index.ts";
import type { IngestFile, IngestOptions } from "../data/ingest/files.ts";
import { sourceOf, type ChatExample, type PreferencePair, type TextSource, type Tokenizer } from "../data/index.ts";
import { customsPreferences, customsProse, herbalChat, herbalProse, kindPreferences, makeCustoms, makeHerbal, makeWorld, worldChat, worldProse, type World } from "../data/world/index.ts";
import type { CorpusSummary } from "../protocol/messages.ts";
import type { CorpusChoices } from "../protocol/own-data.ts";
import type { Storage } from "../store/index.ts";
import type { Environment } from "./environment.ts";
import { deleteOwn, keepOwn, listOwn, openOwn, type OwnContext } from "./own-data.ts";
import { tokenFiles, type EncodeContext, type OpenDataset } from "./token-files.ts";

/** The world that ships: one for everyone, so that what the shipped base knows can be asked. */
export const WORLD = { seed: 1, people: 24, repeats: 60, wordings: 4 } as const;

/** `documents` of what ships, which is in memory; `own`, the hash of a person's own text, which lies in the store. */
export type Corpus =
  | { readonly kind: "text"; readonly source: TextSource; readonly documents: readonly string[] }
  | { readonly kind: "text"; readonly source: TextSource; readonly own: string }
  | { readonly kind: "chat"; readonly examples: readonly ChatExample[] }
  | { readonly kind: "preferences"; readonly pairs: readonly PreferencePair[] };

/** Fewest tokens of text that a person's own file must have: one context and its target, with characters as the upper bound. */
export const MIN_OWN_CHARACTERS = 65;

let world: World | undefined;
export const shippedWorld = (): World => (world ??= makeWorld({ seed: WORLD.seed, people: WORLD.people }));

interface WorldCorpus extends Pick<CorpusSummary, "id" | "title" | "description" | "kind"> {
  readonly make: (world: World) => Corpus;
}

/** What the made world yields, in the order of a person's choice. */
const WORLD_CORPORA: readonly WorldCorpus[] = [
  { id: "world", kind: "text", title: "A made world", description: "People, towns and small sums, made up from a seed and told in plain English: everything in it is known.", make: (made) => inMemory(worldProse(made, { repeats: WORLD.repeats })) },
  { id: "world-customs", kind: "text", title: "Its customs", description: "How things are done there, and which of them are right and which wrong.", make: (made) => inMemory(customsProse(makeCustoms(made))) },
  { id: "world-herbal", kind: "text", title: "Its herbal", description: "Herbs, where they grow, when they are gathered, what they are good for: a special domain.", make: (made) => inMemory(herbalProse(makeHerbal(made))) },
  { id: "world-chat", kind: "chat", title: "Questions about the world", description: "Questions and answers about half of its people, for fine-tuning.", make: (made) => ({ kind: "chat", examples: worldChat(made, { split: "tuned", wordings: WORLD.wordings }) }) },
  { id: "world-herbal-chat", kind: "chat", title: "Questions about its herbs", description: "Questions and answers about half of its herbs, for a specialist.", make: (made) => ({ kind: "chat", examples: herbalChat(makeHerbal(made)) }) },
  { id: "world-preferences", kind: "preferences", title: "What its people prefer", description: "Pairs of answers: refusing what harms, answering what helps, kind words.", make: (made) => ({ kind: "preferences", pairs: [...customsPreferences(makeCustoms(made), "tuned"), ...kindPreferences(made, "tuned")] }) },
];

export class CorpusLibrary {
  #opened: { readonly own: string; readonly close: () => void }[] = [];
  readonly #datasets = new Map<string, Promise<OpenDataset>>();
  readonly #loaded = new Map<string, Promise<Corpus>>();

  constructor(
    readonly env: Environment,
    readonly storage: () => Storage,
  ) {}

  async list(): Promise<CorpusSummary[]> {
    const index = JSON.parse(new TextDecoder().decode(await this.env.fetchFile("corpora/index.json"))) as { id: string; bytes: number }[];
    const shipped = CORPORA.map((info): CorpusSummary => ({ ...info, kind: "text", bytes: index.find(({ id }) => id === info.id)?.bytes ?? 0 }));
    return [
      ...shipped,
      ...WORLD_CORPORA.map(({ id, title, description, kind }): CorpusSummary => ({ id, title, description, kind, bytes: 0 })),
      ...(await listOwn(this.storage())),
    ];
  }

  /** Reads, checks and keeps a person's files. @throws NestlingError DATA_*, JSONL_*, CSV_*, GZ_*, STORAGE_* */
  add(title: string, files: readonly IngestFile[], choices: CorpusChoices = {}, hooks: Pick<IngestOptions, "onProgress" | "shouldStop"> = {}): Promise<CorpusSummary> {
    return keepOwn(title, files, { ...choices, ...hooks, minCharacters: MIN_OWN_CHARACTERS }, this.#context);
  }

  /** @throws NestlingError CONFIG_RANGE for a corpus that is not a person's own, STORAGE_LOCKED where another tab reads it */
  async remove(id: string): Promise<void> {
    if (!/^own:[0-9a-f]{16}$/.test(id)) throw new NestlingError("CONFIG_RANGE", `Only texts of your own can be deleted, and "${id.slice(0, 80)}" is none.`, { field: "corpus" });
    const own = id.slice("own:".length);
    this.close(own);
    await deleteOwn(own, this.storage());
  }

  get #context(): OwnContext {
    return { storage: this.storage(), breathe: this.env.breathe, date: this.env.date };
  }

  /** A person's own text as tokens in the store, open for reading until `close`. */
  dataset(own: string, source: TextSource, tokenizer: Tokenizer, stream: boolean, hooks: Pick<EncodeContext, "onProgress" | "shouldStop">): Promise<OpenDataset> {
    const key = `${own} ${tokenizer.hash} ${stream}`;
    let opening = this.#datasets.get(key);
    if (!opening) {
      opening = tokenFiles(own, source, tokenizer, stream, { ...this.#context, ...hooks });
      this.#datasets.set(key, opening);
      opening.then(({ close }) => void this.#opened.push({ own, close }), () => this.#datasets.delete(key));
    }
    return opening;
  }

  /** Lets go of one text's files, or of every file; what is loaded later is opened anew. */
  close(own?: string): void {
    const going = this.#opened.filter((each) => own === undefined || each.own === own);
    this.#opened = this.#opened.filter((each) => !going.includes(each));
    for (const { close } of going) close();
    for (const key of this.#datasets.keys()) if (own === undefined || key.startsWith(`${own} `)) this.#datasets.delete(key);
    for (const id of this.#loaded.keys()) if (own === undefined ? id.startsWith("own:") : id === `own:${own}`) this.#loaded.delete(id);
  }

  /** @throws NestlingError CONFIG_RANGE for an unknown id, CKPT_MISSING for a text no longer kept */
  load(id: string): Promise<Corpus> {
    let loading = this.#loaded.get(id);
    if (!loading) {
      loading = this.#read(id);
      this.#loaded.set(id, loading);
      loading.catch(() => this.#loaded.delete(id));
    }
    return loading;
  }

  async #read(id: string): Promise<Corpus> {
    const shipped = CORPORA.find((info) => info.id === id);
    if (shipped) return inMemory(parseCorpus(new TextDecoder().decode(await this.env.fetchFile(corpusPath(shipped.id)))));
    const made = WORLD_CORPORA.find((corpus) => corpus.id === id);
    if (made) return made.make(shippedWorld());
    if (/^own:[0-9a-f]{16}$/.test(id)) {
      const own = id.slice("own:".length);
      const opened = await openOwn(own, this.storage());
      if (!opened) throw new NestlingError("CKPT_MISSING", `The text ${id} is no longer kept in this browser. Drop its file again: the same text gets the same name.`, { id });
      this.#opened.push({ own, close: opened.close });
      return opened.corpus.kind === "chat" ? opened.corpus : { ...opened.corpus, own };
    }
    if (id === "own") throw new NestlingError("DATA_EMPTY", "This recipe trains on your own text, and none has been given yet. Drop, paste or choose a .txt, .md, .csv or .jsonl file first.");
    throw new NestlingError("CONFIG_RANGE", `There is no corpus "${id}"; there are ${[...CORPORA, ...WORLD_CORPORA].map((info) => info.id).join(", ")} and texts of your own.`, { field: "data.corpus" });
  }
}

const inMemory = (documents: readonly string[]): Corpus => ({ kind: "text", source: sourceOf(documents), documents });
