/** The promises that take hundreds of steps, for both families on the software adapter too: by day only GPT-2 is run there. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../../src/cli/paths.ts";

const FILES = [...["determinism", "resume", "generation", "learning"].map((name) => `tests/promises/${name}.gpu.test.ts`), "tests/plan/forced-variants.gpu.test.ts", "tests/promises/steady.gpu.test.ts", "tests/promises/smallest-device.gpu.test.ts", "tests/bench/lab.gpu.test.ts", "tests/kernels/half.gpu.test.ts", "tests/promises/half.gpu.test.ts", "tests/kernels/matmul.gpu.test.ts", "tests/naga/naga.test.ts"];

describe("promises over hundreds of steps", () => {
  it("hold for both families on both devices", () => {
    const { status, stdout } = spawnSync(process.execPath, [join(root, "node_modules/vitest/vitest.mjs"), "run", "--project", "gpu", "--project", "unit", ...FILES], {
      cwd: root, encoding: "utf8", env: { ...process.env, NESTLING_NIGHTLY: "1", NESTLING_COUNTS_FILE: "" }, maxBuffer: 64 * 2 ** 20,
    });
    const llama = stdout.split("\n").filter((line) => line.includes("WebGPU, Llama"));
    expect(status, stdout.slice(-4000)).toBe(0);
    expect(llama.length).toBeGreaterThan(0);
    for (const line of llama.filter((text) => text.includes(":"))) console.log(`figure: ${line.trim()}`);
  });
});
