/**
 * The recipe's table of fields: range and meaning of each, and the check built on it. One list serves the page's editor, the
 * command line's --set and the engine's validation. It knows nothing of data or devices.
 */
import { NestlingError } from "../core/errors.ts";
import type { LoraMethod, LoraTarget, Method, ModelConfig, OptimizerConfig, Recipe, Stage } from "./recipe.ts";

/** Choices of an optimizer that others of its fields hang on. */
type OptimizerChoice = "type" | "schedule";
export const OPTIMIZER_CHOICES: readonly string[] = ["type", "schedule"] satisfies OptimizerChoice[];

export interface FieldSpec {
  /** Path in the recipe; `stages.*` stands for every stage. */
  readonly path: string;
  readonly type: "integer" | "number" | "boolean" | "text" | "choice";
  readonly min?: number;
  readonly max?: number;
  /** What models of this page's size take, from and to; equal where nearly everyone takes the same. */
  readonly usual?: readonly [number, number];
  readonly choices?: readonly string[];
  /** Only models of this family have it; absent = all. */
  readonly family?: ModelConfig["family"];
  /** Only stages of these kinds have it; absent = all. */
  readonly kinds?: readonly Stage["kind"][];
  /** What it is where a recipe leaves it out, as it may. */
  readonly fallback?: string | number | boolean;
  /** Only stages whose optimizer has one of these choices there; absent = all. */
  readonly only?: { readonly key: OptimizerChoice; readonly is: readonly string[] };
  /** Others say it too, and have no use for it. */
  readonly always?: boolean;
  /** What it does, in one sentence. */
  readonly meaning: string;
}

const integer = (path: string, min: number, max: number, meaning: string, usual?: FieldSpec["usual"]): FieldSpec => ({ path, type: "integer", min, max, meaning, ...(usual && { usual }) });
const number = (path: string, min: number, max: number, meaning: string, usual?: FieldSpec["usual"]): FieldSpec => ({ ...integer(path, min, max, meaning, usual), type: "number" });
const choice = (path: string, choices: readonly string[], meaning: string): FieldSpec => ({ path, type: "choice", choices, meaning });

const optional = (spec: FieldSpec, fallback: FieldSpec["fallback"] & {}): FieldSpec => ({ ...spec, fallback });
const only = (kinds: readonly Stage["kind"][], spec: FieldSpec): FieldSpec => ({ ...spec, kinds });
/** Stages that start from trained weights; of these, those that predict the next token. */
const LATER = ["continue", "sft", "dpo"] as const;
const READING = ["continue", "sft"] as const;

/** What LoRA may adapt, by family. */
export const LORA_TARGETS: Readonly<Record<ModelConfig["family"], readonly LoraTarget[]>> = {
  gpt2: ["c_attn", "attn.c_proj", "c_fc", "mlp.c_proj"],
  llama: ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
};

/** What LoRA adapts when nobody has said: what PEFT takes for the family. */
export const LORA_DEFAULTS: Readonly<Record<ModelConfig["family"], readonly LoraTarget[]>> = { gpt2: ["c_attn"], llama: ["q_proj", "v_proj"] };

/** What each adapted module does in a block, in one sentence. */
export const LORA_MEANINGS: Readonly<Record<LoraTarget, string>> = {
  c_attn: "Makes queries, keys and values: what looks at what.",
  "attn.c_proj": "Writes what attention gathered back into the stream.",
  c_fc: "First half of the MLP: widens each token.",
  "mlp.c_proj": "Second half of the MLP: writes its result back.",
  q_proj: "Makes queries: what a token looks for.",
  k_proj: "Makes keys: what a token can be found by.",
  v_proj: "Makes values: what a token hands on.",
  o_proj: "Writes what attention gathered back into the stream.",
  gate_proj: "The gate of the MLP: how much of each channel passes.",
  up_proj: "Widens each token for the MLP.",
  down_proj: "Writes the MLP's result back into the stream.",
};

const onlyWith = (key: OptimizerChoice, is: readonly string[], spec: FieldSpec): FieldSpec => ({ ...spec, only: { key, is } });

const llama = (spec: FieldSpec): FieldSpec => ({ ...spec, family: "llama" });

export const FIELDS: readonly FieldSpec[] = [
  { path: "name", type: "text", max: 80, meaning: "What the run is called." },
  integer("seed", 0, 0xffffffff, "The number every random draw of the run depends on."),
  choice("model.family", ["gpt2", "llama"], "The architecture: GPT-2 (LayerNorm, learned positions, GELU) or Llama (RMSNorm, rotary positions, SwiGLU)."),
  integer("model.n_layer", 1, 48, "Transformer blocks, one after another.", [2, 12]),
  integer("model.n_head", 1, 64, "Attention heads of a block; they divide n_embd among them.", [2, 12]),
  integer("model.n_embd", 4, 4096, "Width of the residual stream, in channels.", [64, 768]),
  integer("model.block_size", 8, 4096, "Longest context the model sees, in tokens.", [64, 1024]),
  number("model.dropout", 0, 0.9, "Share of activations zeroed at random while training.", [0, 0.2]),
  { path: "model.tie_word_embeddings", type: "boolean", meaning: "Whether the head shares the token embedding's weights." },
  llama(integer("model.n_kv_head", 1, 64, "Heads of keys and values; they divide n_head, and each serves a group of query heads.", [1, 8])),
  llama(integer("model.intermediate_size", 1, 16_384, "Width of the MLP inside a block, in channels.", [128, 2048])),
  llama(number("model.rope_theta", 1, 1e8, "Base of the rotary angles that tell positions apart.", [10_000, 500_000])),
  llama(number("model.rms_norm_eps", 1e-8, 1e-2, "Keeps the norm's division away from zero.", [1e-6, 1e-5])),
  choice("tokenizer.kind", ["char", "bpe"], "Characters, or byte pairs merged by frequency."),
  integer("tokenizer.vocab_size", 260, 65_536, "Most tokens the tokenizer may have.", [300, 8192]),
  { path: "stages.*.name", type: "text", max: 80, meaning: "What the stage is called." },
  integer("stages.*.max_iters", 1, 10_000_000, "Optimizer steps of the stage.", [100, 20_000]),
  integer("stages.*.batch_size", 1, 4096, "Rows of tokens in one micro-step.", [8, 64]),
  integer("stages.*.gradient_accumulation_steps", 1, 1024, "Micro-steps whose gradients add up to one optimizer step.", [1, 16]),
  integer("stages.*.eval_interval", 0, 10_000_000, "Steps between looks at held-out loss; 0 = only at the end.", [20, 500]),
  integer("stages.*.eval_iters", 1, 10_000, "Held-out batches that one look averages.", [4, 100]),
  {
    ...choice("stages.*.dtype", ["float32", "bfloat16", "float16"], "How weights are read and activations kept while training: both short forms halve their memory, float16 also multiplies in it where the GPU can; what is trained and saved stays float32."),
    fallback: "float32",
  },
  { ...choice("stages.*.optimizer.type", ["adamw", "sgd", "muon"], "What turns gradients into steps: AdamW, gradient descent with momentum, or Muon, which makes each matrix's step orthogonal and leaves embeddings, head, norms and biases to AdamW."), fallback: "adamw" },
  number("stages.*.optimizer.learning_rate", 1e-9, 1, "How far a step moves the weights at most.", [1e-4, 1e-2]),
  choice("stages.*.optimizer.schedule", ["cosine", "linear", "constant", "wsd"], "How the rate falls after the warm-up: along a cosine, along a line, not at all, or (wsd) along a line over the last decay_iters steps alone."),
  integer("stages.*.optimizer.warmup_iters", 0, 1_000_000, "Steps over which the rate rises from near zero.", [0, 500]),
  onlyWith("schedule", ["wsd"], integer("stages.*.optimizer.decay_iters", 1, 10_000_000, "Steps at the end over which the rate falls to min_lr.", [10, 4000])),
  number("stages.*.optimizer.min_lr", 0, 1, "Where a falling schedule ends.", [1e-5, 1e-3]),
  { ...onlyWith("type", ["muon"], number("stages.*.optimizer.adam_learning_rate", 1e-9, 1, "The rate of what AdamW moves beside Muon, on the same schedule.", [1e-4, 1e-2])), fallback: 3e-4 },
  { ...onlyWith("type", ["sgd"], number("stages.*.optimizer.momentum", 0, 0.9999, "How much of the last step goes into the next one.", [0.8, 0.99])), fallback: 0.9 },
  { ...onlyWith("type", ["muon"], number("stages.*.optimizer.momentum", 0, 0.9999, "How long Muon remembers gradients.", [0.9, 0.95])), fallback: 0.95 },
  { ...onlyWith("type", ["sgd"], { path: "stages.*.optimizer.nesterov", type: "boolean", meaning: "Whether a step looks ahead by its momentum." }), fallback: false },
  { ...onlyWith("type", ["muon"], { path: "stages.*.optimizer.nesterov", type: "boolean", meaning: "Whether a step looks ahead by its momentum." }), fallback: true },
  { ...onlyWith("type", ["muon"], integer("stages.*.optimizer.ns_steps", 1, 20, "Newton-Schulz iterations that bring a step near an orthogonal matrix.", [5, 5])), fallback: 5 },
  { ...onlyWith("type", ["adamw", "muon"], number("stages.*.optimizer.beta1", 0, 0.9999, "How long AdamW remembers gradients.", [0.9, 0.9])), always: true },
  { ...onlyWith("type", ["adamw", "muon"], number("stages.*.optimizer.beta2", 0, 0.99999, "How long AdamW remembers squared gradients.", [0.95, 0.999])), always: true },
  { ...onlyWith("type", ["adamw", "muon"], number("stages.*.optimizer.eps", 1e-12, 1e-2, "Keeps AdamW's division away from zero.", [1e-8, 1e-8])), always: true },
  number("stages.*.optimizer.weight_decay", 0, 1, "How strongly matrices are pulled towards zero.", [0, 0.1]),
  number("stages.*.optimizer.grad_clip", 0, 1000, "Longest gradient allowed; 0 = no limit.", [1, 1]),
  choice("stages.*.method.type", ["full", "last_layers", "embeddings", "lora"], "What moves: all weights, the last blocks with what follows them, the embeddings alone, or a small low-rank addition beside frozen weights."),
  integer("stages.*.method.layers", 1, 48, "Blocks that train, counted from the last.", [1, 4]),
  integer("stages.*.method.r", 1, 256, "Rank of the low-rank update.", [4, 32]),
  number("stages.*.method.lora_alpha", 0.001, 4096, "Scale of the low-rank update: alpha / r.", [8, 64]),
  optional(number("stages.*.method.lora_dropout", 0, 0.9, "Share of what enters the low-rank update that is zeroed at random while training.", [0, 0.1]), 0),
  only(READING, optional(number("stages.*.replay", 0, 0.95, "Share of the rows that are drawn from what earlier stages read.", [0, 0.5]), 0)),
  only(READING, optional(number("stages.*.kl_weight", 0, 100, "How strongly predictions are held near the parent's.", [0, 1]), 0)),
  only(LATER, optional(number("stages.*.l2_weight", 0, 100, "How strongly weights are pulled back to the parent's.", [0, 0.1]), 0)),
  only(LATER, optional(integer("stages.*.early_stopping_patience", 0, 10_000, "Evaluations without a new best before the stage ends; 0 = it never ends early.", [0, 10]), 0)),
  only(LATER, { path: "stages.*.load_best_model_at_end", type: "boolean", fallback: false, meaning: "Whether the stage ends with the weights of its best evaluation." }),
  only(LATER, optional(choice("stages.*.metric_for_best_model", ["val/loss", "val/old_loss", "mean"], "Which held-out loss is best when lowest: the stage's own, that of what was learned before, or the mean of both."), "val/loss")),
  only(["dpo"], number("stages.*.beta", 1e-4, 10, "How far preference training may leave the model that it began with: the larger, the nearer.", [0.1, 0.5])),
  only(["dpo"], number("stages.*.rpo_alpha", 0, 100, "Weight of the chosen answer's own likelihood beside the preference.", [0, 1])),
];

/** Which fields of a method go with its type. */
const METHOD_FIELDS: Readonly<Record<Method["type"], readonly string[]>> = { full: [], embeddings: [], last_layers: ["layers"], lora: ["r", "lora_alpha", "lora_dropout"] };

/** Whether a stage with this optimizer makes use of the field. */
export const appliesTo = ({ only }: FieldSpec, optimizer: Partial<OptimizerConfig>): boolean =>
  only === undefined || only.is.includes(String(optimizer[only.key] ?? FIELDS.find(({ path }) => path === `stages.*.optimizer.${only.key}`)!.fallback));

/** Whether it may say it. */
export const maySay = (spec: FieldSpec, optimizer: Partial<OptimizerConfig>): boolean => spec.always === true || appliesTo(spec, optimizer);

/** The schedule for a stage cut to so many steps: warm-up and decay take at most a quarter each. */
export function scheduleWithin(optimizer: OptimizerConfig, maxIters: number): OptimizerConfig {
  const most = Math.floor(maxIters / 4);
  const { warmup_iters, decay_iters } = optimizer;
  return { ...optimizer, warmup_iters: Math.min(warmup_iters, most), ...(decay_iters !== undefined && { decay_iters: Math.max(1, Math.min(decay_iters, most)) }) };
}

/** A value in a message: short, and never by way of its own methods or depth. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value !== null && typeof value === "object") return "an object";
  // JSON has no word for what is not finite.
  const text = typeof value === "number" ? String(value) : (JSON.stringify(value) ?? "missing");
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}

const out = (field: string, seen: unknown, allowed: string): NestlingError =>
  new NestlingError("CONFIG_RANGE", `${field} is ${shown(seen)}; it must be ${allowed}.`, { field, seen: typeof seen === "string" ? seen.slice(0, 80) : shown(seen), allowed });

/** What a field allows, in words. */
export function allowedText(spec: FieldSpec): string {
  if (spec.type === "choice") return `one of ${spec.choices!.join(", ")}`;
  if (spec.type === "boolean") return "true or false";
  if (spec.type === "text") return `text of 1 to ${spec.max} characters`;
  return `${spec.type === "integer" ? "a whole number" : "a number"} from ${spec.min} to ${spec.max}`;
}

function fits(spec: FieldSpec, value: unknown): boolean {
  if (value === undefined && spec.fallback !== undefined) return true;
  switch (spec.type) {
    case "choice": return spec.choices!.includes(value as string);
    case "boolean": return typeof value === "boolean";
    case "text": return typeof value === "string" && value.length > 0 && value.length <= spec.max!;
    default: return typeof value === "number" && Number.isFinite(value) && value >= spec.min! && value <= spec.max! && (spec.type === "number" || Number.isInteger(value));
  }
}

/** What is wrong with a field's value, as name, value seen and range; undefined where it fits. */
export function fieldProblem(spec: FieldSpec, value: unknown, name = spec.path): string | undefined {
  return fits(spec, value) ? undefined : `${name} is ${shown(value)}; it must be ${allowedText(spec)}.`;
}

const KEYS = {
  recipe: ["version", "name", "seed", "model", "tokenizer", "stages"],
  gpt2: ["family", "n_layer", "n_head", "n_embd", "block_size", "dropout", "tie_word_embeddings"],
  llama: ["family", "n_layer", "n_head", "n_embd", "block_size", "dropout", "tie_word_embeddings", "n_kv_head", "intermediate_size", "rope_theta", "rms_norm_eps"],
  tokenizer: ["kind", "vocab_size"],
  stage: ["kind", "name", "data", "max_iters", "batch_size", "gradient_accumulation_steps", "optimizer", "dtype", "eval_interval", "eval_iters", "changes", "method", "parent", "ended_at", ...FIELDS.flatMap(({ path, kinds }) => (kinds ? [path.slice("stages.*.".length)] : []))],
  optimizer: ["learning_rate", "schedule", "warmup_iters", "decay_iters", "min_lr", "beta1", "beta2", "eps", "weight_decay", "grad_clip", "type", "momentum", "nesterov", "ns_steps", "adam_learning_rate"],
  source: ["corpus", "weight", "end_weight"],
  method: ["type", "layers", "r", "lora_alpha", "lora_dropout", "target_modules"],
  change: ["step", "learning_rate", "grad_clip", "temperature"],
} as const;

function object(value: unknown, field: string, keys: readonly string[]): Record<string, unknown> {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw out(field, value, "an object");
  const unknown = Object.keys(value).find((key) => !keys.includes(key));
  if (unknown !== undefined) throw new NestlingError("CONFIG_UNKNOWN", `${field} has a field "${unknown.slice(0, 80)}"; it may have ${keys.join(", ")}.`, { field, key: unknown });
  return value as Record<string, unknown>;
}

/**
 * The value as a Recipe, or an error that names the field, the value seen and the range, before anything is allocated.
 * @throws NestlingError CONFIG_RANGE, CONFIG_UNKNOWN
 */
export function validateRecipe(value: unknown): Recipe {
  const recipe = object(value, "The recipe", KEYS.recipe);
  if (recipe.version !== 1) throw out("version", recipe.version, "1");
  const family: ModelConfig["family"] = (recipe.model as { family?: unknown } | null | undefined)?.family === "llama" ? "llama" : "gpt2";
  const model = object(recipe.model, "model", KEYS[family]);
  const tokenizer = object(recipe.tokenizer, "tokenizer", KEYS.tokenizer);
  const check = (spec: FieldSpec, prefix: string, holder: Record<string, unknown>): void => {
    const key = spec.path.split(".").at(-1)!;
    if (!fits(spec, holder[key])) throw out(`${prefix}${key}`, holder[key], allowedText(spec));
  };
  const group = (start: string): FieldSpec[] =>
    FIELDS.filter((spec) => (spec.family ?? family) === family && spec.path.startsWith(start) && !spec.path.slice(start.length).includes("."));
  for (const spec of group("")) check(spec, "", recipe);
  for (const spec of group("model.")) check(spec, "model.", model);
  for (const spec of group("tokenizer.")) check(spec, "tokenizer.", tokenizer);
  if ((model.n_embd as number) % (model.n_head as number) !== 0) {
    throw out("model.n_embd", model.n_embd, `a multiple of n_head (${String(model.n_head)})`);
  }
  const headSize = (model.n_embd as number) / (model.n_head as number);
  // The attention kernels read a head four channels at a time.
  if (headSize % 4 !== 0) throw out("model.n_head", model.n_head, `such that n_embd / n_head (${headSize}) is a multiple of 4`);
  if (headSize > 128) throw out("model.n_head", model.n_head, `at least ${Math.ceil((model.n_embd as number) / 128)}, so that a head has at most 128 channels`);
  if (family === "llama" && (model.n_head as number) % (model.n_kv_head as number) !== 0) {
    throw out("model.n_kv_head", model.n_kv_head, `a divisor of n_head (${String(model.n_head)})`);
  }
  const stages = recipe.stages;
  if (!Array.isArray(stages) || stages.length < 1 || stages.length > 8) throw out("stages", stages, "a list of 1 to 8 stages");
  stages.forEach((entry: unknown, i) => {
    validateStage(entry, `stages.${i}.`, { family, n_layer: model.n_layer as number }, check, group);
    const { parent } = entry as { parent?: unknown };
    // Ignored in silence it would train from something else than what was asked for.
    if (i > 0 && parent !== undefined) throw out(`stages.${i}.parent`, parent, "left out: a later stage starts from the one before it, and only a recipe's first stage may name a checkpoint");
  });
  return value as Recipe;
}

type Check = (spec: FieldSpec, prefix: string, holder: Record<string, unknown>) => void;
type Group = (start: string) => FieldSpec[];

const KINDS: readonly unknown[] = ["pretrain", "continue", "sft", "dpo"] satisfies Stage["kind"][];

function validateStage(entry: unknown, at: string, { family, n_layer }: Pick<ModelConfig, "family" | "n_layer">, check: Check, group: Group): void {
  const stage = object(entry, at.slice(0, -1), KEYS.stage);
  if (!KINDS.includes(stage.kind)) throw out(`${at}kind`, stage.kind, `one of ${KINDS.join(", ")}`);
  const kind = stage.kind as Stage["kind"];
  for (const spec of group("stages.*.")) {
    const key = spec.path.slice("stages.*.".length);
    if (spec.kinds === undefined || spec.kinds.includes(kind)) check(spec, at, stage);
    else if (stage[key] !== undefined) throw out(`${at}${key}`, stage[key], `left out: only a stage of kind ${spec.kinds.join(" or ")} has it, and this one is ${kind}`);
  }
  const optimizer = object(stage.optimizer, `${at}optimizer`, KEYS.optimizer);
  for (const spec of group("stages.*.optimizer.")) if (maySay(spec, optimizer)) check(spec, `${at}optimizer.`, optimizer);
  refuseIdle(optimizer, `${at}optimizer.`, group("stages.*.optimizer."));
  if ((optimizer.warmup_iters as number) > (stage.max_iters as number)) throw out(`${at}optimizer.warmup_iters`, optimizer.warmup_iters, `at most max_iters (${String(stage.max_iters)})`);
  const falling = optimizer.schedule === "wsd" ? (optimizer.decay_iters as number) : 0;
  if ((optimizer.warmup_iters as number) + falling > (stage.max_iters as number)) {
    throw out(`${at}optimizer.decay_iters`, falling, `at most max_iters (${String(stage.max_iters)}) without warmup_iters (${String(optimizer.warmup_iters)})`);
  }
  if ((optimizer.min_lr as number) > (optimizer.learning_rate as number)) throw out(`${at}optimizer.min_lr`, optimizer.min_lr, `at most learning_rate (${String(optimizer.learning_rate)})`);
  validateData(stage.data, `${at}data`);
  if (stage.changes !== undefined) validateChanges(stage.changes, `${at}changes`, stage.max_iters as number);
  if (kind === "dpo" && (stage.batch_size as number) % 2 !== 0) throw out(`${at}batch_size`, stage.batch_size, "even: rows go in pairs, a chosen and a rejected answer");
  const { ended_at: ended, max_iters: most } = stage;
  if (kind === "pretrain") {
    if (ended !== undefined) throw out(`${at}ended_at`, ended, "left out: only a stage after pre-training ends early");
    return;
  }
  if (ended !== undefined && !(Number.isInteger(ended) && (ended as number) >= 1 && (ended as number) <= (most as number))) throw out(`${at}ended_at`, ended, `a whole number from 1 to max_iters (${String(most)}), or left out`);
  if (stage.eval_interval === 0 && (stage.load_best_model_at_end === true || ((stage.early_stopping_patience as number | undefined) ?? 0) > 0)) {
    throw out(`${at}eval_interval`, 0, "above 0 where early_stopping_patience or load_best_model_at_end is set: both look at evaluations on the way");
  }
  const method = validateMethod(stage.method, `${at}method`, family, n_layer, check, group);
  if (method === "lora" && stage.dtype !== undefined && stage.dtype !== "float32" && (((stage.method as LoraMethod).lora_dropout ?? 0) > 0)) throw out(`${at}method.lora_dropout`, (stage.method as LoraMethod).lora_dropout, `0 with dtype ${String(stage.dtype)}; use float32`);
  if (method === "lora" && ((stage.l2_weight as number | undefined) ?? 0) > 0) throw out(`${at}l2_weight`, stage.l2_weight, "0 with LoRA, which leaves the parent's weights as they are; use weight_decay, or method full");
  if (stage.parent !== undefined && (typeof stage.parent !== "string" || stage.parent.length > 100)) throw out(`${at}parent`, stage.parent, "a checkpoint's id");
}

function validateData(data: unknown, at: string): void {
  if (!Array.isArray(data) || data.length < 1 || data.length > 16) throw out(at, data, "a list of 1 to 16 sources");
  data.forEach((entry: unknown, i: number) => {
    const source = object(entry, `${at}.${i}`, KEYS.source);
    if (typeof source.corpus !== "string" || !/^[a-z0-9:-]{1,80}$/.test(source.corpus)) throw out(`${at}.${i}.corpus`, source.corpus, "a corpus's id");
    const ramps = source.end_weight !== undefined;
    const within = (value: unknown): boolean => typeof value === "number" && (ramps ? value >= 0 : value > 0) && value <= 1000;
    if (!within(source.weight)) throw out(`${at}.${i}.weight`, source.weight, `a number ${ramps ? "from 0" : "above 0,"} up to 1000`);
    if (ramps && !within(source.end_weight)) throw out(`${at}.${i}.end_weight`, source.end_weight, "a number from 0 up to 1000");
  });
  const sum = (weightOf: (source: { weight: number; end_weight?: number }) => number): number => data.reduce((total: number, source: { weight: number; end_weight?: number }) => total + weightOf(source), 0);
  if (!(sum(({ weight }) => weight) > 0) || !(sum(({ weight, end_weight = weight }) => end_weight) > 0)) throw out(`${at}.0.weight`, 0, "above 0 for one source at least, at the stage's beginning and at its end");
}

function validateMethod(value: unknown, at: string, family: ModelConfig["family"], layers: number, check: Check, group: Group): Method["type"] {
  const method = object(value, at, KEYS.method);
  const types = Object.keys(METHOD_FIELDS);
  if (typeof method.type !== "string" || !types.includes(method.type)) throw out(`${at}.type`, method.type, `one of ${types.join(", ")}`);
  const type = method.type as Method["type"];
  for (const spec of group("stages.*.method.")) if (METHOD_FIELDS[type].includes(spec.path.slice("stages.*.method.".length))) check(spec, `${at}.`, method);
  if (type === "last_layers" && (method.layers as number) > layers) throw out(`${at}.layers`, method.layers, `at most n_layer (${layers})`);
  if (type === "lora") {
    const targets = method.target_modules;
    const loraTargets: readonly unknown[] = LORA_TARGETS[family];
    if (!Array.isArray(targets) || targets.length === 0 || targets.some((target) => !loraTargets.includes(target))) {
      throw out(`${at}.target_modules`, targets, `a list out of ${loraTargets.join(", ")}`);
    }
  }
  return type;
}

/** Fields of another choice: ignored in silence they would seem to do something. */
function refuseIdle(optimizer: Record<string, unknown>, at: string, specs: readonly FieldSpec[]): void {
  for (const [key, value] of Object.entries(optimizer)) {
    const named = specs.filter(({ path }) => path.endsWith(`.${key}`));
    if (value === undefined || named.some((spec) => maySay(spec, optimizer))) continue;
    throw out(`${at}${key}`, value, `left out: only ${named[0]!.only!.key} ${named.flatMap(({ only }) => only!.is).join(" or ")} has it`);
  }
}

/** The knobs that turn while a stage trains, and how far. */
export const KNOBS: readonly FieldSpec[] = [
  number("learning_rate", 1e-9, 1, "The peak of the schedule; the rest of the schedule is scaled with it."),
  number("grad_clip", 0, 1000, "Longest gradient allowed; 0 = no limit."),
  number("temperature", 0, 10, "How daring the samples on the timeline are; it moves no weight."),
];
/** Knobs turned in one stage, at most. */
export const MOST_CHANGES = 1000;

function validateChanges(value: unknown, at: string, maxIters: number): void {
  if (!Array.isArray(value) || value.length > MOST_CHANGES) throw out(at, value, `a list of at most ${MOST_CHANGES} changes`);
  let last = -1;
  value.forEach((entry: unknown, i) => {
    const change = object(entry, `${at}.${i}`, KEYS.change);
    const { step } = change;
    if (typeof step !== "number" || !Number.isInteger(step) || step <= last || step >= maxIters) throw out(`${at}.${i}.step`, step, `a whole number above ${last} and below max_iters (${maxIters})`);
    last = step;
    for (const spec of KNOBS) if (change[spec.path] !== undefined && !fits(spec, change[spec.path])) throw out(`${at}.${i}.${spec.path}`, change[spec.path], allowedText(spec));
  });
}
