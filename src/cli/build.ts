/**
 * Builds the WebAssembly kernels and the page, each only when what it is made from has changed: a hash of the inputs
 * stands beside the output. How the page is built is vite.config.ts's business.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { NestlingError } from "../core/errors.ts";
import { isMain, root } from "./paths.ts";

export const WASM_FILE = "src/kernels/wasm/build/kernels.wasm";
/** The same sources with fused multiply-add, for engines that have relaxed SIMD. */
export const RELAXED_WASM_FILE = "src/kernels/wasm/build/kernels-relaxed.wasm";
/** Both over again for memory that threads share: a module takes the one kind of memory or the other. */
export const SHARED_WASM_FILES = { plain: "src/kernels/wasm/build/kernels-shared.wasm", relaxed: "src/kernels/wasm/build/kernels-relaxed-shared.wasm" } as const;
export const DIST = "dist";
const ASSEMBLY = "src/kernels/wasm/assembly";
const ASSEMBLY_CONFIG = "src/kernels/wasm/asconfig.json";
const STAMP = ".inputs";

/** What a copy of the page must carry with it. */
const TERMS = ["LICENSE", "NOTICE"];
const WASM_INPUTS = [ASSEMBLY, ASSEMBLY_CONFIG, "src/cli/build.ts", "package-lock.json"];
const PAGE_INPUTS = ["index.html", "vite.config.ts", "tsconfig.json", "package-lock.json", "src", "shaders", "workers", "public", ...TERMS];

/** SHA-256 over the names and bytes of all files under the paths, in a fixed order; missing paths count as empty. */
export function fingerprint(base: string, paths: readonly string[]): string {
  const hash = createHash("sha256");
  const add = (path: string): void => {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (!stats) return;
    if (stats.isDirectory()) {
      for (const name of readdirSync(path).sort()) add(join(path, name));
      return;
    }
    if (path.endsWith(STAMP)) return;
    hash.update(`${relative(base, path)}\0${stats.size}\0`).update(readFileSync(path));
  };
  for (const path of paths) add(join(base, path));
  return hash.digest("hex");
}

/** Does `make` when the inputs differ from those that `output` was made from. Returns whether it did. */
export async function makeIfStale(base: string, output: string, inputs: readonly string[], make: () => Promise<void>): Promise<boolean> {
  const stamp = join(base, dirname(output), STAMP);
  const now = fingerprint(base, inputs);
  if (existsSync(join(base, output)) && existsSync(stamp) && readFileSync(stamp, "utf8") === now) return false;
  rmSync(stamp, { force: true });
  await make();
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, now);
  return true;
}

/** Runs one of our tools with Node, its words on standard error. @throws NestlingError COMMAND where it fails */
async function tool(what: string, program: string, args: readonly string[]): Promise<void> {
  const code = await new Promise<number | null>((resolve, reject) => {
    // Started from a test, the environment says "test", and the bundler would take the libraries' development builds.
    const env = { ...process.env, NODE_ENV: "production" };
    const child = spawn(process.execPath, [join(root, "node_modules", program), ...args], { cwd: root, env, stdio: ["ignore", 2, 2] });
    child.on("error", reject);
    child.on("exit", resolve);
  });
  if (code !== 0) throw new NestlingError("COMMAND", `${what} failed with status ${code}; what is wrong stands above`, { code });
}

/** The kernels in WebAssembly, compiled from AssemblyScript. Their exported surface is the assembly's own. */
export function ensureWasm(): Promise<boolean> {
  return makeIfStale(root, WASM_FILE, WASM_INPUTS, async () => {
    mkdirSync(join(root, dirname(WASM_FILE)), { recursive: true });
    // Test files may get here side by side: each writes its own file and puts it in place whole.
    const [relaxed, shared] = [["--enable", "relaxed-simd"], ["--enable", "threads", "--sharedMemory", "--maximumMemory", "65536"]];
    const { plain: sharedFile, relaxed: sharedRelaxedFile } = SHARED_WASM_FILES;
    const builds: [string, string[]][] = [[sharedRelaxedFile, [...relaxed, ...shared]], [sharedFile, shared], [RELAXED_WASM_FILE, relaxed], [WASM_FILE, []]];
    for (const [file, features] of builds) {
      const own = `${file}.${process.pid}`;
      await tool("compiling the WebAssembly kernels", "assemblyscript/bin/asc.js", ["--config", ASSEMBLY_CONFIG, "--target", "release", ...features, "--outFile", own]);
      renameSync(join(root, own), join(root, file));
    }
  });
}

/** The page in `dist/`, with the kernels and the texts. */
export async function ensurePage(): Promise<boolean> {
  await ensureWasm();
  return makeIfStale(root, `${DIST}/index.html`, PAGE_INPUTS, async () => {
    await tool("building the page", "vite/bin/vite.js", ["build", "--logLevel", "warn"]);
    // A copy carries its terms with it.
    for (const name of TERMS) copyFileSync(join(root, name), join(root, DIST, name));
  });
}

/** `tsx src/cli/build.ts [wasm]` */
async function main(): Promise<void> {
  const wasmOnly = process.argv[2] === "wasm";
  const made = await (wasmOnly ? ensureWasm() : ensurePage());
  const output = wasmOnly ? WASM_FILE : `${DIST}/`;
  process.stderr.write(made ? `built ${output}\n` : `${output} is up to date\n`);
}

if (isMain(import.meta.url)) {
  main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
}
