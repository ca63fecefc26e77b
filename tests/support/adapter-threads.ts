/** How the software adapter is told to take one thread: it reads a file out of the folder that it is first opened in, once a process. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { env, platform } from "node:process";
import { adapterChoice } from "../../src/cli/browser.ts";

/** By day, where two processes share the cores. */
export const ofOneThread = env["NESTLING_NIGHTLY"] === undefined && platform === "linux" && adapterChoice() === "software";

/** The folder, told so. */
export function withOneThread(folder: string): string {
  writeFileSync(join(folder, "SwiftShader.ini"), "[Processor]\nThreadCount=1\n");
  return folder;
}
