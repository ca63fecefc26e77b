/**
 * What the PyTorch oracle reads: the tokens of a character recipe's text, its split, and the very held-out windows that the
 * recipe evaluates, as files under out/oracle/NAME. Run: npx tsx tests/oracle/export.ts. Training is shakespeare-char.py.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isMain, root } from "../../src/cli/paths.ts";
import { packCorpora } from "../../src/data/corpora/pack.ts";
import { encodeDataset, splitStream, TextBatches, trainChar, type MemoryStream, type TokenDataset } from "../../src/data/index.ts";
import { presetByName } from "../../src/protocol/presets.ts";
import type { PretrainStage, Recipe } from "../../src/protocol/recipe.ts";

export const ORACLE_SEEDS = [1, 2, 3] as const;

export interface OracleData {
  readonly recipe: Recipe;
  readonly stage: PretrainStage;
  /** V, special tokens included: the rows of the head. */
  readonly vocabSize: number;
  readonly dataset: TokenDataset<MemoryStream>;
  /** Held-out windows of a run with that seed: (eval_iters * B, T + 1) tokens, inputs and the last target. */
  windows(seed: number): Uint16Array;
}

/** A shipped character recipe's data, composed without the engine. @throws Error where the recipe is not of that kind */
export async function oracleData(name: string): Promise<OracleData> {
  const recipe = presetByName(name);
  const stage = recipe?.stages[0];
  if (!recipe || recipe.tokenizer.kind !== "char" || stage?.kind !== "pretrain" || recipe.stages.length !== 1 || stage.data.length !== 1) {
    throw new Error(`"${name}" is not a recipe with characters and one pre-training stage on one corpus.`);
  }
  const corpus = (await packCorpora()).find(({ id }) => id === stage.data[0]!.corpus);
  if (!corpus) throw new Error(`There is no corpus "${stage.data[0]!.corpus}".`);
  const split = splitStream(corpus.documents);
  const tokenizer = trainChar(split.train, { vocabSize: recipe.tokenizer.vocab_size });
  const dataset = await encodeDataset(tokenizer, split, { documentStarts: false });
  return { recipe, stage, vocabSize: tokenizer.vocabSize, dataset, windows: (seed) => heldOutWindows(dataset, stage, recipe.model.block_size, seed) };
}

function heldOutWindows(dataset: TokenDataset, stage: PretrainStage, T: number, seed: number): Uint16Array {
  const { batch_size: B, eval_iters } = stage;
  const source = new TextBatches(dataset, { seed, rowsBegin: "anywhere" });
  const out = new Uint16Array(eval_iters * B * (T + 1));
  for (let index = 0; index < eval_iters; index++) {
    const batch = source.evaluate(index, B, T);
    if (batch.tokens !== B * T) throw new Error(`Held-out batch ${index} has ${batch.tokens} targets of ${B * T}: a row is padded, and the oracle knows no padding.`);
    for (let row = 0; row < B; row++) {
      const to = (index * B + row) * (T + 1);
      out.set(batch.ids.subarray(row * T, (row + 1) * T), to);
      out[to + T] = batch.targets[(row + 1) * T - 1]!;
    }
  }
  return out;
}

/** Writes train.bin, val.bin, windows-SEED.bin (unsigned 16-bit, little endian) and meta.json; returns the folder. */
export async function exportOracleData(data: OracleData, folder: string): Promise<void> {
  const { recipe, stage, vocabSize, dataset } = data;
  if (vocabSize > 0x7fff) throw new Error(`${vocabSize} tokens do not fit PyTorch's int16.`);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "train.bin"), Uint16Array.from(dataset.train.tokens));
  await writeFile(join(folder, "val.bin"), Uint16Array.from(dataset.validation.tokens));
  for (const seed of ORACLE_SEEDS) await writeFile(join(folder, `windows-${seed}.bin`), data.windows(seed));
  const meta = { name: recipe.name, model: recipe.model, stage, vocab_size: vocabSize, data_hash: dataset.hash, seeds: ORACLE_SEEDS };
  await writeFile(join(folder, "meta.json"), `${JSON.stringify(meta, null, 2)}\n`);
}

if (isMain(import.meta.url)) {
  const folder = join(root, "out/oracle/shakespeare-char");
  const data = await oracleData("shakespeare-char");
  await exportOracleData(data, folder);
  const { train, validation } = data.dataset;
  console.log(`${train.tokens.length} training and ${validation.tokens.length} validation tokens of ${data.vocabSize} kinds in ${folder}`);
}
