/** The engine on the CPU backend with threads: what it reports, what it says of a lost one, that none outlives it. */
import { describe, expect, it } from "vitest";
import { ensureWasm } from "../../src/cli/build.ts";
import { createEngine } from "../../src/engine/index.ts";
import type { Threads } from "../../src/engine/threads.ts";
import type { EngineEvent } from "../../src/protocol/messages.ts";
import { presetByName } from "../../src/protocol/presets.ts";
import { nodeEnvironment, startTestEngine } from "../support/engine-env.ts";
import { living, nodeHelper, threadSource } from "../support/threads.ts";

const noneLive = async (): Promise<void> => {
  while (living.size > 0) await new Promise((resolve) => setTimeout(resolve, 10));
};

async function threadsOf(cores: number): Promise<Threads> {
  await ensureWasm();
  const code = await threadSource();
  return { cores, isolated: true, open: () => nodeHelper(code) };
}

describe("the engine with threads", () => {
  it("reports how many there are and ends them when it is disposed of", async () => {
    const engine = createEngine({ ...nodeEnvironment(), threads: await threadsOf(2) });
    const { device } = await engine.start({ backend: "cpu", baseUrl: "http://localhost/" }, () => {});
    expect(device).toMatchObject({ name: "CPU, WebAssembly SIMD, 2 threads", threads: 2, why: "The CPU backend was asked for. 2 threads share its work." });
    expect(living.size).toBe(1);
    await engine.dispose();
    await noneLive();
  });

  it("tells the page of a thread that ended, once, and goes on", async () => {
    const { api, events } = await startTestEngine(undefined, { threads: await threadsOf(4) });
    for (const worker of living) await worker.terminate();
    await noneLive();
    const notices = (): EngineEvent[] => events.filter((event) => event.type === "notice" && event.code === "THREADS");
    await expect.poll(notices, { timeout: 5000 }).toMatchObject([{ level: "warning", text: expect.stringContaining("goes on with one thread, since of its threads one ended") as string }]);
    expect((await api.planMemory(presetByName("first-light")!)).length).toBeGreaterThan(0);
    await api.dispose();
  });

  it("has one thread, and says why, where the page is not isolated", async () => {
    const engine = createEngine({ ...nodeEnvironment(), threads: { ...(await threadsOf(2)), isolated: false } });
    const { device } = await engine.start({ backend: "cpu", baseUrl: "http://localhost/" }, () => {});
    expect(device).toMatchObject({ name: "CPU, WebAssembly SIMD", threads: 1, why: expect.stringContaining("sends no COOP and COEP headers") as string });
    expect(living.size).toBe(0);
    await engine.dispose();
  });
});
