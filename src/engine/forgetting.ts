/** The forgetting meter: how well a model still does on what each earlier stage learned, while a later one trains. It measures; what is due when is the run's. */
import type { BatchSource, Tokenizer } from "../data/index.ts";
import type { MetricRow } from "../protocol/messages.ts";
import type { Stage } from "../protocol/recipe.ts";
import type { Trainer } from "../training/trainer.ts";
import type { StageData } from "./stage-data.ts";

interface Domain {
  readonly name: string;
  readonly kind: Stage["kind"];
  readonly source: BatchSource;
}

/** What two stages read in the same way is one domain. Preferences have no text to forget: what they taught shows in the suites. */
export function earlierDomains(stage: Stage, earlier: readonly Stage[]): readonly Stage[] {
  const seen = new Set([JSON.stringify(stage.data)]);
  return earlier.filter(({ kind, data }) => kind !== "dpo" && !seen.has(JSON.stringify(data)) && seen.add(JSON.stringify(data)));
}

export class ForgettingMeter {
  #domains: readonly Domain[] = [];

  /** @param earlier the stages that the weights went through, from nothing on */
  async open(stage: Stage, earlier: readonly Stage[], data: Pick<StageData, "heldOut">, tokenizer: Tokenizer): Promise<void> {
    const domains: Domain[] = [];
    for (const each of earlierDomains(stage, earlier)) {
      const alike = domains.filter(({ name }) => name === each.name || name.startsWith(`${each.name} (`)).length;
      domains.push({ name: alike === 0 ? each.name : `${each.name} (${alike + 1})`, kind: each.kind, source: await data.heldOut(each, tokenizer) });
    }
    this.#domains = domains;
  }

  /** Mean held-out loss of each domain, nats per target, from `batches` fixed batches each. */
  async measure(trainer: Trainer, batches: number, breathe: () => Promise<void>): Promise<Pick<MetricRow, "val/old_loss" | "val/earlier">> {
    const earlier: Record<string, number> = {};
    for (const { name, source } of this.#domains) earlier[name] = await trainer.evaluate(source, batches, breathe);
    const first = this.#domains.find(({ kind }) => kind === "pretrain");
    return { ...(first && { "val/old_loss": earlier[first.name]! }), ...(this.#domains.length > 0 && { "val/earlier": earlier }) };
  }
}
