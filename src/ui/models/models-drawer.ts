/** The tree of checkpoints in a drawer: what each came from, and what can be done with it. A native dialog from the right. */
import { LitElement, html, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import type { CheckpointSummary, RunState } from "../../protocol/index.ts";
import { cssVars } from "../shared/css-vars.ts";
import { formatBytes, formatCount, formatShort, heldOutText, safeName } from "../shared/format.ts";
import * as icons from "../shared/icons.ts";
import { stageColor } from "../train/learning-data.ts";
import type { Given } from "../page-files.ts";
import { isLive } from "../page-state.ts";
import { drawerStyles } from "../shared/drawer-styles.ts";
import { base, controls } from "../shared/shared-styles.ts";

/** Files that were chosen as a model, and who hears why they are none; "" says that they were one. */
export interface OpenModel {
  readonly files: readonly Given[];
  readonly refuse: (why: string) => void;
}

/**
 * @fires tune-from - {detail: string} fine-tune from a checkpoint
 * @fires download-model - {detail: CheckpointSummary}
 * @fires delete-model - {detail: string}, after a confirmation
 * @fires open-model - {detail: OpenModel}
 */
@customElement("models-drawer")
export class ModelsDrawer extends LitElement {
  static override styles = [base, controls, drawerStyles];

  @property({ attribute: false }) checkpoints: readonly CheckpointSummary[] = [];
  @property({ attribute: false }) run: RunState | null = null;
  /** Ids that a recipe here can fine-tune. */
  @property({ attribute: false }) tunable: ReadonlySet<string> = new Set();
  /** A download that is being prepared. */
  @property() busy = "";

  @state() private deleting = "";
  /** Why the files that were opened last are no model; "" = they were one. It stands here, since a notice would stand behind. */
  @state() private refused = "";
  @query("dialog") private dialog!: HTMLDialogElement;

  /** Slides the drawer in. */
  show(): void {
    this.deleting = "";
    this.refused = "";
    this.dialog.showModal();
  }

  override render(): unknown {
    return html`<dialog aria-label="Models" data-testid="models" @click=${this.onBackdrop}>
      <header role="none">
        <h2>Models</h2>
        <button data-testid="open-model" @click=${this.pick}>${icons.open()} Open a model</button>
        <button class="plain icon" aria-label="Close" data-testid="close-models" @click=${() => this.dialog.close()}>${icons.close()}</button>
        <input type="file" accept=".zip,application/zip,.safetensors,.json" multiple hidden data-testid="model-file" @change=${this.onFile} />
      </header>
      <p class="quiet small">Saved in this browser only. A downloaded model is a folder that transformers opens. Here it opens as the zip it came in, or as its files: config.json, model.safetensors and tokenizer.json, chosen together.</p>
      ${this.refused === "" ? nothing : html`<p class="refused small" role="alert" data-testid="model-refused">${this.refused}</p>`}
      ${this.checkpoints.length === 0 ? html`<p class="none">No models yet. One is saved after each stage of a run.</p>` : html`<ul>${this.tree(null, 0)}</ul>`}
    </dialog>`;
  }

  /** Children under their parents; one whose parent is gone stands at the root. */
  private tree(parentId: string | null, depth: number): unknown[] {
    const known = new Set(this.checkpoints.map(({ id }) => id));
    const children = this.checkpoints
      .filter((item) => (parentId === null ? item.parentId === null || !known.has(item.parentId) : item.parentId === parentId))
      .sort((a, b) => a.createdMs - b.createdMs);
    return children.flatMap((item) => [this.row(item, depth), ...(depth < 12 ? this.tree(item.id, depth + 1) : [])]);
  }

  private row(item: CheckpointSummary, depth: number): unknown {
    const facts = [
      item.step > 0 ? `step ${formatCount(item.step)}` : "",
      `${formatShort(item.parameters)} parameters`,
      formatBytes(item.bytes),
      heldOutText(item),
      item.quizRight === undefined ? "" : `${item.quizRight} of ${item.quizTotal ?? 50} right`,
    ].filter((fact) => fact !== "");
    return html`<li data-testid="model-row" ${cssVars({ "--depth": Math.min(depth, 5), "--hue": `var(${stageColor(item.stageKind)})` })}>
      <div class="name"><i></i><b>${safeName(item.name)}</b><span>${safeName(item.stage)}${item.shipped ? ", shipped" : ""}</span></div>
      <p>${facts.join(" · ")}</p>
      ${this.deleting === item.id ? this.confirm(item) : this.actions(item)}
    </li>`;
  }

  private actions(item: CheckpointSummary): unknown {
    const tunable = this.tunable.has(item.id) && !isLive(this.run);
    const inUse = isLive(this.run) && item.runId === this.run.runId;
    return html`<div class="actions">
      ${item.stageKind !== "sft" ? html`<button data-testid="tune-from" ?disabled=${!tunable} title=${tunable ? "" : isLive(this.run) ? "A run is under way" : "No recipe here fits this model"} @click=${() => this.act("tune-from", item.id)}>Fine-tune from here</button>` : nothing}
      <button class="plain" data-testid="download" ?disabled=${this.busy !== ""} @click=${() => this.emit("download-model", item)}>${icons.download()} ${this.busy === item.id ? "preparing" : "Download"}</button>
      ${item.shipped || inUse ? nothing : html`<button class="plain icon" data-testid="delete" aria-label="Delete ${safeName(item.name)}" title="Delete" @click=${() => (this.deleting = item.id)}>${icons.trash()}</button>`}
    </div>`;
  }

  private confirm(item: CheckpointSummary): unknown {
    return html`<div class="actions confirm" role="alert">
      <span>Delete this model? It cannot be brought back.</span>
      <button class="danger" data-testid="delete-confirm" @click=${() => this.deleteNow(item.id)}>Delete</button>
      <button class="plain" @click=${() => (this.deleting = "")}>Keep</button>
    </div>`;
  }

  private deleteNow(id: string): void {
    this.deleting = "";
    this.emit("delete-model", id);
  }

  private act(name: string, detail: unknown): void {
    this.dialog.close();
    this.emit(name, detail);
  }

  private readonly pick = (): void => this.renderRoot.querySelector<HTMLInputElement>("input[type=file]")?.click();

  private readonly onFile = (event: Event): void => {
    const input = event.target as HTMLInputElement;
    const files = [...(input.files ?? [])].map((file) => ({ name: file.name, data: file }));
    if (files.length > 0) this.emit("open-model", { files, refuse: (why) => (this.refused = why) } satisfies OpenModel);
    input.value = "";
  };

  private readonly onBackdrop = (event: Event): void => {
    if (event.target === this.dialog) this.dialog.close();
  };

  private emit(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "models-drawer": ModelsDrawer;
  }
}
