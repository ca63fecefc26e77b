/**
 * The contender jax-js: each step and each operation under one `jit`. JavaScript, since its types are there only where the nested
 * package is installed.
 */
import { blockUntilReady, defaultDevice, init, jit, nn, numpy as np, tree, valueAndGrad } from "@jax-js/jax";
import { REFERENCE_BATCH, REFERENCE_CONFIGS, REFERENCE_OPTIMIZER } from "../../../src/bench/reference.ts";
import { attentionInputs, DATA_STEPS, rightWeights, trainingData, uniform } from "./contender.ts";

const tensor = (data, shape) => np.array(data).reshape(shape);
const normed = (x, weight, bias) => nn.standardize(x).mul(weight).add(bias);
const attend = (q, k, v) => nn.dotProductAttention(q, k, v, { isCausal: true });

function lossOf(model) {
  const { n_layer, n_head, n_embd: C, block_size: T, vocab_size: V } = model;
  const rows = REFERENCE_BATCH * T;
  return (weights, ids, targets) => {
    const linear = (x, site) => np.matmul(x, weights[`${site}.weight`]).add(weights[`${site}.bias`]);
    const norm = (x, site) => normed(x, weights[`${site}.weight`], weights[`${site}.bias`]);
    const heads = (x, i) => x.slice([], [i * C, (i + 1) * C]).reshape([REFERENCE_BATCH, T, n_head, C / n_head]);
    let x = np.matmul(nn.oneHot(ids, V), weights["wte.weight"]).reshape([REFERENCE_BATCH, T, C]).add(weights["wpe.weight"]).reshape([rows, C]);
    for (let layer = 0; layer < n_layer; layer++) {
      const qkv = linear(norm(x.ref, `h.${layer}.ln_1`), `h.${layer}.attn.c_attn`);
      const mixed = attend(heads(qkv.ref, 0), heads(qkv.ref, 1), heads(qkv, 2)).reshape([rows, C]);
      x = x.add(linear(mixed, `h.${layer}.attn.c_proj`));
      const hidden = nn.gelu(linear(norm(x.ref, `h.${layer}.ln_2`), `h.${layer}.mlp.c_fc`));
      x = x.add(linear(hidden, `h.${layer}.mlp.c_proj`));
    }
    const logits = np.matmul(norm(x, "ln_f"), weights["lm_head.weight"]);
    return nn.logSoftmax(logits).mul(nn.oneHot(targets, V)).sum().mul(-1 / rows);
  };
}

/** AdamW (Loshchilov, Hutter, arXiv 1711.05101); the bias corrections come as inputs, so that one compiled step serves all. */
function stepOf(model) {
  const { learning_rate, beta1, beta2, eps, weight_decay } = REFERENCE_OPTIMIZER;
  const loss = lossOf(model);
  return jit((weights, first, second, ids, targets, rate, scale) => {
    const [value, gradients] = valueAndGrad(loss)(tree.ref(weights), ids, targets);
    const next = [{}, {}, {}];
    for (const name of Object.keys(weights)) {
      const decayed = weights[name].shape.length > 1 ? weights[name].mul(1 - learning_rate * weight_decay) : weights[name];
      next[1][name] = first[name].mul(beta1).add(gradients[name].ref.mul(1 - beta1));
      next[2][name] = second[name].mul(beta2).add(np.square(gradients[name]).mul(1 - beta2));
      const change = next[1][name].ref.mul(rate.ref).div(np.sqrt(next[2][name].ref.mul(scale.ref)).add(eps));
      next[0][name] = decayed.sub(change);
    }
    return [...next, value];
  });
}

async function train(name) {
  const data = await trainingData(name, DATA_STEPS);
  const { learning_rate, beta1, beta2 } = REFERENCE_OPTIMIZER;
  const weights = {};
  const moments = [{}, {}];
  for (const [key, { shape, data: values }] of rightWeights(name)) {
    weights[key] = tensor(values, shape);
    for (const moment of moments) moment[key] = np.zeros(shape);
  }
  let state = [weights, ...moments];
  await blockUntilReady(state);
  const compiled = stepOf(REFERENCE_CONFIGS[name]);
  let step = 0;
  return {
    async step() {
      const { ids, targets } = data[step++ % DATA_STEPS];
      const rate = np.array(Float32Array.of(learning_rate / (1 - beta1 ** step)));
      const scale = np.array(Float32Array.of(1 / (1 - beta2 ** step)));
      const result = compiled(...state, np.array(ids, { dtype: np.int32 }), np.array(targets, { dtype: np.int32 }), rate, scale);
      state = result.slice(0, 3);
      await blockUntilReady(state);
      return result[3].jsAsync();
    },
    close: () => tree.dispose(state),
  };
}

function operationOf(call, inputs) {
  // Work begins when somebody waits for it: every call's wait starts at once and is joined at the end.
  const begin = () => {
    const result = call(...inputs.map((input) => input.ref));
    return { result, ready: Promise.all(tree.leaves(result).map((leaf) => leaf.blockUntilReady())) };
  };
  return {
    async repeat(count) {
      const waits = [];
      for (let i = 0; i < count; i++) {
        const { result, ready } = begin();
        waits.push(ready.then(() => tree.dispose(result)));
      }
      await Promise.all(waits);
    },
    async output() {
      const parts = await Promise.all([call(...inputs.map((input) => input.ref))].flat().map((part) => part.data()));
      return Float32Array.from(parts.flatMap((part) => [...part]));
    },
    close: () => inputs.forEach((input) => input.dispose()),
  };
}

async function operation(kernel) {
  let inputs;
  let call;
  if (kernel.kind === "matmul") {
    const { form, M, N, K } = kernel;
    inputs = [tensor(uniform(M * K, 1), form === "TN" ? [K, M] : [M, K]), tensor(uniform(K * N, 2), form === "NT" ? [N, K] : [K, N])];
    call = jit((a, b) => np.matmul(form === "TN" ? np.transpose(a) : a, form === "NT" ? np.transpose(b) : b));
  } else if ("rows" in kernel) {
    const { rows, columns } = kernel;
    inputs = [tensor(uniform(rows * columns, 3), [rows, columns])];
    if (kernel.kind === "layernorm") inputs.push(np.ones([columns]), np.zeros([columns]));
    call = kernel.kind === "softmax" ? jit((x) => nn.softmax(x)) : jit(normed);
  } else {
    const { B, T, H, D } = kernel;
    inputs = attentionInputs(kernel).map((values) => tensor(values, [B, T, H, D]));
    if (kernel.kind === "attention") {
      inputs.pop().dispose();
      call = jit(attend);
    } else {
      // The value is left in: attention's forward pass must run too.
      const both = valueAndGrad((q, k, v, dout) => attend(q, k, v).mul(dout).sum(), { argnums: [0, 1, 2] });
      call = jit((q, k, v, dout) => {
        const [value, gradients] = both(q, k, v, dout);
        return [...gradients, value];
      });
    }
  }
  await blockUntilReady(inputs);
  const ready = operationOf(call, inputs);
  if (kernel.kind !== "attention-backward") return ready;
  return { ...ready, output: async () => (await ready.output()).slice(0, -1) };
}

export async function open(backend) {
  if (!(await init(backend)).includes(backend)) throw new Error(`jax-js has no ${backend} here`);
  defaultDevice(backend);
  return { about: `jax-js, ${backend}`, train, operation };
}
