/**
 * The counter-based generator. A draw is a pure function of (seed, stream, step, micro, site, index), so nothing that
 * is added to a run (an evaluation, a sample) shifts what the rest draws. Not a stateful generator, and not for secrets.
 *
 * Threefry-2x32, 20 rounds: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011. It needs
 * only 32-bit additions, rotations and xors, so WGSL computes the same bits (shaders/lib/random.wgsl).
 */

/** Streams keep purposes apart; numbers are part of the checkpoint format and never change. */
export const STREAM = { init: 1, batch: 2, dropout: 3, eval: 4, sample: 5, world: 6 } as const;
export type Stream = keyof typeof STREAM;

const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24] as const;
const SKEIN_PARITY = 0x1bd11bda;

/** Threefry-2x32-20 of key (k0, k1) and counter (c0, c1), as two u32. */
export function threefry2x32(k0: number, k1: number, c0: number, c1: number): [number, number] {
  const k2 = (SKEIN_PARITY ^ k0 ^ k1) | 0;
  const keys = [k0 | 0, k1 | 0, k2];
  let x0 = (c0 + k0) | 0;
  let x1 = (c1 + k1) | 0;
  for (let round = 0; round < 20; round++) {
    const r = ROTATIONS[round % 8]!;
    x0 = (x0 + x1) | 0;
    x1 = ((x1 << r) | (x1 >>> (32 - r))) ^ x0;
    if (round % 4 === 3) {
      const injection = (round + 1) / 4;
      x0 = (x0 + keys[injection % 3]!) | 0;
      x1 = (x1 + keys[(injection + 1) % 3]! + injection) | 0;
    }
  }
  return [x0 >>> 0, x1 >>> 0];
}

/** FNV-1a of a module's path: the number a site has in a draw. */
export function siteNumber(site: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < site.length; i++) hash = Math.imul(hash ^ site.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** The key shared by all draws of one micro-step; it is what a step block carries to the device. */
export function drawKey(seed: number, stream: Stream, step = 0, micro = 0): [number, number] {
  return threefry2x32(seed >>> 0, STREAM[stream], step >>> 0, micro >>> 0);
}

/** u32 to [0, 1) with 24 bits, exact in f32: what the shader computes too. */
export const unit = (u32: number): number => (u32 >>> 8) * 2 ** -24;

/** Draws at one (seed, stream, step, micro, site): by index, or one after another through `next*`. */
export class Draws {
  readonly #key: readonly [number, number];
  readonly #site: number;
  #index = 0;

  constructor(seed: number, stream: Stream, where: { step?: number; micro?: number; site?: string } = {}) {
    this.#key = drawKey(seed, stream, where.step, where.micro);
    this.#site = siteNumber(where.site ?? "");
  }

  u32(index: number): number {
    return threefry2x32(this.#key[0], this.#key[1], index >>> 0, this.#site)[0];
  }

  /** Uniform in [0, 1). */
  float(index: number): number {
    return unit(this.u32(index));
  }

  /** Standard normal by Box-Muller; both words of one block, so index i never meets index j. */
  normal(index: number): number {
    const [a, b] = threefry2x32(this.#key[0], this.#key[1], index >>> 0, this.#site);
    return Math.sqrt(-2 * Math.log(1 - unit(a))) * Math.cos(2 * Math.PI * unit(b));
  }

  nextFloat(): number {
    return this.float(this.#index++);
  }

  /** Uniform integer in [0, below); the bias of the multiply is under below / 2^53. */
  nextInt(below: number): number {
    const [a, b] = threefry2x32(this.#key[0], this.#key[1], this.#index++ >>> 0, this.#site);
    return Math.floor(((a >>> 5) * 2 ** 26 + (b >>> 6)) * 2 ** -53 * below);
  }

  nextPick<T>(items: readonly T[]): T {
    return items[this.nextInt(items.length)]!;
  }

  /** Fisher-Yates in place. */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.nextInt(i + 1);
      [items[i], items[j]] = [items[j]!, items[i]!];
    }
    return items;
  }
}
