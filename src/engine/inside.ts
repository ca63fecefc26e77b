/**
 * Looking inside a model: attention tables and the lens of one forward pass over a prompt, and the gradients of the step just
 * taken. Plans of its own, compiled when first asked; a model that trains is copied into them on the device, between two steps.
 */
import { NestlingError } from "../core/errors.ts";
import { Mutex } from "../core/mutex.ts";
import type { Tokenizer } from "../data/index.ts";
import type { Command, Device } from "../device/types.ts";
import { recordInside, type InsidePrograms } from "../model/inside.ts";
import type { TransformerConfig } from "../model/transformer.ts";
import { compilePlan, type Plan } from "../plan/compile.ts";
import type { GradientNorms, InsideView } from "../protocol/messages.ts";
import type { LoraMethod } from "../protocol/recipe.ts";
import type { Trainer } from "../training/trainer.ts";
import { GradientMeter } from "./gradient-norms.ts";
import type { Weights } from "./inference.ts";
import { plainWeights, tokenizerOf, type ModelShelf } from "./models.ts";
import { promptIds } from "./quiz.ts";
import type { Run } from "./run.ts";
import { promptRow, topIds } from "./views.ts";

/** Candidates of one token at one depth. */
const TOP = 5;
/** While a run trains, gradients are measured this far apart at least. */
const NORMS_EVERY_MS = 2000;

export class InsideModel {
  private constructor(
    readonly plan: Plan,
    readonly programs: InsidePrograms,
  ) {}

  /** @throws NestlingError MEM_ESTIMATE, OUT_OF_MEMORY */
  static async open(device: Device, config: TransformerConfig, lora: LoraMethod | null): Promise<InsideModel> {
    const programs = recordInside(config, lora, device.limits.maxBindingBytes);
    return new InsideModel(await compilePlan(device, programs.recordings), programs);
  }

  load(weights: Weights): void {
    for (const { name, shape } of this.programs.parameters.specs) {
      const found = weights.get(name);
      if (!found) throw new NestlingError("CKPT_MISMATCH", `${name} is missing; this model needs ${shape.join(" x ")}.`, { name });
      this.plan.write(this.programs.parameters.get(name), found.data);
    }
  }

  /** Takes the weights as they are after every step submitted so far, without the host seeing them. */
  copy(trainer: Trainer): void {
    const { parameters } = this.programs;
    this.plan.device.submit(parameters.specs.map(({ name }): Command => ({
      kind: "copy", from: trainer.plan.view(trainer.programs.parameters.get(name)), to: this.plan.view(parameters.get(name)),
    })));
  }

  /** @param ids as the model is asked; more than T keep their end */
  async look(ids: ArrayLike<number>, tokenizer: Pick<Tokenizer, "pieces">): Promise<Omit<InsideView, "prompt" | "step" | "note">> {
    const { plan, programs } = this;
    const { tensors, T, NH, config } = programs;
    const { row, last } = promptRow(ids, T);
    const P = last + 1;
    for (const name of ["ids", "pos", "start"] as const) plan.write(tensors[name], row[name]);
    plan.device.submit([...tensors.residuals.map((tensor): Command => ({ kind: "fill", view: plan.view(tensor), value: 0 })), ...plan.run("inside")]);
    const attention = new Float32Array(config.n_layer * NH * P * P);
    for (const [layer, tensor] of tensors.attention.entries()) {
      const table = await plan.readF32(tensor);
      for (let h = 0; h < NH; h++) {
        for (let t = 0; t < P; t++) attention.set(table.subarray((h * T + t) * T, (h * T + t) * T + P), ((layer * NH + h) * P + t) * P);
      }
    }
    const lens: InsideView["lens"][number][] = [];
    for (const residual of tensors.residuals) lens.push(this.#named(await this.#lens(residual), P, tokenizer));
    return { tokens: tokenizer.pieces(row.ids.subarray(0, P)).map(({ text }) => text), layers: config.n_layer, heads: NH, attention, lens };
  }

  /** (T, V) next-token probabilities, were the model to end after so many blocks. */
  async #lens(residual: InsidePrograms["tensors"]["lensed"]): Promise<Float32Array> {
    const { plan, programs } = this;
    const { lensed, probs } = programs.tensors;
    plan.device.submit([{ kind: "copy", from: plan.view(residual), to: plan.view(lensed) }, ...plan.run("lens")]);
    return plan.readF32(probs);
  }

  #named(probs: Float32Array, P: number, tokenizer: Pick<Tokenizer, "pieces">): InsideView["lens"][number] {
    const V = this.programs.config.vocab_size;
    return Array.from({ length: P }, (_, t) => {
      const at = probs.subarray(t * V, (t + 1) * V);
      const ids = topIds(at, TOP);
      return tokenizer.pieces(ids).map(({ text }, i) => ({ text, p: at[ids[i]!]! }));
    });
  }

  destroy(): void {
    this.plan.destroy();
  }
}

interface Opened {
  /** A checkpoint's id, or a run's stage. */
  readonly key: string;
  readonly model: InsideModel;
  readonly tokenizer: Tokenizer;
  /** Of a checkpoint, whose weights stay as they are. */
  readonly step?: number;
}

/** What the engine is asked. One model is open at a time, so that looking costs one copy of weights and not many. */
export class Inside {
  readonly #mutex = new Mutex();
  #open: Opened | null = null;
  #meter: GradientMeter | null = null;
  #norms: { readonly value: GradientNorms; readonly run: Run; readonly atMs: number } | null = null;

  constructor(
    readonly device: () => Device,
    readonly shelf: ModelShelf,
    readonly now: () => number,
  ) {}

  /** @throws NestlingError CKPT_MISSING, CKPT_CORRUPT, MEM_ESTIMATE */
  checkpoint(id: string, prompt: string): Promise<InsideView> {
    return this.#mutex.run(async () => {
      if (this.#open?.key !== id) {
        const content = await this.shelf.content(id);
        const { manifest } = content;
        const model = await this.#make(manifest.model, null);
        try {
          model.load(plainWeights(content));
          this.#open = { key: id, model, tokenizer: tokenizerOf(manifest), step: manifest.step };
        } catch (error) {
          model.destroy();
          throw error;
        }
      }
      return this.#view(this.#open!, prompt, this.#open!.step!);
    });
  }

  live(run: Run, prompt: string): Promise<InsideView> {
    return this.#mutex.run(async () => {
      const { trainer, tokenizer } = ready(run);
      const { config, lora } = trainer.programs;
      const key = `${run.options.runId} ${run.stageIndex}`;
      if (this.#open?.key !== key) this.#open = { key, model: await this.#make(config, lora), tokenizer };
      const { model } = this.#open;
      const step = await run.exclusive(async () => {
        // The stage may have ended while its model was opened.
        if (run.trainer !== trainer) throw new NestlingError("COMMAND", "The stage has just ended. Look again.");
        model.copy(trainer);
        return trainer.step;
      });
      return this.#view(this.#open, prompt, step);
    });
  }

  norms(run: Run): Promise<GradientNorms | null> {
    return this.#mutex.run(async () => {
      ready(run);
      const known = this.#norms;
      if (known?.run === run && run.phase === "running" && this.now() - known.atMs < NORMS_EVERY_MS) return known.value;
      return run.exclusive(async () => {
        const { trainer } = ready(run);
        if (trainer.gradientStep === null) return null;
        if (this.#meter?.trainer !== trainer) {
          this.#meter?.destroy();
          this.#meter = null;
          this.#meter = await GradientMeter.open(trainer);
        }
        const value = await this.#meter.measure(run.stageIndex, trainer.gradientStep);
        this.#norms = { value, run, atMs: this.now() };
        return value;
      });
    });
  }

  /** Where another was open it makes room first. */
  #make(config: TransformerConfig, lora: LoraMethod | null): Promise<InsideModel> {
    this.#letGo();
    return InsideModel.open(this.device(), config, lora);
  }

  async #view({ model, tokenizer }: Opened, prompt: string, step: number): Promise<InsideView> {
    const ids = promptIds(tokenizer, prompt, false);
    const { T } = model.programs;
    const note = ids.length > T ? `The text has ${ids.length} tokens; looked at are the last ${T}.` : undefined;
    return { prompt, step, ...(await model.look(ids, tokenizer)), ...(note ? { note } : {}) };
  }

  #letGo(): void {
    this.#open?.model.destroy();
    this.#open = null;
  }

  /** Frees what is open, once nobody looks. */
  close(): Promise<void> {
    return this.#mutex.run(async () => {
      this.#letGo();
      this.#meter?.destroy();
      this.#meter = null;
      this.#norms = null;
    });
  }
}

function ready(run: Run): { trainer: Trainer; tokenizer: Tokenizer } {
  const { trainer, tokenizer, phase } = run;
  if (!trainer || !tokenizer || phase === "preparing") throw new NestlingError("COMMAND", "This run has no model yet; wait until it is prepared.");
  return { trainer, tokenizer };
}
