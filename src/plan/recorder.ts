/**
 * The recorder: while a model's forward function runs once, it writes down every launch, and each op pushes its own backward.
 * Walking the tape back appends the gradients. Pure: no device and no memory; `compile.ts` gives it both.
 */
import { NestlingError } from "../core/errors.ts";
import { siteNumber } from "../core/random.ts";
import { accessOf, elementTypeOf } from "../device/launch.ts";
import type { AnyKernel, Bindings, Dims, DimValues, Kernel } from "../device/types.ts";
import type { Dtype } from "../protocol/recipe.ts";
import { newTensor, STORED_AS, type Tensor } from "./tensor.ts";

export interface RecordedLaunch {
  readonly label: string;
  readonly kernel: AnyKernel;
  /** In the contract's order. */
  readonly tensors: readonly Tensor[];
  readonly dims: readonly number[];
}

export interface Recording {
  readonly name: string;
  readonly launches: readonly RecordedLaunch[];
}

export class Recorder {
  readonly launches: RecordedLaunch[] = [];
  readonly #tape: { site: string; backward: () => void }[] = [];
  readonly #grads = new Map<Tensor, Tensor>();
  #path: string[] = [];

  /**
   * @param training false records no tape: nothing has a backward
   * @param dtype how activations that wait for the backward are stored, and whether products read the weights' shadow
   */
  constructor(
    readonly name: string,
    readonly training: boolean,
    readonly dtype: Dtype = "float32",
  ) {}

  /** The module's path, such as "h.0.attn": in labels, and in draws. */
  get site(): string {
    return this.#path.join(".");
  }

  get siteNumber(): number {
    return siteNumber(this.site);
  }

  scope<T>(name: string, body: () => T): T {
    this.#path.push(name);
    try {
      return body();
    } finally {
      this.#path.pop();
    }
  }

  /** A tensor that lives for part of this program. */
  transient(name: string, shape: readonly number[], requiresGrad = false): Tensor {
    return newTensor(this.site ? `${this.site}.${name}` : name, shape, "activations", "f32", requiresGrad && this.training);
  }

  /**
   * A transient in the program's dtype. @throws NestlingError PLAN where rows are no multiple of four, which kernels that store halves
   * write at once: no word is shared by two rows, or by two invocations
   */
  stored(name: string, shape: readonly number[], requiresGrad = false): Tensor {
    const type = STORED_AS[this.dtype];
    if (type !== "f32" && shape.at(-1)! % 4 !== 0) {
      throw new NestlingError("PLAN", `${name} at ${this.site} has rows of ${shape.at(-1)}; stored as ${this.dtype} they must be a multiple of 4. Use an n_embd that is one, or dtype float32.`);
    }
    return newTensor(this.site ? `${this.site}.${name}` : name, shape, "activations", type, requiresGrad && this.training);
  }

  launch<B extends Bindings, D extends Dims>(kernel: Kernel<B, D>, tensors: { readonly [K in keyof B]: Tensor }, dims: DimValues<D>): void {
    const bound = Object.entries(kernel.bindings).map(([name, spec]) => {
      const tensor = tensors[name];
      if (!tensor) throw new NestlingError("PLAN", `${kernel.name} at ${this.site}: nothing is bound to ${name}.`);
      if (tensor.type !== elementTypeOf(spec)) {
        throw new NestlingError("PLAN", `${kernel.name} at ${this.site}: ${name} is ${spec}, ${tensor.name} holds ${tensor.type}.`);
      }
      return tensor;
    });
    this.launches.push({
      label: `${kernel.name} ${this.site}`.trim(),
      kernel: kernel as unknown as AnyKernel,
      tensors: bound,
      dims: Object.keys(kernel.dims).map((name) => dims[name]!),
    });
  }

  /** Pushes an op's backward beside its forward; dropped where nothing upstream trains. */
  onBackward(out: Tensor, backward: (dout: Tensor) => void): void {
    if (!out.requiresGrad || !this.training) return;
    this.#tape.push({
      site: this.site,
      backward: () => {
        const dout = this.#grads.get(out);
        if (dout) backward(dout);
        this.#grads.delete(out);
      },
    });
  }

  /**
   * Lets `write` add an op's contribution to the gradient of `x`: into the parameter's arena (always accumulating, cleared at
   * the start of the optimizer step), or into an activation's gradient (the first contribution sets, later ones add).
   */
  contribute(x: Tensor, write: (dx: Tensor, accumulate: 0 | 1) => void): void {
    if (!x.requiresGrad) return;
    if (x.grad) return write(x.grad, 1);
    const existing = this.#grads.get(x);
    if (existing) return write(existing, 1);
    const dx = newTensor(`d ${x.name}`, x.shape, "activations");
    this.#grads.set(x, dx);
    write(dx, 0);
  }

  /**
   * Hands `dx` over as the gradient of `x`, without a launch where it is the first contribution. The caller gives up `dx`:
   * it may be added to in place from now on.
   */
  handOver(x: Tensor, dx: Tensor, add: (into: Tensor, from: Tensor) => void): void {
    if (!x.requiresGrad) return;
    const existing = x.grad ?? this.#grads.get(x);
    if (existing) add(existing, dx);
    else this.#grads.set(x, dx);
  }

  /** Sets where backward begins, or what a tensor with a single consumer got from it. */
  seedGradient(x: Tensor, dx: Tensor): void {
    if (this.#grads.has(x)) throw new NestlingError("PLAN", `${x.name} has a gradient already; an op that seeds must be its only consumer.`);
    this.#grads.set(x, dx);
  }

  /** Walks the tape back. */
  backward(): void {
    for (const { site, backward } of this.#tape.splice(0).reverse()) this.scope(site, backward);
  }

  recording(): Recording {
    if (this.#tape.length > 0) throw new NestlingError("PLAN", `Program ${this.name} was recorded for training and its backward was never walked.`);
    return { name: this.name, launches: this.launches };
  }
}

/** Which of a launch's tensors it writes. */
export function written(launch: RecordedLaunch): Tensor[] {
  return Object.values(launch.kernel.bindings).flatMap((spec, i) => (accessOf(spec) === "read" ? [] : [launch.tensors[i]!]));
}
