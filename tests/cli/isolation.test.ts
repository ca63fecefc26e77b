/** The development server gives what threads need: its page and its workers' scripts carry the headers of cross-origin isolation. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, resolveConfig, type ViteDevServer } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ISOLATION_HEADERS } from "../../src/cli/headers.ts";
import { root } from "../../src/cli/paths.ts";

const configFile = join(root, "vite.config.ts");
const cacheDir = mkdtempSync(join(tmpdir(), "nestling-vite-"));
let server: ViteDevServer;
beforeAll(async () => {
  server = await createServer({ configFile, cacheDir, logLevel: "silent", optimizeDeps: { noDiscovery: true, include: [] }, server: { host: "127.0.0.1", port: 0, ws: false, watch: null } });
  await server.listen();
}, 60_000);
afterAll(async () => {
  await server.close();
  rmSync(cacheDir, { recursive: true, force: true });
});

describe("the development server", () => {
  it.each(["", "workers/cpu-thread.worker.ts?worker_file&type=module"])("sends the headers with /%s", async (path) => {
    const response = await fetch(new URL(path, server.resolvedUrls!.local[0]));
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject(ISOLATION_HEADERS);
  });

  it("is not alone with them: the preview of the build sends them too", async () => {
    expect((await resolveConfig({ configFile, logLevel: "silent" }, "serve")).preview.headers).toEqual(ISOLATION_HEADERS);
  });
});
