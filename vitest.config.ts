/**
 * The three kinds of test, told apart by file name: `.test.ts` pure, `.gpu.test.ts` on a GPUDevice through Dawn in Node,
 * `.e2e.test.ts` in a real browser against the built page; `.nightly.test.ts` runs only when asked for by name.
 */
import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { adapterChoice, findBrowser, swiftShaderIcd } from "./src/cli/browser.ts";

const MINUTE_MS = 60_000;

/** Test files of over 30 s on two cores, the longest first. A name that is gone does no harm. */
const LONGEST = [
  "promises/determinism.gpu", "promises/half.gpu", "kernels/half.gpu", "promises/smallest-device.gpu", "bench/lab.gpu", "kernels/matmul.gpu", "plan/tuner.gpu", "bench/gate.gpu", "promises/optimizers.gpu",
  "ui/axe.e2e", "e2e/train.e2e", "ui/page.e2e", "e2e/gpu-tests.e2e", "e2e/journey-learns.e2e", "e2e/journey-reload.e2e", "ui/recipe-page.e2e", "ui/kernel-lab.e2e", "ui/data-page.e2e", "e2e/journey.e2e",
  "naga/naga",
];

/** The projects in turn: those whose files share a process first, those with the shortest files last. */
const PROJECTS = ["gpu", "e2e", "unit", "nightly"];

const rank = ({ moduleId, project }: TestSpecification): number => {
  const place = LONGEST.findIndex((name) => moduleId.includes(`/tests/${name}.test.`));
  return PROJECTS.indexOf(project.name) * (LONGEST.length + 1) + (place < 0 ? LONGEST.length : place);
};

/** So that no core waits at the end for a file that began late, nor between two projects: all but the nights stand in one group. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => rank(a) - rank(b));
  }
}

/** With the browser's SwiftShader tests in Node see the same adapter as the page; `NESTLING_ADAPTER=real` takes the GPU. */
async function adapterEnv(): Promise<Record<string, string>> {
  const browser = adapterChoice() === "software" ? await findBrowser() : null;
  const icd = browser === null ? null : swiftShaderIcd(browser);
  return icd === null ? {} : { VK_ICD_FILENAMES: icd };
}

export default defineConfig(async () => {
  const env = await adapterEnv();
  return {
    test: {
      // Vitest leaves one core to itself, which on two cores means one worker: its own share is small.
      maxWorkers: Math.max(2, availableParallelism() - 1),
      sequence: { sequencer: LongestFirst },
      reporters: ["default", "./scripts/summary-reporter.ts"],
      projects: [
        {
          extends: true as const,
          test: {
            name: "unit",
            include: ["tests/**/*.test.ts"],
            exclude: ["tests/**/*.{gpu,e2e,nightly}.test.ts"],
            testTimeout: MINUTE_MS / 2,
            sequence: { groupOrder: 0 },
          },
        },
        {
          extends: true as const,
          test: {
            name: "gpu",
            include: ["tests/**/*.gpu.test.ts"],
            // Dawn is a native module: threads of one process would share its instance.
            pool: "forks" as const,
            // Files share their process, and so its device: a software adapter takes seconds to compile what a training step launches.
            isolate: false,
            setupFiles: ["./tests/support/one-thread.ts"],
            env,
            testTimeout: 2 * MINUTE_MS,
            hookTimeout: 2 * MINUTE_MS,
            sequence: { groupOrder: 0 },
          },
        },
        {
          extends: true as const,
          test: {
            name: "e2e",
            include: ["tests/**/*.e2e.test.ts"],
            pool: "forks" as const,
            globalSetup: ["./tests/support/e2e-setup.ts"],
            testTimeout: 5 * MINUTE_MS,
            hookTimeout: 2 * MINUTE_MS,
            sequence: { groupOrder: 0 },
          },
        },
        ...(process.env["NESTLING_NIGHTLY"]
          ? [
              {
                extends: true as const,
                test: {
                  name: "nightly",
                  include: ["tests/nightly/**/*.nightly.test.ts"],
                  pool: "forks" as const,
                  env,
                  globalSetup: ["./tests/support/e2e-setup.ts"],
                  fileParallelism: false,
                  testTimeout: 60 * MINUTE_MS,
                  hookTimeout: 5 * MINUTE_MS,
                  sequence: { groupOrder: 1 },
                },
              },
            ]
          : []),
      ],
    },
  };
});
