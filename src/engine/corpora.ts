/** The texts a recipe can name: those that ship, the made world, and the person's own, which is kept in the store. */
import { NestlingError } from "../core/errors.ts";
import { sha256Hex } from "../core/hash.ts";
import { CORPORA, corpusPath, parseCorpus } from "../data/corpora/index.ts";
import { readOwnText } from "../data/corpora/own-text.ts";
import type { ChatExample } from "../data/chat.ts";
import { makeWorld, worldChat, worldProse, type World } from "../data/world/index.ts";
import type { CorpusSummary } from "../protocol/messages.ts";
import type { Storage } from "../store/index.ts";
import type { Environment } from "./environment.ts";

/** The world that ships: one for everyone, so that what the shipped base knows can be asked. */
export const WORLD = { seed: 1, people: 24, repeats: 60, wordings: 4 } as const;

export type Corpus = { readonly kind: "text"; readonly documents: readonly string[] } | { readonly kind: "chat"; readonly examples: readonly ChatExample[] };

/** Fewest tokens of text that a person's own file must have: one context and its target, with characters as the upper bound. */
const MIN_OWN_CHARACTERS = 65;

let world: World | undefined;
export const shippedWorld = (): World => (world ??= makeWorld({ seed: WORLD.seed, people: WORLD.people }));

export class CorpusLibrary {
  readonly #own = new Map<string, CorpusSummary>();
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
      { id: "world", title: "A made world", description: "People, towns and small sums, made up from a seed and told in plain English: everything in it is known.", bytes: 0, kind: "text" },
      { id: "world-chat", title: "Questions about the world", description: "Questions and answers about half of its people, for fine-tuning.", bytes: 0, kind: "chat" },
      ...this.#own.values(),
    ];
  }

  /** Reads, checks and keeps a person's text. @throws NestlingError DATA_* */
  async add(name: string, data: Blob): Promise<CorpusSummary> {
    const { text } = await readOwnText(data, { name, minCharacters: MIN_OWN_CHARACTERS });
    const bytes = new TextEncoder().encode(text);
    const id = `own:${sha256Hex(bytes).slice(0, 16)}`;
    const summary: CorpusSummary = { id, title: name.slice(0, 80), description: `Your text, ${text.length} characters.`, bytes: bytes.length, kind: "text" };
    await this.storage().publish(ownPath(id), bytes);
    this.#own.set(id, summary);
    this.#loaded.set(id, Promise.resolve({ kind: "text", documents: [text] }));
    return summary;
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
    if (shipped) return { kind: "text", documents: parseCorpus(new TextDecoder().decode(await this.env.fetchFile(corpusPath(shipped.id)))) };
    if (id === "world") return { kind: "text", documents: worldProse(shippedWorld(), { repeats: WORLD.repeats }) };
    if (id === "world-chat") return { kind: "chat", examples: worldChat(shippedWorld(), { split: "tuned", wordings: WORLD.wordings }) };
    if (/^own:[0-9a-f]{16}$/.test(id)) {
      const bytes = await this.storage().read(ownPath(id));
      return { kind: "text", documents: [new TextDecoder().decode(bytes)] };
    }
    if (id === "own") throw new NestlingError("DATA_EMPTY", "This recipe trains on your own text, and none has been given yet. Drop, paste or choose a .txt or .md file first.");
    throw new NestlingError("CONFIG_RANGE", `There is no corpus "${id}"; there are ${CORPORA.map((info) => info.id).join(", ")}, world, world-chat and texts of your own.`, { field: "data.corpus" });
  }
}

const ownPath = (id: string): string => `own/${id.replace(":", "-")}.txt`;
