/** The words of a run: JSON lines, the progress bar, answers side by side. */
import { describe, expect, it } from "vitest";
import { askPairs, promptsFor, sidesOf } from "../../src/cli/answers.ts";
import { clockText, folderName, metricJson, progressLine, shortCount, sideBySide, wrapText } from "../../src/cli/report.ts";
import { Screen } from "../../src/cli/screen.ts";
import type { CheckpointSummary, EngineEvent, EngineEventBody, RunState, StageProgress } from "../../src/protocol/index.ts";
import { presets } from "../../src/protocol/presets.ts";

const STAGE: StageProgress = { name: "Pre-training", kind: "pretrain", steps: 1500, done: 750, tokensPerStep: 1024, spentMs: 60_000, remainingMs: 42_400 };
const checkpoint = (id: string, stageKind: string, step: number): CheckpointSummary => ({ id, stageKind, step, stage: stageKind, runId: "r" }) as CheckpointSummary;

/** A stream that remembers. */
function stream(isTTY: boolean): { written: () => string; as: NodeJS.WriteStream } {
  let text = "";
  const as = { isTTY, columns: 100, write: (piece: string) => ((text += piece), true) } as unknown as NodeJS.WriteStream;
  return { written: () => text, as };
}

describe("metricJson", () => {
  it("is one line with the stage's name, the step and the field's own names for what was measured", () => {
    const line = metricJson("Pre-training", { stageIndex: 0, step: 3, globalStep: 3, tokens: 300, trainMs: 12.4, "train/loss": 2.5, lr: 0.001, grad_norm: 1, tokens_per_sec: 9 });
    expect(line).not.toContain("\n");
    expect(JSON.parse(line)).toEqual({
      ...{ type: "metrics", stage: "Pre-training", step: 3, global_step: 3, tokens: 300, train_ms: 12 },
      ...{ "train/loss": 2.5, lr: 0.001, grad_norm: 1, tokens_per_sec: 9 },
    });
  });
});

describe("progressLine", () => {
  it("shows step, loss, tokens a second and the time left, and fits the terminal", () => {
    const line = progressLine(STAGE, { "train/loss": 3.2109, "val/loss": 3.3, tokens_per_sec: 12_345 }, 100);
    expect(line).toMatch(/^Pre-training {4}\[#+-+\]\s+750\/1500 {2}loss 3\.211 {2}val 3\.300 {2}12\.3k tok\/s {2}0:42 left$/);
    const bar = /\[(#+)(-+)\]/.exec(line);
    expect(Math.abs((bar?.[1].length ?? 0) - (bar?.[2].length ?? 9))).toBeLessThanOrEqual(1);
    for (const columns of [40, 60, 80, 200]) expect(progressLine(STAGE, { "train/loss": 3.2 }, columns).length).toBeLessThan(columns);
  });

  it("shows the time taken once the stage is done", () => {
    expect(progressLine({ ...STAGE, done: 1500 }, {}, 80)).toContain("1:00 in all");
  });
});

describe("numbers for people", () => {
  it("gives times and counts in few figures", () => {
    expect([clockText(75_000), clockText(7_200_000), clockText(-5)]).toEqual(["1:15", "2:00:00", "0:00"]);
    expect([shortCount(950), shortCount(12_345), shortCount(123_456), shortCount(2_500_000)]).toEqual(["950", "12.3k", "123k", "2.5M"]);
  });
});

describe("sideBySide", () => {
  it("puts base left and tuned right, wrapped to the terminal", () => {
    const lines = sideBySide([{ prompt: "Where does Ann live?", base: "the the the", tuned: "Ann lives in Tarn. ".repeat(5).trim() }], 80);
    expect(lines).toContain("> Where does Ann live?");
    expect(lines.some((line) => /^base +\| tuned$/.test(line))).toBe(true);
    expect(lines.some((line) => /^the the the +\| Ann lives in Tarn\./.test(line))).toBe(true);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  });

  it("lets no control character of a model's output reach the terminal", () => {
    const lines = sideBySide([{ prompt: "p", tuned: "a\u001b[2Jb\u202ec\u0007" }], 80);
    expect(lines.join("\n")).not.toMatch(/[\u001b\u202e\u0007]/);
  });

  it("cuts a word that is longer than a line", () => {
    expect(wrapText("abcdefgh ij", 5)).toEqual(["abcde", "fgh", "ij"]);
  });
});

describe("folderName", () => {
  it("holds order, stage and step, and nothing that a path could trip over", () => {
    expect(folderName(0, { stage: "Pre-training", step: 1500 })).toBe("01-pre-training-step-1500");
    expect(folderName(1, { stage: "../../\u202eevil", step: 2 })).toBe("02-evil-step-2");
    expect(folderName(2, { stage: "", step: 0 })).toBe("03-stage-step-0");
  });
});

describe("Screen", () => {
  const state = (done: number, stageIndex = 0): RunState =>
    ({ runId: "r", phase: "running", stageIndex, step: done, canSample: true, stages: [{ ...STAGE, done }, { ...STAGE, name: "Fine-tuning", done: stageIndex === 1 ? done : 0 }] }) as unknown as RunState;

  it("writes nothing but its lines to standard output with --json", () => {
    const [out, err] = [stream(true), stream(true)];
    const screen = new Screen(true, out.as, err.as, () => 0);
    screen.words("using the CPU");
    screen.state(state(5));
    screen.metrics('{"type":"metrics"}', { stageIndex: 0, step: 5, globalStep: 5, tokens: 5, trainMs: 5 });
    screen.lines(["answers"]);
    screen.finish();
    expect(out.written()).toBe('{"type":"metrics"}\n');
    expect(err.written()).toBe("using the CPU\n");
  });

  it("redraws one line a stage in a terminal, and starts a new line with the next stage", () => {
    const out = stream(true);
    let clock = 1000;
    const screen = new Screen(false, out.as, stream(true).as, () => (clock += 200));
    screen.state(state(5));
    screen.state(state(6));
    screen.state(state(3, 1));
    screen.finish();
    const rows = out.written().split("\n");
    expect(rows).toHaveLength(3);
    expect(rows[0].split("\r").length - 1).toBeGreaterThanOrEqual(2);
    expect(rows[1]).toContain("Fine-tuning");
  });

  it("does not draw a finished stage twice, with other words in between", () => {
    const out = stream(true);
    let clock = 1000;
    const screen = new Screen(false, out.as, stream(true).as, () => (clock += 200));
    screen.state(state(1500));
    screen.words("Turning text into tokens ...");
    screen.state(state(0, 1));
    expect(out.written().split("1500/1500")).toHaveLength(2);
  });

  it("writes a plain line now and then where there is no terminal", () => {
    const out = stream(false);
    let clock = 0;
    const screen = new Screen(false, out.as, stream(false).as, () => (clock += 1000));
    for (let step = 1; step <= 30; step++) screen.state(state(step));
    expect(out.written()).not.toMatch(/[\r\u001b]/);
    expect(out.written().trim().split("\n").length).toBeLessThanOrEqual(4);
  });
});

describe("answers", () => {
  const list = [checkpoint("a", "pretrain", 10), checkpoint("b", "pretrain", 20), checkpoint("c", "sft", 5)];

  it("come from the last checkpoint of the pre-training and the last after it", () => {
    expect(sidesOf(list)).toMatchObject({ base: { id: "b" }, tuned: { id: "c" } });
    expect(sidesOf(list.slice(0, 2))).toEqual({ tuned: list[1] });
    expect(sidesOf([])).toEqual({});
  });

  it("are to the person's prompts, else to held-out questions where the run learned to answer, else to what was sampled", () => {
    const [tuned, plain] = [presets[0], { ...presets[0], stages: presets[0].stages.slice(0, 1) }];
    expect(promptsFor(tuned, ["mine"], ["sampled"])).toEqual([{ prompt: "mine" }]);
    const questions = promptsFor(tuned, [], ["sampled"]);
    expect(questions).toHaveLength(4);
    for (const { prompt, expected } of questions) expect([prompt.endsWith("?") || prompt.endsWith("."), (expected ?? "").length > 0]).toEqual([true, true]);
    expect(promptsFor(plain, [], ["sampled"])).toEqual([{ prompt: "sampled" }]);
  });

  it("gather each side's tokens, markers left out, until both are done", async () => {
    const listeners = new Set<(event: EngineEvent) => void>();
    const say = (body: EngineEventBody): void => listeners.forEach((listener) => listener({ runId: "r", seq: 1, step: 1, timeMs: 0, ...body }));
    const token = (requestId: string, side: string, text: string, special = false): void => say({ type: "token", requestId, side, token: { id: 1, text, special, p: 1 } });
    const session = {
      died: new Promise<never>(() => undefined),
      ask: ({ requestId, sides, chat }: { requestId: string; sides: readonly { side: string; checkpointId: string }[]; chat: boolean }) => {
        expect([chat, sides]).toEqual([true, [{ side: "base", checkpointId: "b" }, { side: "tuned", checkpointId: "c" }]]);
        token("another", "tuned", "not mine");
        for (const { side } of sides) {
          token(requestId, side, `${side} says`);
          token(requestId, side, " hello");
          token(requestId, side, "<|end|>", true);
          say({ type: "answerDone", requestId, side, reason: "end" });
        }
        return Promise.resolve();
      },
    };
    const subscribe = (listener: (event: EngineEvent) => void) => (listeners.add(listener), () => void listeners.delete(listener));
    expect(await askPairs(session, subscribe, list, { prompt: "hi", expected: "hello" }, 1)).toEqual({ expected: "hello", prompt: "hi", base: "base says hello", tuned: "tuned says hello" });
    expect(listeners.size).toBe(0);
    expect(await askPairs(session, subscribe, [], { prompt: "hi" }, 1)).toBeNull();
  });
});
