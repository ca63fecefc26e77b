/** Bundles the contenders' page, and serves it isolated: threads need that. Node only. */
import { createReadStream, existsSync } from "node:fs";
import { copyFile, mkdir, readdir } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { ensureWasm } from "../../../src/cli/build.ts";
import { root } from "../../../src/cli/paths.ts";
import { resolveTarget } from "../../../src/cli/server.ts";

export const HOW_TO_INSTALL = "npm ci --prefix tests/bench/peers";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export const peersInstalled = (): boolean => existsSync(here("node_modules/@jax-js/jax/package.json")) && existsSync(here("node_modules/@tensorflow/tfjs-backend-wasm/package.json"));

export async function buildPeers(outDir: string): Promise<void> {
  await ensureWasm();
  await build({
    root: here("."), configFile: false, publicDir: false, base: "./", logLevel: "error",
    // TensorFlow.js sends its threads the text of its functions, which shortened names would break.
    build: { outDir, emptyOutDir: true, target: "esnext", minify: false, assetsInlineLimit: 0, chunkSizeWarningLimit: 1e5, reportCompressedSize: false },
    worker: { format: "es" },
  });
  for (const name of ["kernels.wasm", "kernels-relaxed.wasm", "kernels-shared.wasm", "kernels-relaxed-shared.wasm"]) await copyFile(join(root, "src/kernels/wasm/build", name), join(outDir, name));
  await copyFile(join(root, "public/bench/reference.gz"), join(outDir, "reference.gz"));
  const from = here("node_modules/@tensorflow/tfjs-backend-wasm/dist");
  await mkdir(join(outDir, "tfjs"));
  for (const name of await readdir(from)) if (name.endsWith(".wasm")) await copyFile(join(from, name), join(outDir, "tfjs", name));
}

const TYPES: Readonly<Record<string, string>> = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };

/** No policy is sent: TensorFlow.js starts its threads from text. */
export async function servePeers(folder: string): Promise<{ url: string; close(): void }> {
  const server = createServer((request, response) => {
    response.setHeader("cross-origin-opener-policy", "same-origin");
    response.setHeader("cross-origin-embedder-policy", "require-corp");
    resolveTarget(folder, request.url ?? "/").then((file) => {
      if (file === null) return void response.writeHead(404).end();
      response.setHeader("content-type", TYPES[extname(file)] ?? "application/octet-stream");
      createReadStream(file).pipe(response);
    }, () => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}/`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
