/**
 * The shelf of models: every checkpoint of the store and those that ship, opened for answering when first asked. It never
 * trains. A few stay open; the one not used for longest makes room.
 */
import { NestlingError } from "../core/errors.ts";
import { loadTokenizer, type Tokenizer } from "../data/index.ts";
import type { Device } from "../device/types.ts";
import type { TransformerConfig } from "../model/transformer.ts";
import { mergeLora } from "../model/lora.ts";
import type { CheckpointSummary } from "../protocol/messages.ts";
import { checkpointSummary, decodeCheckpoint, parseManifest, type CheckpointContent, type CheckpointManifest, type CheckpointStore } from "../store/index.ts";
import type { Environment } from "./environment.ts";
import { openInference, type InferenceModel, type Weights } from "./inference.ts";

/** Models open at once, beside the one that trains. */
const OPEN_MODELS = 3;

export interface OpenModel {
  readonly manifest: CheckpointManifest;
  readonly config: TransformerConfig;
  readonly tokenizer: Tokenizer;
  readonly inference: InferenceModel;
  /** It was fine-tuned on conversations, so it knows the template. */
  readonly chat: boolean;
}

export const tokenizerOf = (manifest: CheckpointManifest): Tokenizer => loadTokenizer(manifest.tokenizer.tokenizerJson, manifest.tokenizer.tokenizerConfig);

/** Weights under the base's names alone: an adapter is folded in. */
export function plainWeights({ manifest, weights }: CheckpointContent): Weights {
  return manifest.lora ? mergeLora(manifest.model, weights, manifest.lora) : weights;
}

export class ModelShelf {
  readonly #open = new Map<string, Promise<OpenModel>>();
  #shipped: Promise<CheckpointManifest[]> | undefined;

  constructor(
    readonly env: Environment,
    readonly device: () => Device,
    readonly store: () => CheckpointStore,
  ) {}

  /** What ships with the page, `base/index.json` naming the folders; none in a build without them. */
  #shippedManifests(): Promise<CheckpointManifest[]> {
    return (this.#shipped ??= (async () => {
      const text = async (path: string): Promise<string> => new TextDecoder().decode(await this.env.fetchFile(path));
      const index = await text("base/index.json").catch(() => "[]");
      return Promise.all((JSON.parse(index) as string[]).map(async (id) => parseManifest(await text(`base/${id}.json`), `base/${id}.json`)));
    })());
  }

  async list(): Promise<CheckpointSummary[]> {
    const { manifests } = await this.store().list();
    return [...(await this.#shippedManifests()), ...manifests].map(checkpointSummary);
  }

  /** What a checkpoint says of itself, without its weights. @throws NestlingError CKPT_MISSING */
  async manifest(id: string): Promise<CheckpointManifest> {
    const { manifests } = await this.store().list();
    const found = [...(await this.#shippedManifests()), ...manifests].find((manifest) => manifest.id === id);
    if (!found) throw new NestlingError("CKPT_MISSING", `There is no checkpoint "${id.slice(0, 80)}". Choose another model to start from.`, { id });
    return found;
  }

  /** @throws NestlingError CKPT_MISSING, CKPT_CORRUPT, CKPT_VERSION */
  async content(id: string): Promise<CheckpointContent> {
    const shipped = (await this.#shippedManifests()).find((manifest) => manifest.id === id);
    if (shipped) return decodeCheckpoint(shipped, await this.env.fetchFile(`base/${id}.safetensors`));
    return this.store().load(id);
  }

  /** Opens a checkpoint for answering; a second call gives the same. */
  open(id: string): Promise<OpenModel> {
    let opening = this.#open.get(id);
    if (opening) this.#open.delete(id); // put back as the newest
    else {
      opening = this.#load(id);
      opening.catch(() => this.#open.delete(id));
    }
    this.#open.set(id, opening);
    while (this.#open.size > OPEN_MODELS) this.close(this.#open.keys().next().value!);
    return opening;
  }

  async #load(id: string): Promise<OpenModel> {
    const content = await this.content(id);
    const { manifest } = content;
    const inference = await openInference(this.device(), manifest.model, plainWeights(content));
    return { manifest, config: manifest.model, tokenizer: tokenizerOf(manifest), inference, chat: manifest.stage.kind === "sft" || manifest.stage.kind === "dpo" };
  }

  /** Frees an open model's memory; answers in flight on it end with an error of the device. */
  close(id: string): void {
    void this.#open.get(id)?.then(({ inference }) => inference.destroy(), () => {});
    this.#open.delete(id);
  }

  async delete(id: string): Promise<void> {
    if ((await this.#shippedManifests()).some((manifest) => manifest.id === id)) throw new NestlingError("COMMAND", "This model ships with the page and cannot be deleted.");
    this.close(id);
    await this.store().delete(id);
  }

  closeAll(): void {
    for (const id of [...this.#open.keys()]) this.close(id);
  }
}
