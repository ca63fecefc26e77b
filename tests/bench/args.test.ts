/** The flags of `npm run bench`, and what the engine takes from them. */
import { describe, expect, it } from "vitest";
import { parseBenchArgs } from "../../src/cli/bench.ts";
import { SUITES } from "../../src/protocol/bench.ts";
import { startTestEngine } from "../support/engine-env.ts";

describe("npm run bench", () => {
  it("times everything without flags, on hot buffers, in full", () => {
    expect(parseBenchArgs([])).toEqual({ help: false, backend: "auto", files: [], request: { suites: [...SUITES], buffers: "hot" } });
  });

  it("takes several suites once each, a product, a label and files", () => {
    const { request, backend, label, files } = parseBenchArgs(["--suite", "step,matmul,step", "--backend", "cpu", "--quick", "--product", "3,5,7", "--buffers", "rotating", "--label", "mine", "--json", "a", "--csv", "b", "--markdown", "c"]);
    expect(parseBenchArgs(["--contexts", "64,2048"]).request.contexts).toEqual([64, 2048]);
    expect(parseBenchArgs(["--dtype", "float32,float16"]).request.dtypes).toEqual(["float32", "float16"]);
    expect(parseBenchArgs(["--dtype", "all"]).request.dtypes).toEqual(["float32", "bfloat16", "float16"]);
    expect(parseBenchArgs([]).request).not.toHaveProperty("dtypes");
    expect(request).toEqual({ suites: ["step", "matmul"], quick: true, buffers: "rotating", product: { M: 3, N: 5, K: 7 } });
    expect([backend, label, files.map(({ path }) => path)]).toEqual(["cpu", "mine", ["a", "b", "c"]]);
  });

  it.each([
    [["--suite", "sorting"], '--suite is "sorting"'],
    [["--backend", "tpu"], '--backend is "tpu"'],
    [["--buffers", "cold"], '--buffers is "cold"'],
    [["--dtype", "float64"], "float32, bfloat16, float16 and all"],
    [["--contexts", "128,0"], "whole numbers from 1 to 8192"],
    [["--product", "1,2"], "three whole numbers"],
    [["--product", "1,2,0"], "three whole numbers"],
    [["--product", "1e9,1,1"], "from 1 to 8192"],
    [["--contexts", "64,8193"], "from 1 to 8192"],
    [["--fast"], "--fast"],
  ])("refuses %j and says what is allowed", (args, words) => {
    expect(() => parseBenchArgs(args)).toThrow(words);
    expect(() => parseBenchArgs(args)).toThrow("COMMAND");
  });
});

describe("the engine's bench", () => {
  it("tells what it times next and each row as it comes, and gives the whole at the end", async () => {
    const { api, events } = await startTestEngine();
    const result = await api.bench({ suites: ["softmax"], quick: true }, { label: "here" });
    await api.dispose();
    expect(result).toMatchObject({ format: "nestling-bench", version: 1, quick: true, buffers: "hot", device: { backend: "cpu", label: "here", software: false } });
    expect(result.device.peak.gflops).toBeGreaterThan(0);
    expect(result.device.peak.gbps).toBeGreaterThan(0);
    const told = events.flatMap((event) => (event.type === "bench" ? [event] : []));
    const rows = told.flatMap(({ row }) => (row ? [row] : []));
    // The device's peaks are measured again at the end, and a higher roof makes shares of it smaller.
    const withoutRoof = rows.map((row) => ({ ...row, roofline: 0 }));
    expect(withoutRoof).toEqual(result.rows.map((row) => ({ ...row, roofline: 0 })));
    for (const [i, { roofline }] of result.rows.entries()) expect(roofline).toBeLessThanOrEqual(rows[i]!.roofline! * (1 + 1e-9));
    expect(told.some(({ what }) => what?.startsWith("softmax"))).toBe(true);
    expect(result.rows.map(({ status }) => status)).toEqual(["ok", "A/A"]);
  });

  it("ends with CANCELLED when it is stopped, and can be started again", async () => {
    const { api } = await startTestEngine();
    const stopped = api.bench({ suites: ["matmul", "attention"] }, {});
    await expect(api.bench({ suites: ["copy"] }, {})).rejects.toThrow("running already");
    await api.stopBench();
    await expect(stopped).rejects.toThrow("CANCELLED");
    expect((await api.bench({ suites: ["softmax"], quick: true }, {})).rows).toHaveLength(2);
    // Kernels and steps in halves pass their gates, beside float32's.
    const { rows } = await api.bench({ suites: ["matmul", "attention", "norms"], quick: true, dtypes: ["bfloat16", "float16"] }, {});
    expect(rows.filter(({ status }) => !/^(ok|A\/A|skipped: the quick run)/.test(status))).toEqual([]);
    for (const name of ["matmulNNBiasGeluBf16", "attentionF16", "layernormBf16"]) expect(rows.some((row) => row.name === name && row.status === "ok"), name).toBe(true);
    await api.dispose();
  });

  it.each([
    [{ suites: [] }, "No suite"],
    [{ suites: ["sorting"] }, "suite"],
    [{ suites: ["matmul"], product: { M: 1e6, N: 1, K: 1 } }, "M"],
    [{ suites: ["attention"], contexts: [0] }, "T"],
    [{ suites: ["step"], dtypes: ["float64"] }, "dtype"],
    [null, "No suite"],
  ])("refuses the request %j", async (request, words) => {
    const { api } = await startTestEngine();
    await expect(api.bench(request as never, {})).rejects.toThrow(words);
    await api.dispose();
  });
});
