/**
 * Both families' forward passes as the papers write them, in float64 over plain arrays: the judge of what looking inside shows. It
 * knows the weights' names and no kernel, op or plan; it is itself held to transformers' golden logits by the test that uses it.
 */
import type { TransformerConfig } from "../../src/model/transformer.ts";

type Weights = ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;
type Rows = number[][];

export interface TextbookPass {
  /** [layer][head][query][key] */
  readonly attention: number[][][][];
  /** [blocks][token][v]: logits, were the model to end after so many blocks. The last are the model's own. */
  readonly logits: Rows[];
}

const softmax = (scores: readonly number[]): number[] => {
  const max = Math.max(...scores);
  const exps = scores.map((x) => Math.exp(x - max));
  const sum = exps.reduce((a, b) => a + b, 0);
  return exps.map((x) => x / sum);
};
export { softmax as textbookSoftmax };

const add = (a: Rows, b: Rows): Rows => a.map((row, n) => row.map((x, c) => x + b[n]![c]!));
const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const gelu = (x: number): number => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

export function textbookForward(config: TransformerConfig, weights: Weights, ids: readonly number[]): TextbookPass {
  const get = (name: string): number[] => Array.from(weights.get(name)!.data);
  const matrix = (name: string): Rows => {
    const { shape, data } = weights.get(name)!;
    return Array.from({ length: shape[0]! }, (_, i) => Array.from(data.subarray(i * shape[1]!, (i + 1) * shape[1]!)));
  };
  const transposed = (m: Rows): Rows => m[0]!.map((_, c) => m.map((row) => row[c]!));
  /** x W^T + b, W (out, in). */
  const project = (x: Rows, W: Rows, b?: number[]): Rows => x.map((row) => W.map((w, o) => dot(row, w) + (b?.[o] ?? 0)));
  const conv1d = (x: Rows, at: string): Rows => project(x, transposed(matrix(`${at}.weight`)), get(`${at}.bias`));
  const HS = config.n_embd / config.n_head;
  const heads = (x: Rows, count: number): Rows[] => Array.from({ length: count }, (_, h) => x.map((row) => row.slice(h * HS, (h + 1) * HS)));

  const attention: number[][][][] = [];
  const attend = (q: Rows[], k: Rows[], v: Rows[]): Rows => {
    const tables = q.map((queries, h) => queries.map((query, t) => {
      const keys = k[Math.floor((h * k.length) / q.length)]!;
      const p = softmax(keys.slice(0, t + 1).map((key) => dot(query, key) / Math.sqrt(HS)));
      return keys.map((_, s) => p[s] ?? 0);
    }));
    attention.push(tables);
    return ids.map((_, t) => tables.flatMap((table, h) => {
      const values = v[Math.floor((h * v.length) / q.length)]!;
      return Array.from({ length: HS }, (_unused, d) => values.reduce((sum, value, s) => sum + table[t]![s]! * value[d]!, 0));
    }));
  };

  const layernorm = (x: Rows, at: string): Rows => x.map((row) => {
    const mean = row.reduce((a, b) => a + b, 0) / row.length;
    const variance = row.reduce((sum, a) => sum + (a - mean) ** 2, 0) / row.length;
    const [w, b] = [get(`${at}.weight`), get(`${at}.bias`)];
    return row.map((a, c) => ((a - mean) / Math.sqrt(variance + 1e-5)) * w[c]! + b[c]!);
  });
  const rmsnorm = (x: Rows, at: string, eps: number): Rows => x.map((row) => {
    const w = get(`${at}.weight`);
    const scale = 1 / Math.sqrt(dot(row, row) / row.length + eps);
    return row.map((a, c) => a * scale * w[c]!);
  });
  /** Rotate-half: dimension d turns with d + HS/2, by t / theta^(2d / HS). */
  const rope = (head: Rows, theta: number): Rows => head.map((row, t) => row.map((a, d) => {
    const half = HS / 2;
    const angle = t / theta ** ((2 * (d % half)) / HS);
    return a * Math.cos(angle) + (d < half ? -row[d + half]! : row[d - half]!) * Math.sin(angle);
  }));

  const residuals: Rows[] = [];
  let last: (x: Rows) => Rows;
  let x: Rows;
  if (config.family === "llama") {
    const { rms_norm_eps: eps, rope_theta: theta } = config;
    const embedding = matrix("model.embed_tokens.weight");
    x = ids.map((id) => embedding[id]!);
    last = (rows) => rmsnorm(rows, "model.norm", eps);
    for (let layer = 0; layer < config.n_layer; layer++) {
      residuals.push(x);
      const at = `model.layers.${layer}`;
      const dense = (rows: Rows, name: string): Rows => project(rows, matrix(`${at}.${name}.weight`));
      const normed = rmsnorm(x, `${at}.input_layernorm`, eps);
      const q = heads(dense(normed, "self_attn.q_proj"), config.n_head).map((head) => rope(head, theta));
      const k = heads(dense(normed, "self_attn.k_proj"), config.n_kv_head).map((head) => rope(head, theta));
      x = add(x, dense(attend(q, k, heads(dense(normed, "self_attn.v_proj"), config.n_kv_head)), "self_attn.o_proj"));
      const normed2 = rmsnorm(x, `${at}.post_attention_layernorm`, eps);
      const up = dense(normed2, "mlp.up_proj");
      const gated = dense(normed2, "mlp.gate_proj").map((row, n) => row.map((g, c) => g * sigmoid(g) * up[n]![c]!));
      x = add(x, dense(gated, "mlp.down_proj"));
    }
  } else {
    const [wte, wpe] = [matrix("transformer.wte.weight"), matrix("transformer.wpe.weight")];
    x = ids.map((id, t) => wte[id]!.map((a, c) => a + wpe[t]![c]!));
    last = (rows) => layernorm(rows, "transformer.ln_f");
    for (let layer = 0; layer < config.n_layer; layer++) {
      residuals.push(x);
      const at = `transformer.h.${layer}`;
      const qkv = conv1d(layernorm(x, `${at}.ln_1`), `${at}.attn.c_attn`);
      const third = (i: number): Rows[] => heads(qkv.map((row) => row.slice(i * config.n_embd, (i + 1) * config.n_embd)), config.n_head);
      x = add(x, conv1d(attend(third(0), third(1), third(2)), `${at}.attn.c_proj`));
      x = add(x, conv1d(conv1d(layernorm(x, `${at}.ln_2`), `${at}.mlp.c_fc`).map((row) => row.map(gelu)), `${at}.mlp.c_proj`));
    }
  }
  residuals.push(x);
  const head = matrix(config.tie_word_embeddings ? (config.family === "llama" ? "model.embed_tokens.weight" : "transformer.wte.weight") : "lm_head.weight");
  return { attention, logits: residuals.map((rows) => project(last(rows), head)) };
}
