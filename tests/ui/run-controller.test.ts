/** The controller owns the engine: it opens and closes it, and turns every failure into something a person can read. */
import type { ReactiveControllerHost } from "lit";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { EngineApi, EngineEvent, EngineEventBody, ErrorReport, RunState } from "../../src/protocol/index.ts";
import { presets } from "../../src/protocol/presets.ts";
import type { Connection } from "../../src/ui/run-controller.ts";
import { RunController, readError } from "../../src/ui/run-controller.ts";
import { StubEngine } from "./stub-engine.ts";

const recipe = presets[0];
const runState = (more: Partial<RunState> = {}): RunState => ({ runId: "r1", phase: "running", recipe, stageIndex: 0, step: 0, stages: [], canSample: false, ...more });
const event = (seq: number, body: EngineEventBody): EngineEvent => ({ runId: "r1", seq, step: seq, timeMs: 0, ...body });
const metric = (seq: number): EngineEvent => event(seq, { type: "metrics", rows: [{ stageIndex: 0, step: seq, globalStep: seq, tokens: seq, trainMs: seq, "train/loss": 1 }] });

/** What the controller touches of a page. */
function fakePage(): { document: EventTarget & { visibilityState: string }; locks: { released: boolean }[] } {
  const locks: { released: boolean }[] = [];
  const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  const request = async (): Promise<unknown> => {
    const lock = { released: false, release: async () => void (lock.released = true) };
    locks.push(lock);
    return lock;
  };
  vi.stubGlobal("document", document);
  vi.stubGlobal("window", new EventTarget());
  vi.stubGlobal("navigator", { wakeLock: { request } });
  return { document, locks };
}

interface Rig {
  readonly controller: RunController;
  readonly send: (...events: EngineEvent[]) => void;
  readonly die: (error: ErrorReport) => void;
  readonly disposed: () => number;
  readonly updates: () => number;
}

async function rig(change: Partial<EngineApi> = {}): Promise<Rig> {
  let listener: (events: readonly EngineEvent[]) => void = () => undefined;
  let [disposed, updates] = [0, 0];
  let die: (error: ErrorReport) => void = () => undefined;
  const stub = new StubEngine();
  const api: EngineApi = Object.assign(Object.create(stub) as StubEngine, {
    start: async (_options: unknown, given: typeof listener) => {
      listener = given;
      return { device: { kind: "cpu" as const, name: "CPU", why: "", fallbackAdapter: false, features: [], limits: {} }, checkpoints: [], corpora: [], lastRunId: null };
    },
    ...change,
  });
  const connect = async (): Promise<Connection> => ({ api, died: new Promise((resolve) => (die = resolve)), dispose: () => void disposed++ });
  const host = { addController: () => undefined, requestUpdate: () => void updates++ } as unknown as ReactiveControllerHost;
  const controller = new RunController(host, () => ({ connect, backend: "auto", baseUrl: "http://localhost/" }));
  controller.hostConnected();
  await vi.waitFor(() => expect(controller.state.link).not.toBe("connecting"));
  return { controller, send: (...events) => listener(events), die: (error) => die(error), disposed: () => disposed, updates: () => updates };
}

let page: ReturnType<typeof fakePage>;
beforeEach(() => {
  page = fakePage();
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("RunController", () => {
  it("opens the last run of the store when there is one", async () => {
    const opened: string[] = [];
    const { controller } = await rig({
      start: async () => ({ device: { kind: "cpu", name: "CPU", why: "", fallbackAdapter: false, features: [], limits: {} }, checkpoints: [], corpora: [], lastRunId: "r9" }),
      openRun: async (runId) => (opened.push(runId), { runId }),
    });
    expect([controller.state.link, opened]).toEqual(["ready", ["r9"]]);
  });

  it("says why the engine could not start, with its code", async () => {
    const { controller } = await rig({ start: () => Promise.reject(new Error("[GPU_BLOCKED] No GPU until reload.")) });
    expect(controller.state).toMatchObject({ link: "dead", linkError: { code: "GPU_BLOCKED", message: "No GPU until reload." } });
  });

  it("tells when the worker dies later, and starts another on request", async () => {
    const { controller, die, disposed } = await rig();
    die({ code: "WORKER_DEAD", message: "gone", details: {} });
    await vi.waitFor(() => expect(controller.state.link).toBe("dead"));
    controller.reconnect();
    await vi.waitFor(() => expect(controller.state.link).toBe("ready"));
    expect(disposed()).toBe(1);
  });

  it("ends the worker with its host, also when the engine never answers", async () => {
    const { controller, disposed } = await rig({ dispose: () => new Promise(() => undefined) });
    vi.useFakeTimers();
    controller.hostDisconnected();
    await vi.advanceTimersByTimeAsync(1100);
    expect(disposed()).toBe(1);
  });

  it("ignores events that arrive after its host has gone", async () => {
    const { controller, send } = await rig();
    controller.hostDisconnected();
    send(event(1, { type: "state", state: runState() }));
    expect(controller.state.run).toBeNull();
  });

  it("replaces its state and never changes the one it gave out", async () => {
    const { controller, send } = await rig();
    const before = controller.state;
    send(event(1, { type: "state", state: runState() }));
    expect(controller.state).not.toBe(before);
    expect(before.run).toBeNull();
  });

  it("takes jumps in the numbering as they come, and asks the host to draw once for each batch", async () => {
    const asked: string[] = [];
    const { controller, send, updates } = await rig({ eventsSince: async (runId) => (asked.push(runId), []) });
    send(event(1, { type: "state", state: runState() }));
    const drawn = updates();
    send(metric(4), metric(5));
    send(metric(9));
    expect(asked).toEqual([]);
    expect(Array.from(controller.state.curves.stages[0]["train/loss"].points("step").x)).toEqual([4, 5, 9]);
    expect(updates() - drawn).toBe(2);
  });

  it("turns a refused command into a notice", async () => {
    const { controller } = await rig({ startRun: () => Promise.reject(new Error("[MEM_ESTIMATE] needs 40 GB, 2 GB allowed")) });
    expect(await controller.startRun(recipe)).toBe(false);
    expect(controller.state.notices).toMatchObject([{ level: "error", code: "MEM_ESTIMATE", text: "needs 40 GB, 2 GB allowed" }]);
  });

  it("plays, pauses and steps only a run that can", async () => {
    const calls: string[] = [];
    const { controller, send } = await rig({ play: async () => void calls.push("play"), pause: async () => void calls.push("pause"), singleStep: async () => void calls.push("step"), stop: async () => void calls.push("stop") });
    for (const act of ["togglePlay", "singleStep", "stop"] as const) await controller[act]();
    expect(calls).toEqual([]);
    send(event(1, { type: "state", state: runState() }));
    await controller.togglePlay();
    send(event(2, { type: "state", state: runState({ phase: "paused" }) }));
    await controller.togglePlay();
    await controller.singleStep();
    await controller.stop();
    send(event(3, { type: "state", state: runState({ phase: "finished" }) }));
    await controller.stop();
    expect(calls).toEqual(["pause", "play", "step", "stop"]);
  });

  it("keeps the screen awake while training and lets go after", async () => {
    const { send } = await rig();
    send(event(1, { type: "state", state: runState() }));
    await vi.waitFor(() => expect(page.locks).toHaveLength(1));
    send(event(2, { type: "state", state: runState({ phase: "paused" }) }));
    await vi.waitFor(() => expect(page.locks[0].released).toBe(true));
  });

  it("warns before the page is left only while training", async () => {
    const { send } = await rig();
    const leave = (): boolean => window.dispatchEvent(new Event("beforeunload", { cancelable: true }));
    expect(leave()).toBe(true);
    send(event(1, { type: "state", state: runState() }));
    expect(leave()).toBe(false);
    send(event(2, { type: "state", state: runState({ phase: "paused" }) }));
    expect(leave()).toBe(true);
  });

  it("tells the engine and the person of time hidden while training", async () => {
    const told: boolean[] = [];
    const { controller, send } = await rig({ setVisible: async (visible) => void told.push(visible) });
    send(event(1, { type: "state", state: runState() }));
    const now = vi.spyOn(performance, "now").mockReturnValue(1000);
    page.document.visibilityState = "hidden";
    page.document.dispatchEvent(new Event("visibilitychange"));
    now.mockReturnValue(131_000);
    page.document.visibilityState = "visible";
    page.document.dispatchEvent(new Event("visibilitychange"));
    now.mockRestore();
    expect(told).toEqual([false, true]);
    expect(controller.state.hiddenMs).toBe(130_000);
    expect(controller.state.notices[0].text).toContain("2 min 10 s");
  });

  it("asks with a new id each time and ends the question before", async () => {
    const [ids, stopped]: [string[], string[]] = [[], []];
    const { controller } = await rig({ ask: async ({ requestId }) => void ids.push(requestId), stopAnswer: async (id) => void stopped.push(id) });
    const question = { prompt: "?", chat: true, temperature: 1, top_k: 0, top_p: 1, max_new_tokens: 5, seed: 1, sides: [{ side: "base" as const, checkpointId: "base", model: "b" }] };
    await controller.ask(question);
    await controller.ask({ ...question, seed: 2 });
    expect(new Set(ids).size).toBe(2);
    expect(stopped).toEqual([ids[0]]);
    expect(controller.state.exchange).toMatchObject({ requestId: ids[1], seed: 2, answers: [{ side: "base", status: "waiting" }] });
  });
});

describe("readError", () => {
  it("takes the code from the message, since the border keeps only that", () => {
    expect(readError(new Error("[DATA_EMPTY] a.txt is empty"))).toEqual({ code: "DATA_EMPTY", message: "a.txt is empty", details: {} });
    expect(readError("plain")).toEqual({ code: "UNKNOWN", message: "plain", details: {} });
  });
});
