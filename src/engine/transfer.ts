/** Checkpoints leaving and coming: a zip that transformers opens, and the same (or a folder like it from elsewhere) back in. */
import { NestlingError } from "../core/errors.ts";
import { canonicalJson, sha256Hex } from "../core/hash.ts";
import type { OwnFile } from "../protocol/own-data.ts";
import type { Recipe } from "../protocol/recipe.ts";
import { presets } from "../protocol/presets.ts";
import { blobSource, openModelFile, openModelFiles, type CheckpointContent, type CheckpointInput } from "../store/index.ts";
import { readModelFolder, writeModelFolder } from "../store/huggingface.ts";
import { writeZip } from "../store/zip.ts";
import { loadTokenizer } from "../data/index.ts";
import { plainWeights } from "./models.ts";
import { ownFiles } from "./own-check.ts";
import { ENGINE_VERSION } from "./version.ts";

/** The files of a transformers folder, by name. An adapter is folded into its base. */
export function modelFolder(content: CheckpointContent): Map<string, Uint8Array<ArrayBuffer>> {
  const { manifest } = content;
  return writeModelFolder({
    model: manifest.model, tensors: new Map([...plainWeights(content)].map(([name, { shape, data }]) => [name, { shape: [...shape], data }])),
    tokenizer: manifest.tokenizer, dtype: manifest.file.dtype, stopTokens: ["<|end|>"],
  });
}

export function modelZip(content: CheckpointContent): Blob {
  return new Blob(writeZip(modelFolder(content)), { type: "application/zip" });
}

/**
 * A zip, or the files of a model folder one by one, as the checkpoint it becomes: weights without optimizer state, so it can be fine-tuned and asked but not resumed.
 * @throws NestlingError ZIP_FORMAT, CKPT_*, ST_*, TOKENIZER_FORMAT; nothing is kept on error
 */
export async function readModel(name: string, data: Blob | readonly OwnFile[]): Promise<CheckpointInput> {
  const given = ownFiles(name, data);
  const sources = given.map((file) => ({ name: file.name, source: blobSource(file.data) }));
  const { kind, files } = sources.length === 1 ? await openModelFile(sources[0]!.name, sources[0]!.source) : await openModelFiles(name, sources);
  if (kind !== "model") throw new NestlingError("CKPT_MISMATCH", `${name.slice(0, 80)} holds a LoRA adapter without its base. Open the whole model instead.`);
  const { model, tensors, tokenizer } = readModelFolder(files);
  if (!tokenizer) throw new NestlingError("CKPT_MISMATCH", `${name.slice(0, 80)} holds a model without tokenizer.json; without it no text can be turned into its tokens. Add the file and open it again.`);
  const { vocabSize } = loadTokenizer(tokenizer.tokenizerJson, tokenizer.tokenizerConfig);
  if (vocabSize > model.vocab_size) throw new NestlingError("CKPT_MISMATCH", `The tokenizer has ${vocabSize} tokens, the model ${model.vocab_size}. They belong to different models.`);
  const { vocab_size, ...config } = model;
  const first = presets[0]!;
  const recipe: Recipe = { ...first, name: name.slice(0, 80), model: config, tokenizer: { ...first.tokenizer, vocab_size: Math.max(260, vocab_size) } };
  return {
    weights: tensors,
    facts: {
      runId: `import-${sha256Hex(canonicalJson([name, vocab_size, given.reduce((sum, file) => sum + file.data.size, 0)])).slice(0, 12)}`, parentId: null, parentKey: null, name: name.slice(0, 80),
      stage: { index: -1, kind: "imported", name: "Opened from a file", finished: true },
      step: 0, globalStep: 0, tokens: 0, trainMs: 0, recipe, model, tokenizer, dataHash: "unknown", seed: 0, engineVersion: ENGINE_VERSION,
      device: {}, variants: {}, metrics: {}, metricsOffset: 0, lora: null, resume: null,
    },
  };
}
