/** The oracle judges what is trained today: its figures belong to the present recipe and text, its windows are the engine's. */
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { CorpusLibrary } from "../../src/engine/corpora.ts";
import { StageData } from "../../src/engine/stage-data.ts";
import { MemoryStorage } from "../../src/store/index.ts";
import { nodeEnvironment } from "../support/engine-env.ts";
import { ORACLE_SEEDS, oracleData, type OracleData } from "./export.ts";

const storage = new MemoryStorage();
const library = new CorpusLibrary(nodeEnvironment(storage), () => storage);
const figures = JSON.parse(readFileSync(new URL("shakespeare-char.json", import.meta.url), "utf8")) as Record<string, unknown>;

describe("the oracle's data", () => {
  let data: OracleData;
  beforeAll(async () => {
    data = await oracleData("shakespeare-char");
  }, 60_000);

  it("are the tokens, the split and the held-out windows of the engine's own run, for every seed", async () => {
    const { recipe, stage, dataset, vocabSize, windows } = data;
    const T = recipe.model.block_size;
    const seen = new Set<string>();
    for (const seed of ORACLE_SEEDS) {
      const engineData = new StageData(library, { ...recipe, seed }, () => {}, () => false);
      const tokenizer = await engineData.trainTokenizer();
      const source = await engineData.source(stage, tokenizer);
      expect({ hash: source.hash, V: tokenizer.vocabSize }).toEqual({ hash: dataset.hash, V: vocabSize });
      const rows = windows(seed);
      const engineRows: number[] = [];
      for (let index = 0; index < stage.eval_iters; index++) {
        const { ids, targets, mask, start } = source.evaluate(index, stage.batch_size, T);
        expect([Math.min(...mask), Math.max(...start)]).toEqual([1, 0]);
        for (let row = 0; row < stage.batch_size; row++) engineRows.push(...ids.subarray(row * T, (row + 1) * T), targets[(row + 1) * T - 1]!);
      }
      expect(Array.from(rows)).toEqual(engineRows);
      seen.add(rows.join());
    }
    expect(seen.size).toBe(ORACLE_SEEDS.length);
  });

  it("are those that the kept figures were trained on: run the oracle again after a change of text, tokenizer or recipe", () => {
    const { recipe, stage, dataset, vocabSize } = data;
    expect(figures).toMatchObject({ name: recipe.name, data_hash: dataset.hash, vocab_size: vocabSize, model: recipe.model, stage });
  });

  it("cover the recipe's last step for every seed, with a finite loss", () => {
    const runs = figures["runs"] as { seed: number; evaluations: { step: number; val_loss: number }[] }[];
    expect(runs.map(({ seed }) => seed)).toEqual([...ORACLE_SEEDS]);
    for (const { evaluations } of runs) {
      expect(evaluations.map(({ step }) => step)).toEqual([500, 1000, 1500, 2000]);
      expect(evaluations.every(({ val_loss }) => val_loss > 1 && val_loss < 4)).toBe(true);
    }
  });
});
