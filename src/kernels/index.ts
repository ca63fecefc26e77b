/** Every kernel there is: the only list. Tests, bench, profiler and tuner walk it. */
import { accumulate } from "./accumulate.ts";
import { add } from "./add.ts";
import { attentionBackwardKV } from "./attention-backward-kv.ts";
import { attentionBackwardQ } from "./attention-backward-q.ts";
import { attention } from "./attention.ts";
import { dropout } from "./dropout.ts";
import { embeddingBackward } from "./embedding-backward.ts";
import { embedding } from "./embedding.ts";
import { geluBackward } from "./gelu-backward.ts";
import { gelu } from "./gelu.ts";
import { layernormBackwardParams } from "./layernorm-backward-params.ts";
import { layernormBackward } from "./layernorm-backward.ts";
import { layernorm } from "./layernorm.ts";
import { softmax } from "./softmax.ts";

export const kernels = {
  accumulate,
  add,
  attention,
  attentionBackwardKV,
  attentionBackwardQ,
  dropout,
  embedding,
  embeddingBackward,
  gelu,
  geluBackward,
  layernorm,
  layernormBackward,
  layernormBackwardParams,
  softmax,
};
