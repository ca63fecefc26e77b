/** The compiled WebAssembly kernels, built anew where the build is missing or older than its sources. Node only. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createCpuDevice } from "../../src/device/cpu/cpu-device.ts";
import type { Device } from "../../src/device/types.ts";
import { POISON } from "./kernel-harness.ts";

const folder = fileURLToPath(new URL("../../src/kernels/wasm/", import.meta.url));
const built = join(folder, "build", "kernels.wasm");

function isFresh(): boolean {
  if (!existsSync(built)) return false;
  const sources = readdirSync(join(folder, "assembly")).map((name) => join(folder, "assembly", name));
  return [...sources, join(folder, "asconfig.json")].every((source) => statSync(source).mtimeMs <= statSync(built).mtimeMs);
}

function build(): void {
  const compiler = join(dirname(createRequire(import.meta.url).resolve("assemblyscript/package.json")), "bin", "asc.js");
  mkdirSync(dirname(built), { recursive: true });
  // Test files run side by side: each writes its own file and puts it in place whole.
  const own = join(dirname(built), `kernels.${process.pid}.wasm`);
  execFileSync(process.execPath, [compiler, "--config", join(folder, "asconfig.json"), "--target", "release", "--outFile", own], { stdio: "pipe" });
  renameSync(own, built);
}

let module: WebAssembly.Module | undefined;

export function wasmModule(): WebAssembly.Module {
  if (!module) {
    if (!isFresh()) build();
    module = new WebAssembly.Module(readFileSync(built));
  }
  return module;
}

/** The CPU device on the WebAssembly kernels, new buffers poisoned. */
export const wasmDevice = (): Device => createCpuDevice({ wasm: wasmModule(), poison: POISON });
