/**
 * Parameters, gradients and moments as flat arenas: one for each weight-decay group, cut into buckets within the device's
 * binding limit, tensors at 256-byte steps. What walks all weights (AdamW, norms, export) walks buckets, not tensors.
 */
import { NestlingError } from "../core/errors.ts";
import type { HalfType } from "../core/half.ts";
import { alignUp, VIEW_ALIGNMENT } from "../device/launch.ts";
import type { OptimizerType } from "../protocol/recipe.ts";
import { elements, newStorage, newTable, type Storage, type Tensor } from "./tensor.ts";

/** Initial values: normal with a standard deviation, or one constant. */
export type Init = { readonly kind: "normal"; readonly std: number } | { readonly kind: "constant"; readonly value: number };

export interface ParameterSpec {
  /** Hugging Face's name. */
  readonly name: string;
  readonly shape: readonly number[];
  /** Weight decay applies (tensors of two dimensions). */
  readonly decay: boolean;
  readonly trainable: boolean;
  readonly init: Init;
  /** A matrix inside a block, which Muon moves as a whole; absent = AdamW moves it there. */
  readonly hidden?: HiddenMatrix;
}

/** Along which side a matrix has its outputs, and how many matrices of equal width lie side by side in its columns. */
export interface HiddenMatrix {
  readonly outputs: "rows" | "columns";
  readonly sideBySide: number;
}

/** One run of memory that one rule updates. Frozen buckets have only `param`; only AdamW has `v`. */
export interface Bucket {
  readonly param: Tensor;
  readonly grad?: Tensor;
  readonly m?: Tensor;
  readonly v?: Tensor;
  /** `param` rounded to halves, where products read matrices so. */
  readonly shadow?: Tensor;
  readonly decay: boolean;
  /** Null = frozen. */
  readonly rule: OptimizerType | null;
}

export interface Moments {
  readonly m: Tensor;
  /** Where AdamW moves it. */
  readonly v?: Tensor;
}

export interface Parameters {
  readonly specs: readonly ParameterSpec[];
  readonly buckets: readonly Bucket[];
  get(name: string): Tensor;
  /** The moments of a trainable parameter, as views. */
  moments(name: string): Moments;
  /** A computed table that goes with the parameters; asked for again by the same name, the same tensor. */
  table(name: string, shape: readonly number[], contents: () => Float32Array): Tensor;
  /** Elements, padding not counted. */
  readonly count: number;
}

const flat = (name: string, storage: Storage): Tensor => ({
  name, shape: [storage.sizeBytes / 4], type: "f32", storage, offsetBytes: 0, requiresGrad: false,
});

/** Tensors of a shadow begin at 256-byte steps too, at half their place in the arena. */
const SHADOWED_ALIGNMENT = 2 * VIEW_ALIGNMENT;

/**
 * @param optimizer null where the plan never trains: no gradients and no moments are laid out
 * @param shadows lays out a shadow in this format of what decays, the matrices, and of what is frozen
 */
export function layOutParameters(specs: readonly ParameterSpec[], maxBindingBytes: number, optimizer: OptimizerType | null, shadows: HalfType | null = null): Parameters {
  const tensors = new Map<string, Tensor>();
  const momentsOf = new Map<string, Moments>();
  const tables = new Map<string, Tensor>();
  const buckets: Bucket[] = [];
  const byMuon = (s: ParameterSpec): boolean => optimizer === "muon" && s.hidden !== undefined;
  const rest = optimizer === "muon" ? "adamw" : optimizer;
  const groups: readonly { readonly label: string; readonly pick: (s: ParameterSpec) => boolean; readonly decay: boolean; readonly rule: OptimizerType | null; readonly read: boolean }[] = [
    { label: "hidden", pick: (s) => s.trainable && byMuon(s), decay: true, rule: "muon", read: true },
    { label: "decay", pick: (s) => s.trainable && s.decay && !byMuon(s), decay: true, rule: rest, read: true },
    { label: "no-decay", pick: (s) => s.trainable && !s.decay, decay: false, rule: rest, read: false },
    { label: "frozen", pick: (s) => !s.trainable, decay: false, rule: null, read: true },
  ];
  for (const group of groups) {
    let open: ParameterSpec[] = [];
    let bytes = 0;
    const shadowed = group.read ? shadows : null;
    const alignment = shadowed ? SHADOWED_ALIGNMENT : VIEW_ALIGNMENT;
    const close = (): void => {
      if (open.length === 0) return;
      const label = `${group.label}.${buckets.length}`;
      const param = newStorage(`parameters ${label}`, "parameters", bytes / 4);
      const trained = (what: string, role: "gradients" | "optimizer", wanted = group.rule !== null): Storage | undefined =>
        wanted ? newStorage(`${what} ${label}`, role, bytes / 4) : undefined;
      const [grad, m, v] = [trained("gradients", "gradients"), trained("moment m", "optimizer"), trained("moment v", "optimizer", group.rule === "adamw")];
      const shadow = shadowed ? newStorage(`shadow ${label}`, "parameters", bytes / 4, shadowed) : undefined;
      let at = 0;
      for (const spec of open) {
        const view = (storage: Storage, prefix: string): Tensor => ({
          name: prefix + spec.name, shape: spec.shape, type: "f32", storage, offsetBytes: at, requiresGrad: false,
        });
        tensors.set(spec.name, { ...view(param, ""), requiresGrad: group.rule !== null, ...(grad && { grad: view(grad, "d ") }),
          ...(shadow && shadowed && { shadow: { ...view(shadow, "shadow of "), type: shadowed, offsetBytes: at / 2 } }) });
        if (m) momentsOf.set(spec.name, { m: view(m, "m "), ...(v && { v: view(v, "v ") }) });
        at += alignUp(elements(spec.shape) * 4, alignment);
      }
      buckets.push({
        param: flat(param.label, param), decay: group.decay, rule: group.rule,
        ...(grad && m && { grad: flat(grad.label, grad), m: flat(m.label, m) }), ...(v && { v: flat(v.label, v) }),
        ...(shadow && shadowed && { shadow: { ...flat(shadow.label, shadow), shape: [bytes / 4], type: shadowed } }),
      });
      open = [];
      bytes = 0;
    };
    for (const spec of specs.filter(group.pick)) {
      const size = alignUp(elements(spec.shape) * 4, alignment);
      if (size > maxBindingBytes) {
        throw new NestlingError("MEM_ESTIMATE", `${spec.name} (${spec.shape.join(" x ")}) takes ${size} bytes; this device binds at most ${maxBindingBytes}. Lower n_embd or vocab_size.`, { asked: size, allowed: maxBindingBytes });
      }
      if (bytes + size > maxBindingBytes) close();
      open.push(spec);
      bytes += size;
    }
    close();
  }
  const find = <T>(map: Map<string, T>, name: string): T => {
    const found = map.get(name);
    if (!found) throw new NestlingError("PLAN", `There is no ${optimizer ? "" : "untrained "}parameter "${name}"; there are ${[...map.keys()].slice(0, 8).join(", ")}, ...`);
    return found;
  };
  return {
    specs,
    buckets,
    get: (name) => find(tensors, name),
    moments: (name) => find(momentsOf, name),
    table: (name, shape, contents) => {
      const found = tables.get(name) ?? newTable(name, shape, contents);
      tables.set(name, found);
      return found;
    },
    count: specs.reduce((sum, spec) => sum + elements(spec.shape), 0),
  };
}

/** A frozen copy of what trains, each arena lying as the one it copies: where training began. What is frozen anyway is not in it. */
export function frozenCopy(parameters: Parameters): Parameters {
  const copies = new Map<Storage, Storage>();
  const copied = (tensor: Tensor): Tensor => {
    const { storage } = tensor;
    if (!copies.has(storage)) copies.set(storage, newStorage(`parent of ${storage.label}`, "parameters", elements(tensor.shape), tensor.type));
    const { grad: _, shadow, ...plain } = tensor;
    return { ...plain, storage: copies.get(storage)!, requiresGrad: false, ...(shadow && { shadow: copied(shadow) }) };
  };
  // Arenas first: a view's storage is as long as its arena, not as the view.
  const buckets = parameters.buckets.filter(({ grad }) => grad).map(({ param, shadow, decay }): Bucket => ({ param: copied(param), decay, rule: null, ...(shadow && { shadow: copied(shadow) }) }));
  const specs = parameters.specs.filter(({ trainable }) => trainable).map((spec) => ({ ...spec, trainable: false }));
  return { ...parameters, specs, buckets, get: (name) => copied(parameters.get(name)), count: specs.reduce((sum, { shape }) => sum + elements(shape), 0) };
}
