/**
 * Which kernels a run trains with: those of its checkpoint where it has one, else what was found on this device before, else what the
 * tuner finds now. Remembers per device, driver and browser; a kernel whose text has changed is timed anew. Times nothing itself.
 */
import { sha256Hex } from "../core/hash.ts";
import { Draws } from "../core/random.ts";
import type { CpuDevice } from "../device/cpu/cpu-device.ts";
import type { AnyKernel, Device } from "../device/types.ts";
import { tune, type Tuning } from "../plan/tuner.ts";
import type { Tensor } from "../plan/tensor.ts";
import type { VariantChoices } from "../plan/variants.ts";
import type { DeviceReport } from "../protocol/messages.ts";
import type { TuningReport } from "../protocol/tuning.ts";
import type { Storage } from "../store/index.ts";
import type { TrainingPrograms } from "../training/programs.ts";
import type { Environment } from "./environment.ts";

/** Seconds that a person waits gladly before a run of minutes. */
export const TUNE_MS = 4000;
const PATH = "tuning.json";
/** Among the choices of a checkpoint: which build of the WebAssembly kernels. */
const CPU = "cpu";
/** Devices remembered: one machine has few, and updates of its browser make new ones. */
const MOST_DEVICES = 6;
/** Rows of the report that leave the worker with every state. */
const MOST_ROWS = 8;

/** What is remembered of one kernel on one device. */
interface KernelMemory {
  /** Of the texts of all its variants. */
  readonly hash: string;
  /** Variant by dims, as in `ownKey`. */
  readonly choices: Record<string, string>;
  /** Variants that agreed with the plain one, by dims. */
  readonly right: Record<string, readonly string[]>;
  /** Why, by variant. */
  readonly wrong: Record<string, string>;
}

interface DeviceMemory {
  readonly device: string;
  readonly kernels: Record<string, KernelMemory>;
}

interface Memory {
  /** 1 kept no `right`. */
  readonly version: 2;
  /** Last used first. */
  readonly devices: readonly DeviceMemory[];
}

export interface ChosenKernels {
  readonly choices: VariantChoices;
  /** Null where nothing was to be chosen: on the CPU backend each kernel is one function. */
  readonly report: TuningReport | null;
}

export interface ChoosingHooks {
  readonly onProgress: (share: number) => void;
  readonly shouldStop: () => boolean;
  /** Told where choices of the checkpoint are not to be had here, so that what follows has other bits. */
  readonly onChanged: (text: string) => void;
}

/** What the tuner needs of a stage's programs. */
export type Choosable = Pick<TrainingPrograms, "recordings"> & Partial<Pick<TrainingPrograms, "tensors" | "config">>;

/** Columns of a document where the tuner makes the rows up: short, so that attention which ignores where documents begin is seen. */
const DOCUMENT = 7;

/** Tokens spread over the vocabulary and rows of several documents: what training looks up, in place of token 0 and one document everywhere. */
function indicesOf(programs: readonly Choosable[]): (tensor: Tensor) => Uint32Array | undefined {
  const made = new Map<unknown, Uint32Array>();
  for (const { tensors, config } of programs) {
    if (!tensors || !config) continue;
    const draws = new Draws(1, "eval", { site: "tuner" });
    const { ids, targets, pos, start } = tensors.rows;
    const drawn = (tensor: Tensor): Uint32Array => Uint32Array.from({ length: tensor.shape[0]! }, () => draws.nextInt(config.vocab_size));
    for (const tensor of [ids, targets, tensors.look.ids]) made.set(tensor.storage, drawn(tensor));
    const columns = (tensor: Tensor, of: (column: number) => number): Uint32Array => Uint32Array.from({ length: tensor.shape[0]! }, (_, n) => of(n % config.block_size));
    for (const tensor of [pos, tensors.look.pos]) made.set(tensor.storage, columns(tensor, (column) => column % DOCUMENT));
    for (const tensor of [start, tensors.look.start]) made.set(tensor.storage, columns(tensor, (column) => column - (column % DOCUMENT)));
  }
  return ({ storage }) => made.get(storage);
}

const hashes = new WeakMap<AnyKernel, string>();

function hashOf(kernel: AnyKernel): string {
  let hash = hashes.get(kernel);
  if (!hash) hashes.set(kernel, (hash = sha256Hex(kernel.variants.map(({ name, wgsl }) => `${name}\n${wgsl}`).join("\n")).slice(0, 16)));
  return hash;
}

const changedText = (changed: readonly string[]): string =>
  `This run was trained with kernels that this device does not have, or computes wrongly (${changed.slice(0, 3).join("; ")}${changed.length > 3 ? ` and ${changed.length - 3} more` : ""}). It goes on with others; results will differ in the last bits from an unbroken run.`;

/** "matmulNN 512,64,64" into its kernel and its dims. */
const partsOf = (key: string): [string, string] => [key.slice(0, key.indexOf(" ")), key.slice(key.indexOf(" ") + 1)];

export class KernelChoices {
  constructor(
    private readonly device: Device,
    private readonly report: DeviceReport,
    private readonly storage: Storage,
    private readonly env: Pick<Environment, "now" | "breathe" | "userAgent" | "graphics">,
    private readonly budgetMs = TUNE_MS,
  ) {}

  /**
   * @param frozen the choices of the checkpoint that a run goes on from; they come before everything remembered
   * @throws NestlingError CANCELLED, GPU_LOST, OUT_OF_MEMORY
   */
  async choose(programs: readonly Choosable[], frozen: VariantChoices | null, hooks: ChoosingHooks): Promise<ChosenKernels> {
    if (this.device.kind === "cpu") return { choices: this.#arithmetic(this.device as CpuDevice, frozen, hooks), report: null };
    const recordings = programs.flatMap((one) => one.recordings);
    const kernels = new Map(recordings.flatMap(({ launches }) => launches.map(({ kernel }) => [kernel.name, kernel] as const)));
    const memory = await this.#read();
    const key = await this.#key();
    const mine = memory.devices.find(({ device }) => device === key)?.kernels ?? {};
    const fresh = Object.entries(mine).filter(([name, { hash }]) => kernels.has(name) && hashOf(kernels.get(name)!) === hash);
    const knownWrong = Object.fromEntries(fresh.flatMap(([name, { wrong }]) => Object.entries(wrong).map(([variant, why]) => [`${name}/${variant}`, why])));
    const bySite = <T>(part: (kernel: KernelMemory) => Readonly<Record<string, T>>): Record<string, T> =>
      Object.fromEntries(fresh.flatMap(([name, kernel]) => Object.entries(part(kernel)).map(([dims, found]) => [`${name} ${dims}`, found])));
    const known = bySite(({ choices }) => choices);
    const tuning = await tune(this.device, recordings, {
      budgetMs: this.budgetMs, now: this.env.now, breathe: this.env.breathe, known: frozen ? { ...frozen } : known, knownWrong, knownRight: bySite(({ right }) => right), indices: indicesOf(programs), ...hooks,
    });
    await this.#remember(key, memory, kernels, tuning);
    const wantedAt = (key: string): string | undefined => frozen?.[key] ?? frozen?.[partsOf(key)[0]];
    const changed = Object.entries(tuning.choices).filter(([key, variant]) => (wantedAt(key) ?? variant) !== variant).map(([key]) => key);
    if (changed.length > 0) hooks.onChanged(changedText(changed));
    const rows = tuning.report.rows.filter(({ usual, variant }) => usual !== variant).slice(0, MOST_ROWS);
    return { choices: tuning.choices, report: { ...tuning.report, rows } };
  }

  /** On the CPU each kernel is one function, in one of two builds; a run keeps the one that it began with. Runs from before there were two had the plain one. */
  #arithmetic(device: CpuDevice, frozen: VariantChoices | null, { onChanged }: ChoosingHooks): VariantChoices {
    const wanted = frozen ? (frozen[CPU] ?? "plain") : device.offered.at(-1)!;
    const taken = device.offered.find((each) => each === wanted) ?? "plain";
    if (taken !== wanted) onChanged(changedText([`${CPU}: ${wanted} SIMD`]));
    device.arithmetic = taken;
    return { ...frozen, [CPU]: taken };
  }

  /** Another adapter, another driver, another version of the browser: each is timed for itself. */
  async #key(): Promise<string> {
    return [this.report.name, this.report.features.join(" "), this.env.userAgent, (await this.env.graphics?.()) ?? ""].join(" | ");
  }

  async #read(): Promise<Memory> {
    try {
      const memory = JSON.parse(new TextDecoder().decode(await this.storage.read(PATH))) as Memory;
      if (memory.version === 2 && Array.isArray(memory.devices)) return memory;
    } catch {
      // Nothing was remembered, or not in this form: everything is timed again.
    }
    return { version: 2, devices: [] };
  }

  async #remember(key: string, memory: Memory, kernels: ReadonlyMap<string, AnyKernel>, { timed, right, report }: Tuning): Promise<void> {
    const before = memory.devices.find(({ device }) => device === key)?.kernels ?? {};
    const after: Record<string, KernelMemory> = { ...before };
    for (const [name, kernel] of kernels) {
      const hash = hashOf(kernel);
      const old = before[name]?.hash === hash ? before[name] : { choices: {}, right: {}, wrong: {} };
      const ofKernel = <T>(found: Readonly<Record<string, T>>): Record<string, T> => Object.fromEntries(Object.entries(found).flatMap(([key, one]) => (partsOf(key)[0] === name ? [[partsOf(key)[1], one]] : [])));
      const wrong = Object.fromEntries(report.wrong.flatMap(({ variant, why }) => (variant.startsWith(`${name}/`) ? [[variant.slice(name.length + 1), why]] : [])));
      after[name] = { hash, choices: { ...old.choices, ...ofKernel(timed) }, right: { ...old.right, ...ofKernel(right) }, wrong };
    }
    const devices = [{ device: key, kernels: after }, ...memory.devices.filter(({ device }) => device !== key)].slice(0, MOST_DEVICES);
    // Not remembered is not lost: it is found again.
    await this.storage.publish(PATH, new TextEncoder().encode(JSON.stringify({ version: 2, devices } satisfies Memory))).catch(() => undefined);
  }
}
