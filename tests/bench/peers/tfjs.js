/**
 * The contender TensorFlow.js, eager as it is used. JavaScript, since its types are there only where the nested package is installed.
 * Its Adam decays no weights: five steps of decay change the loss by less than the comparison allows.
 */
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-core/dist/register_all_gradients";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-backend-webgpu";
import { setThreadsCount, setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { REFERENCE_BATCH, REFERENCE_CONFIGS, REFERENCE_OPTIMIZER } from "../../../src/bench/reference.ts";
import { attentionInputs, DATA_STEPS, rightWeights, trainingData, uniform } from "./contender.ts";

const EPSILON = 1e-5;
const MASKED = -1e9;

/** Commands finish in order: one element read back is the end of all before it. */
async function finished(of) {
  const element = tf.tidy(() => tf.slice(tf.reshape(of, [-1]), [0], [1]));
  await element.data();
  element.dispose();
}

function normed(x, weight, bias) {
  const centred = tf.sub(x, tf.mean(x, -1, true));
  const variance = tf.mean(tf.square(centred), -1, true);
  return tf.add(tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, EPSILON))), weight), bias);
}

const causalMask = (T) => tf.tensor(Float32Array.from({ length: T * T }, (_, i) => (i % T > Math.floor(i / T) ? MASKED : 0)), [T, T]);

/** q, k, v (B, H, T, D). */
function attend(q, k, v, mask) {
  const scores = tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(q.shape[3]));
  return tf.matMul(tf.softmax(tf.add(scores, mask)), v);
}

/** GELU with tanh (Hendrycks, Gimpel, arXiv 1606.08415). */
function gelu(x) {
  const inner = tf.mul(tf.mul(x, Math.sqrt(2 / Math.PI)), tf.add(tf.mul(tf.square(x), 0.044715), 1));
  return tf.mul(tf.mul(x, 0.5), tf.add(tf.tanh(inner), 1));
}

async function train(name) {
  const { n_layer, n_head, n_embd: C, block_size: T, vocab_size: V } = REFERENCE_CONFIGS[name];
  const rows = REFERENCE_BATCH * T;
  const data = await trainingData(name, DATA_STEPS);
  const weights = Object.fromEntries([...rightWeights(name)].map(([key, { shape, data: values }]) => [key, tf.variable(tf.tensor(values, shape))]));
  const mask = causalMask(T);
  // The wasm backend lacks the gradient of a gather.
  const gathers = tf.getBackend() !== "wasm";
  const linear = (x, site) => tf.add(tf.matMul(x, weights[`${site}.weight`]), weights[`${site}.bias`]);
  const norm = (x, site) => normed(x, weights[`${site}.weight`], weights[`${site}.bias`]);
  const heads = (x) => tf.transpose(tf.reshape(x, [REFERENCE_BATCH, T, n_head, C / n_head]), [0, 2, 1, 3]);
  const oneHot = (ids) => tf.cast(tf.oneHot(ids, V), "float32");
  const logits = (ids) => {
    const tokens = gathers ? tf.gather(weights["wte.weight"], ids) : tf.matMul(oneHot(ids), weights["wte.weight"]);
    let x = tf.reshape(tf.add(tf.reshape(tokens, [REFERENCE_BATCH, T, C]), weights["wpe.weight"]), [rows, C]);
    for (let layer = 0; layer < n_layer; layer++) {
      const [q, k, v] = tf.split(linear(norm(x, `h.${layer}.ln_1`), `h.${layer}.attn.c_attn`), 3, 1).map(heads);
      const mixed = tf.reshape(tf.transpose(attend(q, k, v, mask), [0, 2, 1, 3]), [rows, C]);
      x = tf.add(x, linear(mixed, `h.${layer}.attn.c_proj`));
      x = tf.add(x, linear(gelu(linear(norm(x, `h.${layer}.ln_2`), `h.${layer}.mlp.c_fc`)), `h.${layer}.mlp.c_proj`));
    }
    return tf.matMul(norm(x, "ln_f"), weights["lm_head.weight"]);
  };
  const { learning_rate, beta1, beta2, eps } = REFERENCE_OPTIMIZER;
  const adam = tf.train.adam(learning_rate, beta1, beta2, eps);
  const variables = Object.values(weights);
  let step = 0;
  return {
    async step() {
      const { ids, targets } = data[step++ % DATA_STEPS];
      const loss = tf.tidy(() => {
        const given = tf.tensor1d(ids, "int32");
        const wanted = oneHot(tf.tensor1d(targets, "int32"));
        const { value, grads } = tf.variableGrads(() => tf.mul(tf.sum(tf.mul(tf.logSoftmax(logits(given)), wanted)), -1 / rows), variables);
        adam.applyGradients(grads);
        return value;
      });
      const [value] = await loss.data();
      loss.dispose();
      await finished(variables.at(-1));
      return value;
    },
    close() {
      adam.dispose();
      tf.dispose([...variables, mask]);
    },
  };
}

/** (B, T, H, D) as (B, H, T, D), or back with T and H changed over. */
const turned = (values, [B, T, H, D]) => tf.tidy(() => tf.transpose(tf.tensor(values, [B, T, H, D]), [0, 2, 1, 3]));

function callOf(kernel) {
  if (kernel.kind === "matmul") {
    const { form, M, N, K } = kernel;
    const a = tf.tensor(uniform(M * K, 1), form === "TN" ? [K, M] : [M, K]);
    const b = tf.tensor(uniform(K * N, 2), form === "NT" ? [N, K] : [K, N]);
    return { inputs: [a, b], call: () => [tf.matMul(a, b, form === "TN", form === "NT")] };
  }
  if ("rows" in kernel) {
    const { rows, columns } = kernel;
    const x = tf.tensor(uniform(rows * columns, 3), [rows, columns]);
    if (kernel.kind === "softmax") return { inputs: [x], call: () => [tf.softmax(x)] };
    const weight = tf.ones([columns]);
    const bias = tf.zeros([columns]);
    return { inputs: [x, weight, bias], call: () => [tf.tidy(() => normed(x, weight, bias))] };
  }
  const { B, T, H, D } = kernel;
  const [q, k, v, dout] = attentionInputs(kernel).map((values) => turned(values, [B, T, H, D]));
  const mask = causalMask(T);
  const inputs = [q, k, v, dout, mask];
  if (kernel.kind === "attention") return { inputs, call: () => [tf.tidy(() => attend(q, k, v, mask))] };
  const gradients = tf.grads((...qkv) => tf.sum(tf.mul(attend(...qkv, mask), dout)));
  return { inputs, call: () => gradients([q, k, v]) };
}

async function operation(kernel) {
  const { inputs, call } = callOf(kernel);
  return {
    async repeat(count) {
      let last = [];
      for (let i = 0; i < count; i++) {
        tf.dispose(last);
        last = call();
      }
      for (const part of last) await finished(part);
      tf.dispose(last);
    },
    async output() {
      const parts = call();
      const joined = tf.tidy(() => tf.concat(parts.map((part) => tf.reshape(part.rank === 4 ? tf.transpose(part, [0, 2, 1, 3]) : part, [-1]))));
      const values = await joined.data();
      tf.dispose([...parts, joined]);
      return values;
    },
    close: () => tf.dispose(inputs),
  };
}

export async function open(backend) {
  // Its threads resolve nothing against the page.
  setWasmPaths(new URL("tfjs/", location.href).href);
  if (backend === "wasm") setThreadsCount(navigator.hardwareConcurrency);
  if (!(await tf.setBackend(backend))) throw new Error(`TensorFlow.js has no ${backend} here`);
  await tf.ready();
  return { about: `TensorFlow.js, ${backend}`, train, operation };
}
