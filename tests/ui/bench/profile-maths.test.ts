import { describe, expect, it } from "vitest";
import type { ProfiledLaunch, StepProfile } from "../../../src/protocol/index.ts";
import { flameOf, groupOf, kernelRows, launchMs, memoryTiles, roofShare, traceJson } from "../../../src/ui/bench/profile-maths.ts";

const launch = (program: string, kernel: string, site: string, ms: number): ProfiledLaunch => ({ program, label: `${kernel} ${site}`.trim(), kernel, variant: "plain", dims: { N: 4 }, ms, flops: 1e6 * ms, bytes: 2e6 * ms });

const launches = [
  launch("micro", "embedding", "wte", 1),
  launch("micro", "layernorm", "h.0.ln_1", 2),
  launch("micro", "matmulNN", "h.0.attn.c_attn", 3),
  launch("micro", "attention", "h.0.attn", 4),
  launch("update", "adamw", "", 5),
];
const profile: StepProfile = {
  device: "a GPU", recipeName: "tiny", step: 7, micros: 2, tokens: 64, launches,
  memory: {
    totalBytes: 5000, kept: [], slots: [{ buffer: 3, sizeBytes: 100 }, { buffer: 4, sizeBytes: 400 }],
    lives: [{ label: "a", buffer: 4, sizeBytes: 400, first: 0, last: 2 }, { label: "b", buffer: 3, sizeBytes: 60, first: 1, last: 3 }, { label: "c", buffer: 4, sizeBytes: 300, first: 3, last: 3 }],
  },
};

describe("a flame chart", () => {
  it("stacks program, module, part and launch, neighbours of one name as one bar", () => {
    const rows = flameOf(launches).map(({ depth, from, to, label }) => `${depth} ${from}-${to} ${label}`);
    expect(rows).toEqual([
      "0 0-10 micro", "0 10-15 update",
      "1 0-1 wte", "1 1-10 h.0", "1 10-15 adamw",
      "2 0-1 embedding", "2 1-3 ln_1", "2 3-10 attn",
      "3 1-3 layernorm", "3 3-6 matmulNN", "3 6-10 attention",
    ]);
  });

  it("knows which launches stand under each bar", () => {
    const attn = flameOf(launches).find(({ label }) => label === "attn")!;
    expect([attn.first, attn.end]).toEqual([2, 4]);
  });

  it("tells kinds of work apart", () => {
    expect(["matmulNNBiasGelu", "attentionBackwardKV", "rmsnormBackward", "crossEntropy", "adamw", "geluBackward"].map(groupOf)).toEqual(["matmul", "attention", "norms", "loss", "optimizer", "other"]);
  });
});

describe("a step's kernels", () => {
  it("are added up, micro as often as it runs, the dearest first, with shares of one", () => {
    const rows = kernelRows(profile);
    expect(rows.map(({ kernel, count, ms }) => [kernel, count, ms])).toEqual([["attention", 2, 8], ["matmulNN", 2, 6], ["adamw", 1, 5], ["layernorm", 2, 4], ["embedding", 2, 2]]);
    expect(rows.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1);
    expect(rows[0]).toMatchObject({ gflops: 1, gbps: 2 });
    expect(launchMs(profile)).toBe(25);
  });
});

describe("a share of the roofline", () => {
  const peak = { gflops: 4, gbps: 10 };

  it("is of the roof that is lower for the launch", () => {
    expect(roofShare([{ ms: 2, flops: 4e6, bytes: 2e6 }], peak)).toBeCloseTo(0.5);
    expect(roofShare([{ ms: 2, flops: 4e5, bytes: 16e6 }], peak)).toBeCloseTo(0.8);
  });

  it("of a kernel is what its launches could take at least over what they took, each under its own roof", () => {
    const both = [{ ...launch("micro", "a", "x", 2), flops: 4e6, bytes: 2e6 }, { ...launch("micro", "a", "y", 3), flops: 0, bytes: 20e6 }];
    expect(kernelRows({ launches: both, micros: 2, peak })[0]!.roof).toBeCloseTo((1 + 2) / 5);
    expect(kernelRows(profile)[0]).not.toHaveProperty("roof");
    const [event] = (JSON.parse(traceJson({ ...profile, launches: both, peak })) as { name: string; args: Record<string, number> }[]).filter(({ name }) => name === "a");
    expect(event!.args["% of roofline"]).toBe(50);
  });
});

describe("a memory map", () => {
  it("stacks the largest buffer lowest and puts each tensor into its own", () => {
    expect(memoryTiles(profile.memory)).toEqual({
      bytes: 500,
      tiles: [{ from: 0, size: 400, first: 0, last: 2, label: "a" }, { from: 400, size: 60, first: 1, last: 3, label: "b" }, { from: 0, size: 300, first: 3, last: 3, label: "c" }],
    });
  });
});

describe("a trace", () => {
  it("is complete events in microseconds, each launch with its numbers, all within their program", () => {
    const events = JSON.parse(traceJson(profile)) as { name: string; ph: string; ts: number; dur: number; args: Record<string, unknown> }[];
    expect(events[0]).toMatchObject({ ph: "M", args: { name: "tiny, step 7, on a GPU" } });
    const complete = events.slice(1);
    expect(complete).toHaveLength(flameOf(launches).length);
    expect(complete.every(({ ph }) => ph === "X")).toBe(true);
    expect(complete.find(({ name }) => name === "matmulNN")).toMatchObject({ ts: 3000, dur: 3000, args: { flops: 3e6, bytes: 6e6, label: "matmulNN h.0.attn.c_attn", dims: { N: 4 } } });
    expect(Math.max(...complete.map(({ ts, dur }) => ts + dur))).toBe(15_000);
  });
});
