/** The page's thread over the whole minute of its promise: `npm test` takes a third of it. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../../src/cli/paths.ts";

describe("the page's thread", () => {
  it("runs no task of over 50 ms in a minute of 200 steps a second", () => {
    const { status, stdout } = spawnSync(process.execPath, [join(root, "node_modules/vitest/vitest.mjs"), "run", "--project", "e2e", "tests/ui/page.e2e.test.ts", "-t", "200 steps"], {
      cwd: root, encoding: "utf8", env: { ...process.env, NESTLING_NIGHTLY: "1", NESTLING_COUNTS_FILE: "" },
    });
    expect(status, stdout.slice(-4000)).toBe(0);
    const figure = /page thread at 200 steps\/s: (.*)/.exec(stdout)?.[1];
    expect(figure).toBeDefined();
    console.log(`figure: ${figure}`);
  });
});
