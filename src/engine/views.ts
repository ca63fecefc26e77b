/** What the page looks at while a model trains: one row of the batch with its losses, and the next word's candidates. */
import { encodeChat, type Batch, type Tokenizer } from "../data/index.ts";
import type { BatchRowView, ChatPiece, NextWordView, TokenCell } from "../protocol/messages.ts";

const TOP = 5;

/** An example as training sees it: template and all, and where the loss lies. */
export function chatPieces(tokenizer: Tokenizer, question: string, answer: string): ChatPiece[] {
  const { ids, mask } = encodeChat(tokenizer, [{ role: "user", content: question }, { role: "assistant", content: answer }]);
  const special = new Set(tokenizer.specials.values());
  return tokenizer.pieces(ids).map(({ id, text }, i) => ({ id, text, special: special.has(id), learned: mask[i] === 1 }));
}

/** The ids of the `count` largest of V probabilities, largest first; ties by id. */
export function topIds(probs: Float32Array, count: number): number[] {
  const best: number[] = [];
  for (let id = 0; id < probs.length; id++) {
    if (best.length === count && probs[id]! <= probs[best.at(-1)!]!) continue;
    let at = best.length;
    while (at > 0 && probs[id]! > probs[best[at - 1]!]!) at--;
    best.splice(at, 0, id);
    if (best.length > count) best.pop();
  }
  return best;
}

/** One row (T) of a batch as a batch of its own. */
export function rowOf(batch: Batch, row: number): Batch {
  const { T } = batch;
  const [from, to] = [row * T, (row + 1) * T];
  const mask = batch.mask.slice(from, to);
  return {
    B: 1, T, ids: batch.ids.slice(from, to), targets: batch.targets.slice(from, to), pos: batch.pos.slice(from, to),
    start: batch.start.slice(from, to), mask, tokens: mask.reduce((sum, x) => sum + x, 0),
  };
}

/** Token ids as one padded row; longer prompts keep their last T tokens. */
export function promptRow(ids: ArrayLike<number>, T: number): { row: Batch; last: number } {
  const kept = Array.from(ids).slice(-T);
  const row: Batch = { B: 1, T, ids: new Uint32Array(T), targets: new Uint32Array(T), pos: Uint32Array.from({ length: T }, (_, t) => t), start: new Uint32Array(T), mask: new Float32Array(T), tokens: 0 };
  row.ids.set(kept);
  return { row, last: kept.length - 1 };
}

/** @param probs (T, V) of that row */
export function batchRowView(row: Batch, probs: Float32Array, tokenizer: Tokenizer, stageIndex: number, step: number): BatchRowView {
  const V = tokenizer.vocabSize;
  const inputs = tokenizer.pieces(row.ids);
  const targets = tokenizer.pieces(row.targets);
  const tokens = inputs.map(({ text }, t): TokenCell => {
    const at = probs.subarray(t * V, (t + 1) * V);
    const masked = row.mask[t] === 0;
    const ids = topIds(at, TOP);
    const names = tokenizer.pieces(ids);
    return {
      text, targetText: targets[t]!.text, masked,
      ...(masked ? {} : { loss: -Math.log(Math.max(at[row.targets[t]!]!, 1e-38)) }),
      top: ids.map((id, i) => ({ text: names[i]!.text, p: at[id]! })),
    };
  });
  return { stageIndex, step, tokens };
}

/** @param probs (V) */
export function nextWordView(prompt: string, step: number, probs: Float32Array, tokenizer: Tokenizer, count: number): NextWordView {
  const ids = topIds(probs, count);
  const pieces = tokenizer.pieces(ids);
  return { prompt, step, candidates: ids.map((id, i) => ({ id, text: pieces[i]!.text, p: probs[id]! })) };
}
