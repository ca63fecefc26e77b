/** A person's own files at the border: checked, looked at, taken in with word of how far it is, and stopped. What reads and keeps them is `corpora.ts`. */
import { NestlingError } from "../core/errors.ts";
import { preview } from "../data/ingest/preview.ts";
import type { CorpusSummary, EngineApi, EngineEventBody } from "../protocol/messages.ts";
import type { CorpusPreview } from "../protocol/own-data.ts";
import * as check from "./check.ts";
import { type CorpusLibrary, MIN_OWN_CHARACTERS } from "./corpora.ts";
import type { ModelShelf } from "./models.ts";
import { corpusChoices, ownFiles } from "./own-check.ts";

export class Intake {
  /** What is being read and nobody has stopped. */
  readonly #open = new Set<string>();

  constructor(
    readonly library: CorpusLibrary,
    readonly shelf: ModelShelf,
    readonly emit: (body: EngineEventBody) => void,
  ) {}

  /** @throws NestlingError COMMAND, CANCELLED, DATA_*, JSONL_*, CSV_*, GZ_*, STORAGE_* */
  async add(...[name, data, choices, intakeId]: Parameters<EngineApi["addCorpus"]>): Promise<CorpusSummary> {
    const title = check.text("name", name, 500);
    const files = ownFiles(title, data);
    const chosen = corpusChoices(choices);
    if (intakeId === undefined) return this.library.add(title, files, chosen);
    const id = check.id("intakeId", intakeId);
    if (this.#open.has(id)) throw new NestlingError("COMMAND", `Files are being read as "${id}" already. Wait until they are, or stop them.`, { intakeId: id });
    this.#open.add(id);
    try {
      return await this.library.add(title, files, chosen, {
        onProgress: (share) => this.emit({ type: "intake", intakeId: id, share }),
        shouldStop: () => !this.#open.has(id),
      });
    } finally {
      this.#open.delete(id);
    }
  }

  stop(intakeId: string): void {
    this.#open.delete(intakeId);
  }

  stopAll(): void {
    this.#open.clear();
  }

  async preview(...[files, options]: Parameters<EngineApi["previewCorpus"]>): Promise<CorpusPreview> {
    const named = ownFiles("", files);
    const { choices, checkpointId } = options ?? {};
    const base = checkpointId === undefined ? undefined : await this.shelf.open(check.id("checkpointId", checkpointId));
    return preview(named, { choices: corpusChoices(choices), tokenizer: base?.tokenizer, context: base?.config.block_size, minCharacters: MIN_OWN_CHARACTERS });
  }
}
