/** Runs `.gpu.test.ts` files unchanged on Chromium's own WebGPU. The page does nothing until its driver calls `runGpuTests`. */
import { startTests, type File, type Task, type VitestRunner } from "@vitest/runner";

const files = import.meta.glob("../{kernels,model,promises}/*.gpu.test.ts");
/** These need Node itself: WebAssembly files from disk, or the harness tried on a device of its own making. */
const NODE_ONLY = [/harness\.gpu/];

export interface GpuTestResult {
  readonly name: string;
  readonly state: "pass" | "fail" | "skip";
  readonly message?: string;
}

declare global {
  interface Window {
    listGpuTests?: () => string[];
    runGpuTests?: (file: string) => Promise<GpuTestResult[]>;
  }
}

const runner: VitestRunner = {
  config: {
    root: "/", setupFiles: [], name: undefined, passWithNoTests: true, testNamePattern: undefined, allowOnly: false,
    sequence: { seed: 1, hooks: "stack", setupFiles: "list" }, chaiConfig: undefined, maxConcurrency: 1, testTimeout: 120_000, hookTimeout: 120_000,
    retry: 0, includeTaskLocation: false, tags: [], tagsFilter: undefined, strictTags: false,
  },
  importFile: async (path) => {
    await files[path]!();
  },
};

function flatten(task: Task | File, path: string): GpuTestResult[] {
  const name = path ? `${path} > ${task.name}` : task.name;
  const errors = task.result?.errors?.map(({ message }) => message).join("; ");
  if (task.type === "suite") {
    const own: GpuTestResult[] = task.result?.state === "fail" && errors ? [{ name, state: "fail", message: errors }] : [];
    return [...own, ...task.tasks.flatMap((inner) => flatten(inner, name))];
  }
  const state = task.result?.state === "pass" ? "pass" : task.mode === "skip" ? "skip" : "fail";
  return [{ name, state, ...(errors ? { message: errors } : {}) }];
}

window.listGpuTests = () => Object.keys(files).filter((file) => !NODE_ONLY.some((pattern) => pattern.test(file)));
window.runGpuTests = async (file) => {
  const [done] = await startTests([file], runner);
  return flatten(done!, "");
};
