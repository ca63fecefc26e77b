/**
 * SGD with momentum, Muon and AdamW in f64, from their definitions: torch.optim.SGD's and AdamW's documentation, and Jordan's description of Muon with
 * its matrices transposed as he does. On plain arrays of rows; nothing here comes from the kernels, which transpose nothing.
 */
import type { OptimizerConfig } from "../../src/protocol/recipe.ts";

type Matrix = number[][];

export interface TextbookParameter {
  readonly shape: readonly number[];
  readonly w: Float64Array;
  /** What AdamW or SGD moves by weight decay. */
  readonly decays: boolean;
  /** Muon: matrices of equal width side by side, each with `outputs` along that side. Absent = AdamW. */
  readonly muon?: { readonly outputs: "rows" | "columns"; readonly parts: number };
}

const transpose = (x: Matrix): Matrix => x[0]!.map((_, column) => x.map((row) => row[column]!));
const times = (x: Matrix, y: Matrix): Matrix => {
  const yT = transpose(y);
  return x.map((row) => yT.map((column) => row.reduce((sum, value, k) => sum + value * column[k]!, 0)));
};
const combine = (x: Matrix, y: Matrix, f: (x: number, y: number) => number): Matrix => x.map((row, i) => row.map((value, j) => f(value, y[i]![j]!)));

/** zeropower_via_newtonschulz5. @param round applied to every intermediate */
export function newtonSchulz(G: Matrix, steps = 5, round = (x: number): number => x): Matrix {
  const rounded = (x: Matrix): Matrix => x.map((row) => row.map(round));
  const [a, b, c] = [3.4445, -4.775, 2.0315];
  const tall = G.length > G[0]!.length;
  let X = tall ? transpose(G) : G;
  const norm = Math.sqrt(X.flat().reduce((sum, x) => sum + x * x, 0));
  X = rounded(X.map((row) => row.map((x) => x / (norm + 1e-7))));
  for (let step = 0; step < steps; step++) {
    const A = rounded(times(X, transpose(X)));
    const B = rounded(combine(A, rounded(times(A, A)), (one, two) => b * one + c * two));
    X = rounded(combine(X, times(B, X), (x, bx) => a * x + bx));
  }
  return tall ? transpose(X) : X;
}

interface State {
  readonly first: Float64Array;
  readonly second: Float64Array;
}

/** One optimizer over parameters by name. Its configuration says every field that it reads. */
export class Textbook {
  #t = 0;
  readonly states = new Map<string, State>();

  constructor(
    readonly config: OptimizerConfig,
    readonly parameters: ReadonlyMap<string, TextbookParameter>,
    /** Applied to whatever f32 code would store. */
    readonly round = (x: number): number => x,
  ) {
    for (const [name, { w }] of parameters) this.states.set(name, { first: new Float64Array(w.length), second: new Float64Array(w.length) });
  }

  /** One step at this rate; gradients are clipped together first, as clip_grad_norm_ does. */
  step(lr: number, gradients: ReadonlyMap<string, Float32Array>): void {
    this.#t++;
    let squares = 0;
    for (const gradient of gradients.values()) for (const g of gradient) squares += g * g;
    const clip = this.config.grad_clip > 0 ? Math.min(1, this.config.grad_clip / (Math.sqrt(squares) + 1e-6)) : 1;
    for (const [name, parameter] of this.parameters) {
      const g = Float64Array.from(gradients.get(name)!, (x) => x * clip);
      const state = this.states.get(name)!;
      if (this.config.type === "sgd") this.#sgd(parameter, state, g, lr);
      else if (parameter.muon) this.#muon(parameter, state, g, lr);
      else this.#adamw(parameter, state, g, this.config.type === "muon" ? (lr * this.config.adam_learning_rate!) / this.config.learning_rate : lr);
      for (const values of [parameter.w, state.first, state.second]) values.forEach((x, i) => (values[i] = this.round(x)));
    }
  }

  #sgd({ w, decays }: TextbookParameter, { first: buffer }: State, g: Float64Array, lr: number): void {
    const { momentum, nesterov, weight_decay } = this.config;
    for (let i = 0; i < w.length; i++) {
      const gradient = g[i]! + (decays ? weight_decay : 0) * w[i]!;
      // torch: the first buffer is the gradient itself.
      buffer[i] = this.#t === 1 ? gradient : momentum! * buffer[i]! + gradient;
      w[i] = w[i]! - lr * (nesterov ? gradient + momentum! * buffer[i]! : buffer[i]!);
    }
  }

  #adamw({ w, decays }: TextbookParameter, { first, second }: State, g: Float64Array, lr: number): void {
    const { beta1, beta2, eps, weight_decay } = this.config;
    for (let i = 0; i < w.length; i++) {
      w[i] = w[i]! * (1 - lr * (decays ? weight_decay : 0));
      first[i] = first[i]! + (g[i]! - first[i]!) * (1 - beta1);
      second[i] = beta2 * second[i]! + (1 - beta2) * g[i]! ** 2;
      w[i] = w[i]! - (lr * (first[i]! / (1 - beta1 ** this.#t))) / (Math.sqrt(second[i]! / (1 - beta2 ** this.#t)) + eps);
    }
  }

  #muon({ w, shape, muon }: TextbookParameter, { first: average }: State, g: Float64Array, lr: number): void {
    const { momentum, nesterov, weight_decay, ns_steps } = this.config;
    const [rows, width] = shape as [number, number];
    const columns = width / muon!.parts;
    // lerp, as torch.optim.Muon and Jordan have it.
    for (let i = 0; i < w.length; i++) average[i] = average[i]! + (g[i]! - average[i]!) * (1 - momentum!);
    const scale = Math.sqrt(Math.max(1, muon!.outputs === "rows" ? rows / columns : columns / rows));
    for (let part = 0; part < muon!.parts; part++) {
      const at = (row: number, column: number): number => row * width + part * columns + column;
      const direction = Array.from({ length: rows }, (_, row) => Array.from({ length: columns }, (__, column) => {
        const i = at(row, column);
        return this.round(nesterov ? g[i]! + (average[i]! - g[i]!) * momentum! : average[i]!);
      }));
      newtonSchulz(direction, ns_steps, this.round).forEach((line, row) => line.forEach((x, column) => {
        const i = at(row, column);
        w[i] = w[i]! * (1 - lr * weight_decay) - lr * scale * x;
      }));
    }
  }
}

/** The same optimizer twice over the same parameters: in f64, and with every stored number rounded to f32 once. */
export function textbookPair(config: OptimizerConfig, parameters: ReadonlyMap<string, TextbookParameter>): { exact: Textbook; rounded: Textbook } {
  const copy = (): Map<string, TextbookParameter> => new Map([...parameters].map(([name, parameter]) => [name, { ...parameter, w: parameter.w.slice() }]));
  return { exact: new Textbook(config, copy()), rounded: new Textbook(config, copy(), Math.fround) };
}

/** Frobenius norm of the difference. */
export const distance = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return Math.sqrt(sum);
};

/**
 * How far weights may lie from the textbook's, in Frobenius norm: 2 sqrt(K) times (promise 1's constant for a sum of K terms) what rounding every
 * intermediate once moves them, for a product of K terms rounds K times where the emulation rounds once. Newton-Schulz amplifies a rounding up to
 * 3.4445^5 = 485 times, and by how much hangs on the singular values at hand, so the emulation finds it rather than a formula.
 */
export const boundOf = (exact: Float64Array, rounded: Float64Array, K: number): number => 2 * Math.sqrt(K) * distance(rounded, exact);

/** Worst |got - want| of promise 4's rtol 1e-5, atol 1e-6. */
export function worstShare(got: Float32Array, want: Float64Array): number {
  let worst = 0;
  want.forEach((x, i) => {
    const share = Math.abs(got[i]! - x) / (1e-6 + 1e-5 * Math.abs(x));
    if (!(share <= worst)) worst = Number.isNaN(share) ? Infinity : share;
  });
  return worst;
}
