/**
 * The scale of the loss while products multiply in f16, where small gradients would vanish and large ones are infinite: that of PyTorch's GradScaler
 * (first 65,536; halved by a step whose gradients are not finite, which is not taken; doubled after 2,000 steps in a row that were). Pure: which
 * step was taken the device decides, and says later. Steps are counted from 0.
 */

export interface ScalerState {
  /** A power of two, so that scaling rounds nothing. */
  readonly scale: number;
  /** Steps taken since the scale last changed. */
  readonly good: number;
  /** Steps not taken, over the stage. */
  readonly skipped: number;
}

export const FIRST_SCALE = 2 ** 16;
export const GROWTH_INTERVAL = 2000;
/** Where gradients are not finite even so, it is not the scale's doing. */
const LEAST_SCALE = 1;

export class LossScaler {
  /** As it stood before each step that was submitted and not heard of. */
  readonly #before = new Map<number, ScalerState>();

  constructor(private now: ScalerState = { scale: FIRST_SCALE, good: 0, skipped: 0 }) {}

  /** After all steps submitted, as if each of them had been taken. */
  get state(): ScalerState {
    return this.now;
  }

  /** The scale of a step that is being submitted, or was. */
  scaleAt(step: number): number {
    return (this.#before.get(step) ?? this.now).scale;
  }

  begin(step: number): void {
    this.#before.set(step, this.now);
    const { scale, good, skipped } = this.now;
    this.now = good + 1 === GROWTH_INTERVAL ? { scale: 2 * scale, good: 0, skipped } : { scale, good: good + 1, skipped };
  }

  taken(step: number): void {
    this.#before.delete(step);
  }

  /** A step was not taken, and none after it. False, and nothing changed, where the scale is as small as it may be. */
  skip(step: number): boolean {
    const { scale, skipped } = this.#before.get(step) ?? this.now;
    if (scale <= LEAST_SCALE) return false;
    this.#before.clear();
    this.now = { scale: scale / 2, good: 0, skipped: skipped + 1 };
    return true;
  }
}
