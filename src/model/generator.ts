/**
 * Runs the generation programs of a plan: R prompts in, tokens out as they come. At `block_size` it keeps the last half of
 * the context, prefills anew, and says so. It knows token ids only, neither text nor templates.
 */
import { NestlingError } from "../core/errors.ts";
import { drawKey } from "../core/random.ts";
import type { Plan } from "../plan/compile.ts";
import type { GenerationTensors } from "./generation.ts";

export interface SamplingSettings {
  /** 0 = the most likely token. */
  readonly temperature: number;
  /** 0 = off. */
  readonly top_k: number;
  /** 1 = off. */
  readonly top_p: number;
  readonly max_new_tokens: number;
  readonly seed: number;
}

export interface Drawn {
  /** (R) */
  readonly tokens: Uint32Array;
  /** (R) probability of each under the kept distribution. */
  readonly probs: Float32Array;
  /** The context was full and its older half was dropped before this token. */
  readonly shifted: boolean;
}

export class Generator {
  constructor(
    readonly plan: Plan,
    readonly tensors: GenerationTensors,
    readonly label: string,
    readonly blockSize: number,
  ) {}

  /**
   * Tokens for each row, one step at a time; the caller stops reading when it has enough.
   * @param prompts at most R rows of at least one token; longer ones keep their last `block_size - 1` tokens
   */
  async *generate(prompts: readonly ArrayLike<number>[], settings: SamplingSettings): AsyncGenerator<Drawn, void, undefined> {
    const R = this.tensors.rows;
    if (prompts.length === 0 || prompts.length > R || prompts.some((prompt) => prompt.length === 0)) {
      throw new NestlingError("COMMAND", `${prompts.length} prompts given; this program takes 1 to ${R}, each of at least one token.`);
    }
    const { plan, tensors } = this;
    const context = Array.from({ length: R }, (_, row) => Array.from(prompts[Math.min(row, prompts.length - 1)]!).slice(1 - this.blockSize));
    plan.write(tensors.options, new Float32Array([settings.temperature, settings.top_p]));
    const [key0, key1] = drawKey(settings.seed, "sample");
    this.#prefill(context, [key0, key1, 0, settings.top_k]);
    for (let index = 0; index < settings.max_new_tokens; index++) {
      let shifted = false;
      if (index > 0) {
        if (context.some((row) => row.length > this.blockSize)) {
          shifted = true;
          context.forEach((row, i) => (context[i] = row.slice(-Math.ceil(this.blockSize / 2))));
          this.#prefill(context, [key0, key1, index, settings.top_k]);
        } else {
          plan.write(tensors.control, Uint32Array.of(key0, key1, index, settings.top_k));
          plan.write(tensors.ids, Uint32Array.from(context, (row) => row.at(-1)!));
          plan.write(tensors.pos, Uint32Array.from(context, (row) => row.length - 1));
          plan.device.submit(plan.run(`${this.label} decode`));
        }
      }
      const [tokens, probs] = await Promise.all([plan.readU32(tensors.token), plan.readF32(tensors.prob)]);
      const error = plan.device.takeError();
      if (error) throw error;
      context.forEach((row, i) => row.push(tokens[i]!));
      yield { tokens, probs, shifted };
    }
  }

  #prefill(context: readonly number[][], control: readonly [number, number, number, number]): void {
    const { plan, tensors, blockSize: T } = this;
    const R = tensors.rows;
    const ids = new Uint32Array(R * T);
    const pos = new Uint32Array(R * T);
    context.forEach((row, r) => ids.set(row, r * T));
    for (let n = 0; n < R * T; n++) pos[n] = n % T;
    plan.write(tensors.promptIds, ids);
    plan.write(tensors.promptPos, pos);
    plan.write(tensors.promptStart, new Uint32Array(R * T));
    plan.write(tensors.last, Uint32Array.from(context, (row, r) => r * T + row.length - 1));
    plan.write(tensors.control, Uint32Array.from(control));
    plan.device.submit(plan.run(`${this.label} prefill`));
  }
}
