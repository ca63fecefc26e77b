/** Bundles the GPU tests for Chromium into a folder. Node only. */
import { cp } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { build } from "vite";
import { ensureWasm, WASM_FILE } from "../../src/cli/build.ts";
import { root } from "../../src/cli/paths.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export async function buildGpuTests(outDir: string): Promise<void> {
  await ensureWasm();
  await build({
    root: here("."), configFile: false, base: "./", logLevel: "error",
    resolve: {
      alias: [
        { find: /^vitest$/, replacement: here("vitest-shim.ts") },
        { find: /^node:(fs|url)$/, replacement: here("node-shim.ts") },
        { find: /^(\.\.\/support|\.)\/wasm\.ts$/, replacement: here("wasm-shim.ts") },
      ],
    },
    build: { outDir, emptyOutDir: true, target: "esnext", minify: false, assetsInlineLimit: 0 },
  });
  await cp(join(root, WASM_FILE), `${outDir}/kernels.wasm`);
  await cp(here("../fixtures"), `${outDir}/fixtures`, { recursive: true });
}
