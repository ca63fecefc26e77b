/** What becomes of the CPU backend's threads: they end with the device, and one that fails costs time and no result. Their bits: wasm-threads.test.ts. */
import { afterEach, describe, expect, it } from "vitest";
import fc from "fast-check";
import { Arena } from "../../src/device/cpu/arena.ts";
import { createCpuDevice, type CpuDevice } from "../../src/device/cpu/cpu-device.ts";
import { startThreadPool } from "../../src/device/cpu/thread-pool.ts";
import { openThreads, threadsFor } from "../../src/engine/threads.ts";
import { crossEntropy } from "../../src/kernels/cross-entropy.ts";
import { matmulNN } from "../../src/kernels/matmul.ts";
import { POISON, runKernel, values } from "../support/kernel-harness.ts";
import { hashOf, losses, microTrainer } from "../support/micro.ts";
import { living, nodeHelper, sharedModules, threadedDevice, threadSource } from "../support/threads.ts";
import { wasmModule } from "../support/wasm.ts";

const MEBIBYTE = 1 << 20;
const devices: CpuDevice[] = [];
const opened = async (...given: Parameters<typeof threadedDevice>): ReturnType<typeof threadedDevice> => {
  const threaded = await threadedDevice(...given);
  devices.push(threaded.device);
  return threaded;
};
/** Resolves once no worker lives; else the test runs out of time. */
const noneLive = async (): Promise<void> => {
  while (living.size > 0) await new Promise((resolve) => setTimeout(resolve, 10));
};
afterEach(() => {
  for (const device of devices.splice(0)) device.destroy();
});

async function train(device: CpuDevice, between: () => void = () => {}): Promise<string> {
  const trainer = await microTrainer(device);
  await losses(trainer, 3);
  between();
  await losses(trainer, 3);
  const hash = await hashOf(trainer);
  trainer.destroy();
  return hash;
}
const trainAlone = async (): Promise<string> => train(createCpuDevice({ wasm: await wasmModule() }));

describe("helper threads", () => {
  it("end with the device, whether they work or sleep, and the device goes on without", async () => {
    const { device, workers } = await opened(3);
    expect([device.threads, workers.length]).toEqual([3, 2]);
    const hash = await train(device);
    device.destroy();
    await noneLive();
    expect(device.threads).toBe(1);
    expect(await train(device)).toBe(hash);
  });

  it("may die between two launches: the bits are the same, before it is known and after, and it is told once", async () => {
    const { device, workers, lost } = await opened(3);
    const want = await trainAlone();
    // Nothing of it is heard before the event loop turns: launches are made while the pool counts on it.
    expect(await train(device, () => void workers[0]!.terminate())).toBe(want);
    await noneLive();
    expect([device.threads, lost]).toEqual([1, ["one ended"]]);
    expect(await train(device)).toBe(want);
  });

  it("may die in the middle of a share: that launch fails with its name in the given time, and the next ones are right", async () => {
    const body = `parentPort.postMessage("ready"); while (!claim(start.control)); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);`;
    const { device, lost } = await opened(2, { body, poison: POISON, pool: { waitMs: 10 } });
    const given = { dims: { M: 300, N: 200, K: 300, accumulate: 0, alpha: 1 }, inputs: { a: values("normal", 90_000, 1), b: values("normal", 60_000, 2) }, outputs: { out: 60_000 }, device };
    const failing = async (): Promise<void> => {
      for (let tries = 0; tries < 1000; tries++) await runKernel(matmulNN, given);
    };
    await expect(failing()).rejects.toMatchObject({ code: "WORKER_DEAD", message: expect.stringContaining("matmulNN") as unknown });
    expect([device.threads, lost]).toEqual([1, ["one did not finish its share of matmulNN"]]);
    const alone = createCpuDevice({ wasm: await wasmModule(), poison: POISON });
    expect(await runKernel(matmulNN, given)).toEqual(await runKernel(matmulNN, { ...given, device: alone }));
    await noneLive();
  });

  it("trap as one thread traps, wherever the share was, and work on", async () => {
    const { device } = await opened(3, { poison: POISON });
    const [N, V] = [64, 33];
    const bad = (row: number): Promise<unknown> => {
      const targets = new Uint32Array(N);
      targets[row] = V;
      return runKernel(crossEntropy, { dims: { N, V }, inputs: { logits: values("normal", N * V), targets, mask: new Float32Array(N).fill(1), stepF: Float32Array.of(1, 1, 1, 1) }, outputs: { loss: N }, device });
    };
    for (let row = 0; row < N; row++) await expect(bad(row)).rejects.toThrow(/unreachable|trapped on a helper thread/);
    expect(device.threads).toBe(3);
    expect(await train(device)).toBe(await trainAlone());
  });

  it.each([
    ["throws", `throw new Error("no");`, "no"],
    ["ends", `process.exit(0);`, "ended before it began"],
    ["never answers", `setInterval(() => {}, 1000);`, "did not start within 0.3 s"],
  ])("leave nothing running where one %s at its start, and the report says why", async (_what, body, why) => {
    const code = await threadSource(body);
    const started = startThreadPool({ modules: await sharedModules(false), threads: 3, open: () => nodeHelper(code), onLost: () => {}, startMs: 300 });
    await expect(started).rejects.toThrow(why);
    await noneLive();
    const { pool, why: said } = await openThreads({ cores: 4, isolated: true, open: () => nodeHelper(code) }, () => sharedModules(false), () => {}, { startMs: 300 });
    expect([pool, said]).toEqual([null, expect.stringMatching(`^One thread: 2 were tried, and .*${why}`)]);
    await noneLive();
  });
});

describe("how many threads", () => {
  const none = { open: () => { throw new Error("none is to be opened"); } };
  const load = (): never => { throw new Error("nothing is to be compiled"); };

  it("is one, with the reason, where memory may not be shared or there is one core", async () => {
    expect(await openThreads({ cores: 8, isolated: false, ...none }, load, () => {})).toEqual({ pool: null, why: expect.stringContaining("COOP and COEP") });
    expect(await openThreads({ cores: 1, isolated: true, ...none }, load, () => {})).toEqual({ pool: null, why: expect.stringContaining("one core") });
  });

  it("is both of two cores, half of more, and at most eight", () => {
    expect([0, 1, 2, 3, 4, 8, 16, 64].map(threadsFor)).toEqual([1, 1, 2, 2, 2, 4, 8, 8]);
  });

  it("is one for a launch too small to wake another", async () => {
    const { device, pool } = await opened(2, { splitFromMs: undefined, poison: POISON });
    const run = (size: number): Promise<unknown> =>
      runKernel(matmulNN, { dims: { M: size, N: size, K: size, accumulate: 0, alpha: 1 }, inputs: { a: values("normal", size * size), b: values("normal", size * size) }, outputs: { out: size * size }, device });
    await run(8);
    expect(pool.doneBy).toEqual([0, 0]);
    await run(192);
    expect(pool.doneBy.reduce((a, b) => a + b)).toBeGreaterThan(1);
  });
});

describe("the memory that threads share", () => {
  it("gives what a heap held to the next, cleared, and does not grow for it", async () => {
    const { device, pool } = await opened(2);
    const request = [{ label: "a", sizeBytes: 3 * MEBIBYTE }, { label: "b", sizeBytes: 300 }];
    for (let i = 0; i < 20; i++) {
      const heap = await device.allocate(request);
      for (const buffer of heap.buffers) {
        const view = { buffer, offsetBytes: 0, sizeBytes: buffer.sizeBytes };
        expect(new Uint32Array(await device.read(view)).findIndex((word) => word !== 0)).toBe(-1);
        device.submit([{ kind: "fill", view, value: 0xffffffff }]);
      }
      heap.destroy();
      heap.destroy();
    }
    expect(pool.arena.memory.buffer.byteLength).toBeLessThan(8 * MEBIBYTE);
  });

  it("keeps what older heaps hold when it grows", async () => {
    const { device } = await opened(2);
    const first = await device.allocate([{ label: "first", sizeBytes: 1024 }]);
    const view = { buffer: first.buffers[0]!, offsetBytes: 0, sizeBytes: 1024 };
    device.write(view, new Uint32Array(256).fill(7));
    const second = await device.allocate([{ label: "second", sizeBytes: 20 * MEBIBYTE }]);
    device.submit([{ kind: "fill", view: { buffer: second.buffers[0]!, offsetBytes: 0, sizeBytes: 20 * MEBIBYTE }, value: 9 }]);
    expect(new Uint32Array(await device.read(view))).toEqual(new Uint32Array(256).fill(7));
  });

  it("sends a heap that it has no room for to a memory of its own, with the same bits", async () => {
    const { device, pool } = await opened(2, { pool: { mostPages: 40 } });
    expect(await train(device)).toBe(await trainAlone());
    const before = pool.doneBy;
    const blocks = await device.allocate([{ label: "all", sizeBytes: pool.arena.freeBytes }]);
    expect(await train(device)).toBe(await trainAlone());
    expect(pool.doneBy).toEqual(before);
    blocks.destroy();
  });

  it("never gives one byte to two, and is one range again when all came back", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.nat(300_000), fc.nat(20).map((n) => -1 - n)), { maxLength: 60 }), (moves) => {
        const arena = new Arena(new WebAssembly.Memory({ initial: 4, maximum: 40, shared: true }), 65_536, 40);
        const held: { at: number; size: number }[] = [];
        for (const move of moves) {
          if (move >= 0) {
            const at = arena.take(move);
            if (at === null) continue;
            expect(at).toBeGreaterThanOrEqual(65_536);
            expect(at + move).toBeLessThanOrEqual(arena.memory.buffer.byteLength);
            for (const other of held) expect(at + move <= other.at || other.at + other.size <= at).toBe(true);
            held.push({ at, size: move });
          } else if (held.length > 0) {
            const [{ at, size }] = held.splice(-move % held.length, 1) as [{ at: number; size: number }];
            arena.give(at, size);
          }
        }
        for (const { at, size } of held) arena.give(at, size);
        const all = arena.memory.buffer.byteLength - 65_536;
        expect(arena.freeBytes).toBe(all);
        expect(arena.take(all)).toBe(65_536);
      }),
      // Of no bytes too, which once lay inside what was free.
      { numRuns: 200, examples: [[[1, 0, 0, -3, 4097]]] },
    );
  });
});
