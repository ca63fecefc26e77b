/** A recipe in the making: its fields one by one, what is wrong with each, edits and how to take them back. Pure; may hold what is out of range. */
import { NestlingError } from "../../core/errors.ts";
import type { LlamaModelConfig, ModelConfig, OptimizerConfig, Recipe, SftStage, Stage } from "../../protocol/index.ts";
import { appliesTo, FIELDS, maySay, OPTIMIZER_CHOICES, scheduleWithin, type FieldSpec, fieldProblem, validateRecipe } from "../../protocol/recipe-fields.ts";
import { methodFor } from "./recipe-method.ts";

export interface DraftField {
  /** Where it stands, such as "stages.0.max_iters". */
  readonly path: string;
  readonly name: string;
  readonly spec: FieldSpec;
}

export const MOST_STAGES = 8;

/** The value at a path; undefined where there is none. */
export function valueAt(recipe: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>((holder, key) => (typeof holder === "object" && holder !== null && Object.hasOwn(holder, key) ? (holder as Record<string, unknown>)[key] : undefined), recipe);
}

/** A copy with one value exchanged, everything beside its path shared. */
export function withValue<T>(holder: T, path: string, value: unknown): T {
  const [key, ...rest] = path.split(".") as [string, ...string[]];
  const inner = (holder as Record<string, unknown>)[key];
  const changed = rest.length === 0 ? value : withValue(inner, rest.join("."), value);
  if (Array.isArray(holder)) return holder.map((entry: unknown, i) => (String(i) === key ? changed : entry)) as T;
  return { ...holder, [key]: changed };
}

/** The recipe's fields under a prefix ("", "model.", "stages.0."), without those that another family or optimizer has or that method and mixture draw. */
export function fieldsUnder(recipe: Recipe, prefix: string): readonly DraftField[] {
  const start = general(prefix);
  const kind = (valueAt(recipe, prefix.slice(0, -1)) as Partial<Stage> | undefined)?.kind;
  const optimizer = (valueAt(recipe, `${prefix}optimizer`) ?? {}) as Partial<OptimizerConfig>;
  return FIELDS.filter((spec) => {
    if (spec.kinds !== undefined && !spec.kinds.some((each) => each === kind)) return false;
    if ((spec.family ?? recipe.model.family) !== recipe.model.family || !spec.path.startsWith(start) || spec.path.startsWith("stages.*.method.")) return false;
    const rest = spec.path.slice(start.length);
    if (!appliesTo(spec, optimizer)) return false;
    return start === "stages.*." ? /^(optimizer\.)?\w+$/.test(rest) : !rest.includes(".");
  }).map((spec) => ({ path: prefix + spec.path.slice(start.length), name: spec.path.split(".").at(-1)!, spec }));
}

/** The headings of a recipe, in its order. */
export const prefixesOf = (recipe: Recipe): readonly string[] => ["", "model.", "tokenizer.", ...recipe.stages.map((_, i) => `stages.${i}.`)];

/** What a field is in this recipe, said or not. */
export const fieldValue = (recipe: Recipe, { path, spec }: Pick<DraftField, "path" | "spec">): unknown => valueAt(recipe, path) ?? spec.fallback;

/** What is wrong, by path. Every field answers for itself; how fields go together is asked once they all do. */
export function problemsOf(recipe: Recipe): ReadonlyMap<string, string> {
  const problems = new Map<string, string>();
  for (const prefix of prefixesOf(recipe)) {
    for (const { path, name, spec } of fieldsUnder(recipe, prefix)) {
      const problem = fieldProblem(spec, valueAt(recipe, path), name);
      if (problem !== undefined) problems.set(path, problem);
    }
  }
  if (problems.size > 0) return problems;
  try {
    validateRecipe(recipe);
  } catch (error) {
    if (!(error instanceof NestlingError)) throw error;
    const field = String(error.details["field"] ?? "recipe");
    const said = error.message.slice(error.code.length + 3);
    // It stands at its field, whose name is enough.
    problems.set(field, said.startsWith(`${field} `) ? said.slice(field.lastIndexOf(".") + 1) : said);
  }
  return problems;
}

/** Whether every size of model and vocabulary is within its range, so that parameters can be counted. */
export const sizesFit = (recipe: Recipe): boolean =>
  ["model.", "tokenizer."].every((prefix) => fieldsUnder(recipe, prefix).every(({ path, spec }) => fieldProblem(spec, valueAt(recipe, path)) === undefined));

/** What a person typed, as the field's type; what cannot be read stays text, and is then out of range by name. */
export function readTyped(spec: FieldSpec, text: string): unknown {
  if (spec.type !== "integer" && spec.type !== "number") return text;
  // As a person writes a number: "0x10" and "Infinity" are none.
  const value = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i.test(text.trim()) ? Number(text) : NaN;
  return Number.isFinite(value) ? value : text;
}

const general = (path: string): string => path.replace(/^stages\.\d+\./, "stages.*.");

/** A field set, and what must follow from it: another family brings its own sizes and modules. What is so anyway is left out. */
export function edited(recipe: Recipe, path: string, value: unknown): Recipe {
  const place = /^stages\.(\d+)\.optimizer\.(\w+)$/.exec(path);
  const stage = place ? recipe.stages[Number(place[1])] : undefined;
  const isFallback = ({ fallback, path: at, ...spec }: FieldSpec): boolean =>
    fallback !== undefined && fallback === value && at === general(path) && (stage === undefined || appliesTo({ ...spec, path: at }, stage.optimizer));
  const said = FIELDS.some(isFallback) ? undefined : value;
  if (place && stage && OPTIMIZER_CHOICES.includes(place[2]!)) return withValue(recipe, `stages.${place[1]}.optimizer`, withChoice(stage, { [place[2]!]: said }));
  if (said === undefined) return withValue(recipe, path, undefined);
  if (path !== "model.family" || value === recipe.model.family) return withValue(recipe, path, value);
  const model = familyModel(recipe.model, value as ModelConfig["family"]);
  return { ...recipe, model, stages: recipe.stages.map((stage) => (stage.kind === "pretrain" ? stage : { ...stage, method: methodFor(stage.method, model.family) })) };
}

/** A stage's optimizer with another choice: fields that only others have go, and those come that it cannot be without. */
function withChoice({ optimizer, max_iters }: Stage, change: Partial<OptimizerConfig>): OptimizerConfig {
  // AdamW goes on at the rate it had, where Muon leaves it some.
  const chosen = { ...optimizer, ...(change.type === "muon" && { adam_learning_rate: optimizer.learning_rate }), ...change };
  const kept = Object.fromEntries(Object.entries(chosen).filter(([key]) => FIELDS.some((spec) => spec.path === `stages.*.optimizer.${key}` && maySay(spec, chosen)))) as unknown as OptimizerConfig;
  // A fifth of the steps, a share that Hägele et al. (arXiv 2405.18392) found to reach what a cosine reaches.
  return kept.schedule === "wsd" && kept.decay_iters === undefined ? { ...kept, decay_iters: Math.max(1, Math.min(Math.floor(max_iters / 5), max_iters - kept.warmup_iters)) } : kept;
}

function familyModel(model: ModelConfig, family: ModelConfig["family"]): ModelConfig {
  const { n_layer, n_head, n_embd, block_size, dropout, tie_word_embeddings } = model;
  const shared = { n_layer, n_head, n_embd, block_size, dropout, tie_word_embeddings };
  if (family === "gpt2") return { family, ...shared };
  // Two thirds of GPT-2's width keeps the MLP's size, for SwiGLU has three matrices.
  const llama: LlamaModelConfig = { family, ...shared, n_kv_head: n_head, intermediate_size: Math.max(8, Math.round((8 * n_embd) / 24) * 8), rope_theta: 10_000, rms_norm_eps: 1e-5 };
  return llama;
}

/** A stage of a kind that nothing shows yet, after one that is near to it. */
function madeAfter(kind: "continue" | "dpo", all: readonly Stage[]): Stage | undefined {
  const near = all.find((stage) => stage.kind === (kind === "continue" ? "pretrain" : "sft"));
  if (near === undefined) return undefined;
  // A tenth of pre-training's rate and steps: a later stage wants less of both.
  const gentle = (share: number): OptimizerConfig => ({ ...near.optimizer, learning_rate: near.optimizer.learning_rate * share, min_lr: near.optimizer.min_lr * share });
  if (kind === "continue") return { ...near, kind, name: "Reading on", max_iters: Math.max(1, Math.round(near.max_iters / 10)), optimizer: scheduleWithin(gentle(0.1), Math.max(1, Math.round(near.max_iters / 10))), method: { type: "full" } };
  return { ...near, kind, name: "Preferences", data: [{ corpus: "world-preferences", weight: 1 }], batch_size: 2 * Math.max(1, near.batch_size >> 1), optimizer: gentle(0.6), method: { type: "full" }, beta: 0.3, rpo_alpha: 0.3 };
}

/** One stage more, at the end, made after the last of its kind there is. */
export function withStage(recipe: Recipe, kind: Stage["kind"], models: readonly Recipe[]): Recipe {
  const all = [...recipe.stages, ...models.flatMap(({ stages }) => stages)];
  const like = all.find((stage) => stage.kind === kind) ?? (kind === "continue" || kind === "dpo" ? madeAfter(kind, all) : undefined);
  if (like === undefined || recipe.stages.length >= MOST_STAGES) return recipe;
  const { changes: _, ...plain } = like;
  const { parent: __, ...stage } = plain as SftStage;
  const method = "method" in stage && stage.method !== undefined ? { method: methodFor(stage.method, recipe.model.family) } : {};
  return { ...recipe, stages: [...recipe.stages, { ...stage, ...method } as Stage] };
}

export const withoutStage = (recipe: Recipe, index: number): Recipe =>
  recipe.stages.length < 2 ? recipe : { ...recipe, stages: recipe.stages.filter((_, i) => i !== index) };

/** Edits in order; keys struck in one field make one of them. */
export class History {
  private past: { readonly recipe: Recipe; readonly path: string }[] = [];

  get length(): number {
    return this.past.length;
  }

  /** Keeps what stood before an edit at `path`. */
  push(before: Recipe, path: string): void {
    if (path !== "" && this.past.at(-1)?.path === path) return;
    this.past = [...this.past.slice(-199), { recipe: before, path }];
  }

  /** What stood before the last edit. */
  pop(): Recipe | undefined {
    return this.past.pop()?.recipe;
  }

  clear(): void {
    this.past = [];
  }
}
