/** The guard of the worker's border: what passes, and what a hostile message changes (nothing). */
import { proxy, wrap } from "comlink";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { exposeEngine, exposeInWorker, isAllowed, surfaceOf } from "../../src/engine/expose.ts";
import type { EngineApi, EngineEvent } from "../../src/protocol/index.ts";

const NAMES = [
  ...["start", "startRun", "openRun", "play", "pause", "singleStep", "turnKnobs", "undo", "fork", "stop", "setVisible", "setPace", "bench", "stopBench", "listKernels", "tryKernel", "trainKernel", "profileStep", "calibrate", "ask", "stopAnswer", "watchNextWord"],
  ...["nextWord", "lookInside", "closeInside", "gradientNorms", "tokenize", "chatPieces", "addCorpus", "stopIntake", "previewCorpus", "deleteCorpus", "planMemory", "listCheckpoints", "deleteCheckpoint", "exportCheckpoint", "importCheckpoint", "eventsSince", "dispose"],
];

class StubEngine {
  readonly calls: string[] = [];
}
for (const name of NAMES) {
  Object.defineProperty(StubEngine.prototype, name, {
    value(this: StubEngine, ...args: unknown[]) {
      this.calls.push(name);
      if (name === "start") (args[1] as (events: readonly EngineEvent[]) => void)([]);
      if (name === "openRun") return Promise.reject(new Error("[CKPT_MISSING] no such run"));
      return Promise.resolve({ got: name });
    },
  });
}
const stub = (): StubEngine & EngineApi => new StubEngine() as StubEngine & EngineApi;
const raw = (value: unknown) => ({ type: "RAW", value });

describe("surfaceOf", () => {
  it("is frozen, has no prototype and owns exactly the protocol's methods, bound", async () => {
    const engine = stub();
    const surface = surfaceOf(engine);
    expect(Object.getPrototypeOf(surface)).toBeNull();
    expect(Object.isFrozen(surface)).toBe(true);
    expect(Object.keys(surface).sort()).toEqual([...NAMES].sort());
    const { play } = surface;
    await play();
    expect(engine.calls).toEqual(["play"]);
  });

  it("refuses an engine that lacks a method", () => {
    expect(() => surfaceOf({ start: () => undefined } as unknown as EngineApi)).toThrow(/no method "startRun"/);
  });
});

describe("isAllowed", () => {
  it("passes a call of one method and the release", () => {
    expect(isAllowed({ id: "1", type: "APPLY", path: ["play"], argumentList: [] })).toBe(true);
    expect(isAllowed({ id: "1", type: "APPLY", path: ["start"], argumentList: [raw({}), { type: "HANDLER", name: "proxy", value: 0 }] })).toBe(true);
    expect(isAllowed({ id: "1", type: "RELEASE" })).toBe(true);
  });

  it.each([
    ["nothing", undefined],
    ["text", "play"],
    ["a call without a path", { type: "APPLY", argumentList: [] }],
    ["a call of the prototype", { type: "APPLY", path: ["__proto__"], argumentList: [] }],
    ["a call of the constructor", { type: "APPLY", path: ["constructor"], argumentList: [raw("return 1")] }],
    ["a longer path", { type: "APPLY", path: ["play", "constructor"], argumentList: [] }],
    ["a path that is no text", { type: "APPLY", path: [["play"]], argumentList: [] }],
    ["a set", { type: "SET", path: ["play"], value: raw(1) }],
    ["a get", { type: "GET", path: ["play"] }],
    ["a construction", { type: "CONSTRUCT", path: ["play"], argumentList: [] }],
    ["another endpoint", { type: "ENDPOINT", path: [] }],
    ["an argument that throws", { type: "APPLY", path: ["play"], argumentList: [{ type: "HANDLER", name: "throw", value: {} }] }],
    ["a release that throws", { type: "RELEASE", path: [], argumentList: [{ type: "HANDLER", name: "throw", value: {} }] }],
    ["no arguments", { type: "APPLY", path: ["play"] }],
    ["nine arguments", { type: "APPLY", path: ["play"], argumentList: Array.from({ length: 9 }, () => raw(0)) }],
  ])("drops %s", (_what, message) => {
    expect(isAllowed(message)).toBe(false);
  });
});

describe("exposeEngine", () => {
  let channel: MessageChannel;
  beforeEach(() => {
    channel = new MessageChannel();
    vi.spyOn(console, "warn").mockImplementation(() => undefined);
  });
  afterEach(() => {
    channel.port1.close();
    channel.port2.close();
    vi.restoreAllMocks();
  });

  it("carries calls, answers, callbacks and errors through Comlink", async () => {
    const exposed = exposeEngine(stub(), channel.port1);
    const remote = wrap<EngineApi>(channel.port2);
    const seen: unknown[] = [];
    const listener = proxy((events: readonly EngineEvent[]) => void seen.push(events));
    expect(await remote.start({ backend: "cpu", baseUrl: "" }, listener)).toEqual({ got: "start" });
    await vi.waitFor(() => expect(seen).toEqual([[]]));
    await expect(remote.openRun("none")).rejects.toThrow("[CKPT_MISSING]");
    expect(exposed.dropped()).toBe(0);
  });

  it("drops and counts a message that would pollute Object.prototype, and goes on answering", async () => {
    const engine = stub();
    const exposed = exposeEngine(engine, channel.port1);
    channel.port2.postMessage({ id: "1", type: "SET", path: ["play", "__proto__", "__proto__", "polluted"], value: raw("yes") });
    channel.port2.postMessage({ id: "2", type: "SET", path: ["prototype", "__proto__", "polluted"], value: raw("yes") });
    channel.port2.postMessage({ id: "3", type: "APPLY", path: ["play", "constructor"], argumentList: [raw("globalThis.polluted = 1")] });
    await wrap<EngineApi>(channel.port2).pause();
    expect(exposed.dropped()).toBe(3);
    expect(({} as { polluted?: string }).polluted).toBeUndefined();
    expect(engine.calls).toEqual(["pause"]);
  });
});

describe("exposeInWorker", () => {
  it("refuses anywhere but in a dedicated worker", () => {
    expect(() => exposeInWorker(stub())).toThrow(/dedicated worker only/);
  });
});
