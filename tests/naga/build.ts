/** Bundles `program.ts` for Deno into one module, and runs it there. Node only. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "vite";
import { findBrowser, swiftShaderIcd } from "../../src/cli/browser.ts";

const run = promisify(execFile);
const TIMEOUT_MS = 5 * 60_000;

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const platform = `${process.platform}-${process.arch}${process.platform === "linux" ? "-glibc" : ""}`;

/** How Deno gets here: `package.json` names it for Linux on x64; elsewhere the npm package of the platform can be put beside it. */
export const HOW_TO_INSTALL = platform === "linux-x64-glibc" ? "npm ci --prefix tests/naga" : `npm install --no-save --prefix tests/naga @deno/${platform}@2.9.6`;

/** Deno's program as its npm package brings it, or null where it has not been installed. */
export function findDeno(): string | null {
  const program = here(`node_modules/@deno/${platform}/deno${process.platform === "win32" ? ".exe" : ""}`);
  return existsSync(program) ? program : null;
}

export async function bundleProgram(outDir: string): Promise<string> {
  await build({
    root: here("../.."), configFile: false, publicDir: false, logLevel: "error",
    resolve: { alias: [{ find: /^\.\/wasm\.ts$/, replacement: here("wasm-shim.ts") }] },
    ssr: { noExternal: true },
    build: { ssr: here("program.ts"), outDir, emptyOutDir: true, target: "esnext", minify: false, rolldownOptions: { output: { entryFileNames: "program.mjs" } } },
  });
  return join(outDir, "program.mjs");
}

const SYSTEM_LOADERS = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];

/**
 * What Deno needs to find a Vulkan driver: the one that the environment names, else the browser's SwiftShader as in the other tests
 * (`VK_ICD_FILENAMES=.../lvp_icd.x86_64.json` gives Mesa's lavapipe, to Dawn and to Deno); and a loader library.
 */
export async function vulkanEnv(): Promise<NodeJS.ProcessEnv> {
  if (process.platform !== "linux") return {};
  const browser = await findBrowser();
  const swiftShader = browser === null ? null : swiftShaderIcd(browser);
  const driver = process.env["VK_ICD_FILENAMES"] ?? swiftShader;
  const hasLoader = SYSTEM_LOADERS.some((folder) => existsSync(join(folder, "libvulkan.so.1")));
  return {
    DENO_WEBGPU_BACKEND: "vulkan",
    ...(driver === null ? {} : { VK_ICD_FILENAMES: driver }),
    ...(hasLoader || swiftShader === null ? {} : { LD_LIBRARY_PATH: dirname(swiftShader) }),
  };
}

/** Runs the bundle; it may read and write nothing but its own output. @throws Error with what it said on standard error */
export async function runUnderDeno(deno: string, program: string, cacheDir: string): Promise<string> {
  const flags = ["run", "--no-config", "--no-npm", "--no-prompt", "--unstable-webgpu"];
  const env = { ...process.env, ...(await vulkanEnv()), DENO_DIR: cacheDir, DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" };
  const { stdout } = await run(deno, [...flags, program], { env, timeout: TIMEOUT_MS, maxBuffer: 2 ** 26 });
  return stdout;
}
