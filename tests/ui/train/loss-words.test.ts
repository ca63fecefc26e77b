/** What a loss is said to be: a choice among tokens where it is of tokens, and nothing of the kind where it is of pairs of answers. */
import { describe, expect, it } from "vitest";
import type { RunState } from "../../../src/protocol/index.ts";
import { presets } from "../../../src/protocol/presets.ts";
import type { Stage } from "../../../src/protocol/recipe.ts";
import { lossWords, METRICS, unitOf } from "../../../src/ui/train/learning-data.ts";

const [pretrain, sft] = presets[0]!.stages as [Stage, Stage];
const dpo = { ...sft, kind: "dpo", beta: 0.3, rpo_alpha: 0.3 } as Stage;
const runOf = (stageIndex: number): Pick<RunState, "recipe" | "stageIndex"> => ({ recipe: { ...presets[0]!, stages: [pretrain, sft, dpo] }, stageIndex });

describe("a loss", () => {
  it("is a choice among tokens in every stage but of preferences", () => {
    expect([0, 1].map((stage) => lossWords(Math.log(6), runOf(stage)))).toEqual(["like choosing among 6 pieces", "like choosing among 6 pieces"]);
    expect([lossWords(Math.log(6), runOf(2)), lossWords(undefined, runOf(2))]).toEqual(["a pair of answers", ""]);
  });

  it("is counted a token, and where a run has preferences in those a pair", () => {
    const [loss, speed] = METRICS as [(typeof METRICS)[number], (typeof METRICS)[number]];
    expect(unitOf(loss, { stages: [pretrain, sft] })).toBe("nats a token");
    expect(unitOf(loss, { stages: [pretrain, dpo] })).toBe("nats a token, of preferences a pair");
    expect([unitOf(loss, null), unitOf(speed, { stages: [dpo] })]).toEqual(["nats a token", speed.unit]);
  });
});
