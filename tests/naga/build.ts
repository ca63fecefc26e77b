/** Bundles `program.ts` for Deno into one module, and runs it there. Node only. */
import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
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

const DRIVER_FOLDERS = ["/usr/share/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/etc/vulkan/icd.d"];

/** The loader file of Mesa's lavapipe (Debian: mesa-vulkan-drivers), another software driver and one with shader-f16; null where it is not installed. */
export function findLavapipe(): string | null {
  const named = process.env["NESTLING_LAVAPIPE"];
  if (named) return named;
  const files = DRIVER_FOLDERS.filter((folder) => existsSync(folder)).flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
  return files.find((file) => /\/lvp_icd[^/]*\.json$/.test(file)) ?? null;
}

/** What Deno needs to find a Vulkan driver: the one asked for, else the one that the environment names, else the browser's SwiftShader as in the other tests; and a loader library. */
async function vulkanEnv(wanted: string | null): Promise<NodeJS.ProcessEnv> {
  if (process.platform !== "linux") return {};
  const browser = await findBrowser();
  const swiftShader = browser === null ? null : swiftShaderIcd(browser);
  const driver = wanted ?? process.env["VK_ICD_FILENAMES"] ?? swiftShader;
  const hasLoader = SYSTEM_LOADERS.some((folder) => existsSync(join(folder, "libvulkan.so.1")));
  return {
    DENO_WEBGPU_BACKEND: "vulkan",
    ...(driver === null ? {} : { VK_ICD_FILENAMES: driver }),
    ...(hasLoader || swiftShader === null ? {} : { LD_LIBRARY_PATH: dirname(swiftShader) }),
  };
}

/** Runs the bundle on a Vulkan driver, named by its loader file; it may read and write nothing but its own output. @throws Error with what it said on standard error */
export async function runUnderDeno(deno: string, program: string, cacheDir: string, { driver = null, args = [], cwd = process.cwd() }: { readonly driver?: string | null; readonly args?: readonly string[]; readonly cwd?: string } = {}): Promise<string> {
  const flags = ["run", "--no-config", "--no-npm", "--no-prompt", "--unstable-webgpu"];
  const env = { ...process.env, ...(await vulkanEnv(driver)), DENO_DIR: cacheDir, DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" };
  const { stdout } = await run(deno, [...flags, program, ...args], { env, cwd, timeout: TIMEOUT_MS, maxBuffer: 2 ** 26 });
  return stdout;
}
