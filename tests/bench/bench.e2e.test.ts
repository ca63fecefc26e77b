/** `npm run bench` as a person types it: through the built page and its worker, short. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseResult } from "../../src/bench/writers.ts";
import { root } from "../../src/cli/paths.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "nestling-bench-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function bench(...args: readonly string[]): Promise<{ status: number | null; out: string; err: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--import", "tsx", "src/cli/bench.ts", ...args], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    let [out, err] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (piece: string) => (out += piece));
    child.stderr.setEncoding("utf8").on("data", (piece: string) => (err += piece));
    child.on("error", reject);
    child.on("close", (status) => resolve({ status, out, err }));
  });
}

describe("npm run bench", () => {
  it.each(["webgpu", "cpu"])("checks, times and writes on %s", async (backend) => {
    const [json, csv] = [join(folder, `${backend}.json`), join(folder, `${backend}.csv`)];
    const { status, out, err } = await bench("--suite", "softmax,copy", "--backend", backend, "--quick", "--label", "the test's", "--json", json, "--csv", csv);
    expect(status, err).toBe(0);
    const result = parseResult(readFileSync(json, "utf8"));
    expect(result.device).toMatchObject({ backend, label: "the test's", hidden: false });
    expect(result.device.flags).toContain("--enable-unsafe-webgpu");
    expect(result.device.peak.gflops).toBeGreaterThan(0);
    expect([...new Set(result.rows.map(({ suite }) => suite))].sort()).toEqual(["copy", "softmax"]);
    const timed = result.rows.filter(({ status: row }) => row === "ok");
    expect(timed.length).toBeGreaterThanOrEqual(2);
    for (const row of timed) {
      expect(row.median_ms!).toBeGreaterThan(0);
      expect(row.p20_ms!).toBeLessThanOrEqual(row.p80_ms!);
      expect(row.error_vs_bound!).toBeLessThanOrEqual(1);
      expect(row.roofline!).toBeGreaterThan(0);
    }
    expect(readFileSync(csv, "utf8").trimEnd().split("\r\n")).toHaveLength(result.rows.length + 1);
    expect(out).toContain("## softmax");
  });

  it("says what is allowed where a flag is wrong, and times nothing", async () => {
    const { status, out, err } = await bench("--suite", "sorting");
    expect([status, out]).toEqual([2, ""]);
    expect(err).toContain("matmul, softmax");
  });
});
