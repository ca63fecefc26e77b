/** The comparison with other trainers runs from end to end: one pair of tiny trainings. Its figures are not judged here. */
import { availableParallelism } from "node:os";
import { describe, expect, it } from "vitest";
import { HOW_TO_INSTALL, peersInstalled } from "./peers/build.ts";
import { inTurns, measureKernel, resultsDiffer, type Tab } from "./peers/measure.ts";
import { runPeers } from "./peers/run.ts";

const absent = peersInstalled() ? "" : ` (skipped: ${HOW_TO_INSTALL})`;

describe("the comparison with other trainers", () => {
  it.skipIf(absent !== "")(`trains tiny beside jax-js in WebAssembly to the same loss, and sees equal softmax rows${absent}`, async () => {
    const lines: string[] = [];
    const { rows, failed, device, browser } = await runPeers({ only: /^jax-js wasm (train tiny|softmax 2048)/, pairs: 1, backends: ["wasm"] }, (line) => lines.push(line));
    expect(failed).toEqual([]);
    expect(rows.map(({ what }) => what)).toEqual(["train tiny", "softmax 2048x256"]);
    expect(Math.abs(rows[0]!.ours_loss! - rows[0]!.peer_loss!)).toBeLessThan(2e-3);
    for (const row of rows) expect(row.ratio).toBeCloseTo(row.peer_ms / row.ours_ms, 9);
    expect(lines).toHaveLength(2);
    expect(device["wasm"]).toContain("WebAssembly");
    // The others share their work among threads as well: the page is isolated.
    expect(device["wasm"]).toMatch(availableParallelism() > 1 ? /\d threads/ : /SIMD;/);
    expect(browser).toMatch(/Chrom/);
  });

  it("lets now one and now the other go first", async () => {
    const order: string[] = [];
    const sampler = (name: string) => (): Promise<number> => Promise.resolve(order.push(name));
    expect(await inTurns(3, sampler("a"), sampler("b"))).toEqual([[1, 4, 5], [2, 3, 6]]);
    expect(order.join("")).toBe("abbaab");
  });

  it("gives no time to a wrong result", async () => {
    const tab = (result: number[]): Tab => ({ startKernel: () => Promise.resolve(result), time: () => Promise.resolve(1), stop: () => Promise.resolve() }) as unknown as Tab;
    await expect(measureKernel(0, tab([1, 1]), tab([1, 2]), 1)).rejects.toThrow(/wrong, and so without a time: results differ by 1\.0e\+0/);
  });

  it("calls results different that differ in size or by more than their largest number allows", () => {
    expect(resultsDiffer([2, 1, 4], [2, 1, 4])).toBe(0);
    expect(resultsDiffer([2, 1, 4], [2, 1, 4.4])).toBeCloseTo(0.1, 9);
    expect(resultsDiffer([2, 1, 4], [3, 1, 4])).toBe(Infinity);
    expect(resultsDiffer([2, 1, 4], [2, 1])).toBe(Infinity);
    expect(resultsDiffer([2, 1, NaN], [2, 1, 4]) <= 1).toBe(false);
  });
});
