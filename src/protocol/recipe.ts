/**
 * The recipe: a JSON document that says everything a run depends on. Field names are the field's own (nanoGPT, PEFT).
 * Types only; the table of fields with their ranges and meanings is `recipe-fields.ts`.
 */

/** A run is a list of stages; a tree of checkpoints comes out of it. */
export interface Recipe {
  readonly version: 1;
  /** Identifier of a preset, or the person's own name for it; at most 80 characters. */
  readonly name: string;
  readonly seed: number;
  readonly model: ModelConfig;
  readonly tokenizer: TokenizerConfig;
  readonly stages: readonly Stage[];
}

/** The architecture: which family, and its sizes. */
export type ModelConfig = Gpt2ModelConfig | LlamaModelConfig;

interface ModelBase {
  readonly n_layer: number;
  readonly n_head: number;
  /** Channels C. */
  readonly n_embd: number;
  /** Longest context, tokens. */
  readonly block_size: number;
  readonly dropout: number;
  readonly tie_word_embeddings: boolean;
}

/** Learned positions, LayerNorm, GELU, biases. */
export interface Gpt2ModelConfig extends ModelBase {
  readonly family: "gpt2";
}

/** Rotary positions, RMSNorm, SwiGLU, grouped-query attention, no biases. */
export interface LlamaModelConfig extends ModelBase {
  readonly family: "llama";
  /** Heads of keys and values; each serves n_head / n_kv_head query heads. */
  readonly n_kv_head: number;
  /** Width of the MLP, in channels. */
  readonly intermediate_size: number;
  /** Base of the rotary angles. */
  readonly rope_theta: number;
  readonly rms_norm_eps: number;
}

export interface TokenizerConfig {
  readonly kind: "char" | "bpe";
  /** Upper limit of the vocabulary, special tokens included; a character tokenizer has what its text has. */
  readonly vocab_size: number;
}

/**
 * How training stores numbers. bfloat16 and float16: weights are read, and activations wait for the backward, in sixteen bits; the weights that are
 * trained and saved, their gradients and moments stay f32. With float16 the loss is scaled, and products multiply in f16 where the device can.
 */
export type Dtype = "float32" | "bfloat16" | "float16";

/** One source in a mixture, drawn in proportion to `weight` by tokens. */
export interface DataSource {
  /** A corpus's id: "stories", "plays", "books", "world", "world-chat", "world-preferences", or "own:<sha256 prefix>". */
  readonly corpus: string;
  readonly weight: number;
  /** What the weight has become at the stage's last step, along a line; absent = `weight` throughout. */
  readonly end_weight?: number;
}

/**
 * torch.optim.AdamW; torch.optim.SGD with momentum, dampening 0 and its coupled weight decay; or Muon (torch.optim.Muon, Jordan's
 * MuonWithAuxAdam): the matrices inside the blocks move by Muon, the rest (embeddings, head, norms, biases) by AdamW.
 */
export type OptimizerType = "adamw" | "sgd" | "muon";

export interface OptimizerConfig {
  /** Absent = adamw. */
  readonly type?: OptimizerType;
  /** With muon that of its matrices. */
  readonly learning_rate: number;
  /** wsd: warm-up, stable, decay (Hu et al., MiniCPM, arXiv 2404.06395). */
  readonly schedule: "cosine" | "linear" | "constant" | "wsd";
  readonly warmup_iters: number;
  /** wsd, which needs it: steps at the stage's end over which the rate falls along a line (Megatron-LM's lr_wsd_decay_iters). */
  readonly decay_iters?: number;
  /** Where cosine, linear and wsd end. */
  readonly min_lr: number;
  /** sgd (absent = 0.9) and muon (absent = 0.95). */
  readonly momentum?: number;
  /** sgd (absent = false) and muon (absent = true). */
  readonly nesterov?: boolean;
  /** muon: Newton-Schulz iterations; absent = 5. */
  readonly ns_steps?: number;
  /** muon: the peak rate of what AdamW moves, on the same schedule; absent = 3e-4, as in MuonWithAuxAdam. */
  readonly adam_learning_rate?: number;
  /** These three are AdamW's: sgd does not read them. */
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weight_decay: number;
  /** Global gradient norm allowed; 0 = no clipping. */
  readonly grad_clip: number;
}

interface StageBase {
  readonly name: string;
  readonly data: readonly DataSource[];
  readonly max_iters: number;
  /** Rows of one micro-step, B. */
  readonly batch_size: number;
  readonly gradient_accumulation_steps: number;
  readonly optimizer: OptimizerConfig;
  /** Absent = float32. */
  readonly dtype?: Dtype;
  /** Steps between evaluations of held-out loss; 0 = only at the end. */
  readonly eval_interval: number;
  /** Batches an evaluation averages. */
  readonly eval_iters: number;
  /** Knobs turned while it trained, by rising step: with them the recipe repeats the run bit for bit. */
  readonly changes?: readonly KnobChange[];
}

/** From optimizer step `step` on (steps done when the knob was turned, so 0 is the first); what is absent stays as it was. */
export interface KnobChange {
  readonly step: number;
  /** The peak of the schedule: the whole schedule is scaled by what this is to the optimizer's learning_rate. */
  readonly learning_rate?: number;
  readonly grad_clip?: number;
  /** Of the samples on the timeline; it moves no weight. */
  readonly temperature?: number;
}

export interface PretrainStage extends StageBase {
  readonly kind: "pretrain";
}

/** What a stage that starts from trained weights has beside: what of them moves, and what keeps the old skill. Absent = off. */
interface LaterStage extends StageBase {
  readonly method: Method;
  /** A checkpoint's id to start from; absent = the stage before. */
  readonly parent?: string;
  /** Share of the rows that are drawn from what earlier stages read, each of them in proportion to the tokens that it trained on. */
  readonly replay?: number;
  /** Weight of KL(parent || model) at every target, beside the loss. */
  readonly kl_weight?: number;
  /** L2-SP (Li et al. 2018): weight of half the squared distance to the parent's weights. */
  readonly l2_weight?: number;
  /** Ends the stage after so many evaluations in which `metric_for_best_model` did not fall below its best (Hugging Face's EarlyStoppingCallback). */
  readonly early_stopping_patience?: number;
  /** Ends with the weights of the best evaluation, not with the last ones. */
  readonly load_best_model_at_end?: boolean;
  /** Absent = val/loss. */
  readonly metric_for_best_model?: BestMetric;
  /** The step at which early stopping ended it: with it the recipe repeats the run. */
  readonly ended_at?: number;
}

/** What early stopping and keep-best look at: the stage's own held-out loss, that of what was learned before, or the mean of both. Lower is better. */
export type BestMetric = "val/loss" | "val/old_loss" | "mean";

/** Reads on: another mixture, the same objective. */
export interface ContinueStage extends LaterStage {
  readonly kind: "continue";
}

export interface SftStage extends LaterStage {
  readonly kind: "sft";
}

/** Direct preference optimization (Rafailov et al. 2023) against the stage's own first weights. */
export interface DpoStage extends LaterStage {
  readonly kind: "dpo";
  /** How far the model may leave its reference. */
  readonly beta: number;
  /** Weight of the chosen answer's mean negative log-likelihood beside the preference loss (Pang et al. 2024, as TRL's rpo_alpha); 0 = none. */
  readonly rpo_alpha: number;
}

/** What of a model a stage trains; all else is frozen, and has neither gradient nor moments. */
export type Method = { readonly type: "full" } | LastLayersMethod | { readonly type: "embeddings" } | LoraMethod;

/** The last so many blocks, with the final norm and a head of its own. */
export interface LastLayersMethod {
  readonly type: "last_layers";
  readonly layers: number;
}

export interface LoraMethod {
  readonly type: "lora";
  readonly r: number;
  readonly lora_alpha: number;
  /** Share of what enters A that is zeroed at random while training; absent = 0. */
  readonly lora_dropout?: number;
  readonly target_modules: readonly LoraTarget[];
}

/** Modules of a block that may be adapted, by the names PEFT knows them by in each family. */
export type Gpt2LoraTarget = "c_attn" | "attn.c_proj" | "c_fc" | "mlp.c_proj";
export type LlamaLoraTarget = "q_proj" | "k_proj" | "v_proj" | "o_proj" | "gate_proj" | "up_proj" | "down_proj";
export type LoraTarget = Gpt2LoraTarget | LlamaLoraTarget;

/** More kinds join here; nothing outside `src/training/objectives` switches on `kind`. */
export type Stage = PretrainStage | ContinueStage | SftStage | DpoStage;
