/** Builds the page with the stub engine and serves it with the security headers of the real one, for tests in a browser. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { serveFolder } from "../../src/cli/server.ts";

export interface StubSite {
  /** The page's address; `?scene=` and `&steps=` choose where the stub stands. */
  readonly url: string;
  close(): Promise<void>;
}

export async function serveStub(): Promise<StubSite> {
  const folder = await mkdtemp(join(tmpdir(), "nestling-stub-"));
  const root = fileURLToPath(new URL(".", import.meta.url));
  // The test runner's NODE_ENV would build Lit's development mode, which warns and is slower than what people get.
  const before = process.env["NODE_ENV"];
  process.env["NODE_ENV"] = "production";
  try {
    await build({ configFile: join(root, "vite.config.ts"), root, mode: "production", logLevel: "error", build: { outDir: folder, emptyOutDir: true } });
  } finally {
    process.env["NODE_ENV"] = before;
  }
  const served = await serveFolder(folder, 0);
  return {
    url: new URL("stub.html", served.url).href,
    close: async () => {
      await served.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
