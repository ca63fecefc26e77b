/** What a person's own data would be trained as: for each use its recipe, how often the data is read, and why it cannot be. Pure; measures and starts nothing. */
import type { CheckpointSummary, CorpusPreview, DataSource, OwnUse, Recipe, SftStage, Stage } from "../../protocol/index.ts";
import { scheduleWithin } from "../../protocol/recipe-fields.ts";
import { withOwnText } from "../models/sides.ts";

/** What the page has chosen when data comes. */
export interface DataSetting {
  readonly chosen: Recipe;
  readonly presets: readonly Recipe[];
  /** What *Fine-tune it* would start. */
  readonly tuning: { readonly recipe: Recipe; readonly base: CheckpointSummary } | null;
}

/** What a person set by hand; absent = a sane value. */
export interface DataWish {
  /** Optimizer steps of the stage that reads the data. */
  readonly steps?: number;
  /** Of that stage's tokens, 0 to 1: for the mixture. */
  readonly share?: number;
}

export interface DataPlan {
  readonly use: OwnUse;
  readonly recipe: Recipe;
  /** The checkpoint it starts from; absent = from nothing. */
  readonly from?: string;
  /** What stands for it when this machine is measured: the same whatever was wished. */
  readonly measured: Recipe;
  /** Tokens of the whole data, an estimate. */
  readonly tokens: number;
  /** Tokens of every step of the stage that reads the data. */
  readonly tokensPerStep: number;
  readonly steps: number;
  readonly share: number;
  /** Times the training part is read. */
  readonly epochs: number;
  /** Tokens of every stage that would be trained. */
  readonly trainedTokens: number;
}

export interface Refusal {
  readonly use: OwnUse;
  /** Why it cannot be done, as a sentence. */
  readonly blocked: string;
}

export const USES: readonly OwnUse[] = ["pretrain", "finetune", "mixture"];
/** The engine holds one tenth back. */
export const TRAINING_PART = 0.9;
/** Read more often than this a small text is known by heart. */
export const MANY_EPOCHS = 40;
export const MOST_STEPS = 1_000_000;
/** Where more of the text than this has no token of its own, its tokens are counted by size alone. */
export const STRANGE = 0.02;

/** One to learn from, one to judge by. */
const FEWEST_CONVERSATIONS = 2;
const FEWEST_STEPS = 60;
const MOST_TUNING_STEPS = 600;
const TUNING_EPOCHS = { chat: 10, text: 4 } as const;
const MIXTURE_EPOCHS = 4;
/** Characters of a token where no tokenizer was asked: about what byte pairs of English hold. */
const CHARACTERS_PER_TOKEN = 3;

const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));
const isOwn = ({ corpus }: DataSource): boolean => corpus.startsWith("own");

export const isRefusal = (plan: DataPlan | Refusal): plan is Refusal => "blocked" in plan;

export const tokensPerStep = (recipe: Recipe, stage: Stage): number => stage.batch_size * stage.gradient_accumulation_steps * recipe.model.block_size;

/** Times that many steps read the training part of so many tokens: steps * tokensPerStep * share = epochs * tokens * TRAINING_PART. */
export const epochsOf = (steps: number, perStep: number, share: number, tokens: number): number => (steps * perStep * share) / (Math.max(1, tokens) * TRAINING_PART);

/** Steps that read the training part so often, at least one. */
export const stepsFor = (epochs: number, perStep: number, share: number, tokens: number): number => Math.max(1, Math.ceil((epochs * Math.max(1, tokens) * TRAINING_PART) / (perStep * share)));

/** Tokens that the recipe's tokenizer would make of the data; a base brings its own, which the preview asked. */
export function estimateTokens(preview: CorpusPreview, kind: Recipe["tokenizer"]["kind"], ofBase: boolean): number {
  const characters = Math.max(1, preview.characters ?? preview.textBytes);
  const bySize = Math.ceil(characters / CHARACTERS_PER_TOKEN);
  if (ofBase) return preview.tokens ?? bySize;
  if (kind === "char") return characters;
  return (preview.unknownShare ?? 1) > STRANGE ? bySize : (preview.tokens ?? bySize);
}

function tooFewWords({ seen, tooLong, longest, context }: NonNullable<CorpusPreview["examples"]>): string {
  if (tooLong === 0) return `It has ${seen} conversation${seen === 1 ? "" : "s"}; at least ${FEWEST_CONVERSATIONS} are needed, one to learn from and one to judge by. Add more.`;
  return `Of ${seen} conversation${seen === 1 ? "" : "s"} looked at, ${seen - tooLong} fit${seen - tooLong === 1 ? "s" : ""} the base's context of ${context} tokens (the longest has ${longest}); at least ${FEWEST_CONVERSATIONS} are needed. Shorten the answers, or open a model with a larger context.`;
}

/** All three, in the order they are offered. @param corpus its id, once it has one */
export function plansFor(preview: CorpusPreview, setting: DataSetting, wish: Partial<Record<OwnUse, DataWish>> = {}, corpus = "own"): readonly (DataPlan | Refusal)[] {
  return USES.map((use) => planFor(use, preview, setting, wish[use], corpus));
}

export function planFor(use: OwnUse, preview: CorpusPreview, setting: DataSetting, wish: DataWish = {}, corpus = "own"): DataPlan | Refusal {
  // What stands with the file says why; "too little" would be another reason, and an untrue one.
  if (preview.characters === 0 && preview.files.some(({ problem }) => problem !== undefined)) return { use, blocked: "Nothing of it could be read: the message above says why, and what helps." };
  const plan = { pretrain: pretrainPlan, finetune: finetunePlan, mixture: mixturePlan }[use](preview, setting, wish, corpus);
  if (isRefusal(plan) || preview.kind === "chat") return plan;
  // A row of running text is one context and the token after it; a conversation may be shorter, and is padded.
  const { block_size } = plan.recipe.model;
  const fewest = Math.ceil((block_size + 1) / TRAINING_PART);
  if (plan.tokens >= fewest) return plan;
  return { use, blocked: `It has about ${plan.tokens} token${plan.tokens === 1 ? "" : "s"}; at least ${fewest} are needed for a context of ${block_size}, as a tenth is held back. Add more text${use === "finetune" ? "" : ", or choose a recipe with a smaller block_size"}.` };
}

/** What is chosen first: the suggested one, or another where that cannot be. */
export const firstUse = (plans: readonly (DataPlan | Refusal)[], suggested: OwnUse): OwnUse =>
  (plans.find((plan) => plan.use === suggested && !isRefusal(plan)) ?? plans.find((plan) => !isRefusal(plan)))?.use ?? suggested;

function pretrainPlan(preview: CorpusPreview, { chosen, presets }: DataSetting, wish: DataWish, corpus: string): DataPlan | Refusal {
  if (preview.kind === "chat") return { use: "pretrain", blocked: "Questions with answers cannot be pre-trained on: pre-training reads running text." };
  const made = chosen.name === "your-text" ? chosen : (presets.find(({ name }) => name === "your-text") ?? [chosen, ...presets].find(({ stages }) => stages.some(({ kind }) => kind === "pretrain")));
  const at = made?.stages.findIndex(({ kind }) => kind === "pretrain") ?? -1;
  if (made === undefined || at < 0) return { use: "pretrain", blocked: "No recipe here has a pre-training stage." };
  const recipe = { ...made, seed: chosen.seed };
  const tokens = estimateTokens(preview, recipe.tokenizer.kind, false);
  const perStep = tokensPerStep(recipe, recipe.stages[at]!);
  const most = Math.max(FEWEST_STEPS, stepsFor(MANY_EPOCHS, perStep, 1, tokens) - 1);
  const steps = wish.steps ?? Math.min(recipe.stages[at]!.max_iters, most);
  return finish({ use: "pretrain", recipe: withSteps(withOwnText(recipe, corpus), at, steps), at, tokens, share: 1, measured: withOwnText(recipe, "own") });
}

function finetunePlan(preview: CorpusPreview, { tuning }: DataSetting, wish: DataWish, corpus: string): DataPlan | Refusal {
  if (tuning === null) return { use: "finetune", blocked: "No base is loaded that a recipe here can tune. Pre-train one first, or open one in Models." };
  const { recipe, base } = tuning;
  const { examples, sampled } = preview;
  if (examples !== undefined && examples.seen - examples.tooLong < (sampled === 1 ? FEWEST_CONVERSATIONS : 1)) {
    return { use: "finetune", blocked: tooFewWords(examples) };
  }
  const at = recipe.stages.findIndex(({ kind }) => kind === "sft");
  const old = recipe.stages[at]!;
  const tokens = estimateTokens(preview, recipe.tokenizer.kind, true);
  const steps = wish.steps ?? clamp(stepsFor(TUNING_EPOCHS[preview.kind], tokensPerStep(recipe, old), 1, tokens), FEWEST_STEPS, MOST_TUNING_STEPS);
  const withData = withStage(recipe, at, (stage) => {
    const { parent: _, ...kept } = stage as SftStage;
    return { ...kept, name: "Your text", data: [{ corpus, weight: 1 }], eval_interval: Math.max(5, Math.ceil(steps / 8)) };
  });
  return finish({ use: "finetune", recipe: withSteps({ ...withData, name: "your-tuning" }, at, steps), at, tokens, share: 1, from: base.id, measured: { ...recipe, stages: [old] } });
}

function mixturePlan(preview: CorpusPreview, { chosen, presets }: DataSetting, wish: DataWish, corpus: string): DataPlan | Refusal {
  const kind = preview.kind === "chat" ? "sft" : "pretrain";
  const stageIn = (candidate: Recipe): number => candidate.stages.findIndex((stage) => stage.kind === kind && stage.data.some((source) => !isOwn(source)));
  // A recipe for one's own text alone has nothing to mix it with; running text then goes beside the first recipe's.
  const made = [chosen, ...(kind === "pretrain" ? presets : [])].find((candidate) => stageIn(candidate) >= 0);
  if (made === undefined) {
    return { use: "mixture", blocked: kind === "sft" ? "The chosen recipe has no fine-tuning stage to mix questions and answers into." : "No recipe here reads other text that this could stand beside." };
  }
  const recipe = { ...made, seed: chosen.seed };
  const at = stageIn(recipe);
  const stage = recipe.stages[at]!;
  const tokens = estimateTokens(preview, recipe.tokenizer.kind, false);
  const steps = wish.steps ?? stage.max_iters;
  const fair = (MIXTURE_EPOCHS * tokens * TRAINING_PART) / (steps * tokensPerStep(recipe, stage));
  const share = clamp(wish.share ?? Math.round(clamp(fair, 0.05, 0.5) * 20) / 20, 0.01, 0.99);
  // What waits for a text is this one's place.
  const others = stage.data.filter((source) => source.corpus !== corpus && source.corpus !== "own" && source.corpus !== "own:");
  const sum = others.reduce((total, { weight }) => total + weight, 0);
  const weight = Number(clamp((share / (1 - share)) * sum, 1e-6, 1000).toPrecision(6));
  const mixed = withStage(recipe, at, (old) => ({ ...old, data: [...others, { corpus, weight }] }));
  return finish({ use: "mixture", recipe: withSteps(mixed, at, steps), at, tokens, share, measured: recipe });
}

function withStage(recipe: Recipe, at: number, change: (stage: Stage) => Stage): Recipe {
  return { ...recipe, stages: recipe.stages.map((stage, i) => (i === at ? change(stage) : stage)) };
}

/** Other steps, and what must fit into them. */
function withSteps(recipe: Recipe, at: number, wanted: number): Recipe {
  const max_iters = clamp(Math.round(wanted), 1, MOST_STEPS);
  return withStage(recipe, at, (old) => {
    // Knobs that were turned in another run belong to its steps.
    const { changes: _, ...stage } = old;
    if (max_iters === stage.max_iters) return stage;
    return {
      ...stage, max_iters,
      eval_interval: stage.eval_interval === 0 ? 0 : Math.min(stage.eval_interval, Math.max(5, Math.ceil(max_iters / 8))),
      optimizer: scheduleWithin(stage.optimizer, max_iters),
    };
  });
}

function finish(made: Pick<DataPlan, "use" | "recipe" | "from" | "measured" | "tokens" | "share"> & { readonly at: number }): DataPlan {
  const { at, ...plan } = made;
  const { recipe, tokens, share } = plan;
  const stage = recipe.stages[at]!;
  const perStep = tokensPerStep(recipe, stage);
  // A base has its first stages behind it.
  const trained = plan.from === undefined ? recipe.stages : recipe.stages.slice(at);
  return {
    ...plan, tokensPerStep: perStep, steps: stage.max_iters, epochs: epochsOf(stage.max_iters, perStep, share, tokens),
    trainedTokens: trained.reduce((sum, each) => sum + each.max_iters * tokensPerStep(recipe, each), 0),
  };
}

/** The recipe without a text that is deleted; null where a stage would have nothing left to read. */
export function withoutCorpus(recipe: Recipe, corpus: string): Recipe | null {
  const stages = recipe.stages.map((stage) => ({ ...stage, data: stage.data.filter((source) => source.corpus !== corpus) }));
  return stages.some(({ data }) => data.length === 0) ? null : { ...recipe, stages };
}
