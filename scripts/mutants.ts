/**
 * Plants faults one by one and runs the tests that must notice. A fault that no test notices has survived, and says that
 * a test is missing. The file is put back whatever happens. The list is mutants-list.ts.
 */
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isMain, root } from "../src/cli/paths.ts";
import { mutants } from "./mutants-list.ts";

export interface Mutant {
  readonly name: string;
  /** From the repository's root. */
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly find: string;
  readonly replace: string;
  /** What vitest is given: files, and "-t" with a part of a name where one test is enough. Must pass unplanted and fail planted. */
  readonly tests: readonly string[];
}

export interface Verdict {
  readonly name: string;
  readonly result: "killed" | "survived" | "broken";
  /** Why it is broken: the text is not there, or the tests fail without the fault too. */
  readonly why?: string;
}

/** Runs the named tests; true where they pass. */
export type RunTests = (tests: readonly string[]) => Promise<boolean>;

/** The text with the fault in it, or why there is none. */
export function plant(text: string, { find, replace }: Pick<Mutant, "find" | "replace">): { readonly planted: string } | { readonly why: string } {
  const count = find === "" ? 0 : text.split(find).length - 1;
  if (count !== 1) return { why: `the text to replace stands ${count} times in the file; it must stand there once` };
  if (find === replace) return { why: "the replacement changes nothing" };
  return { planted: text.replace(find, () => replace) };
}

/** Plants one fault, runs its tests, puts the file back. @param base the repository's folder */
export async function tryMutant(base: string, mutant: Mutant, runTests: RunTests): Promise<Verdict> {
  const { name, file, tests } = mutant;
  const path = join(base, file);
  const original = readFileSync(path, "utf8");
  const outcome = plant(original, mutant);
  if ("why" in outcome) return { name, result: "broken", why: outcome.why };
  const restore = (): void => writeFileSync(path, original);
  const onSignal = (): void => {
    restore();
    process.exit(130);
  };
  process.once("SIGINT", onSignal).once("SIGTERM", onSignal);
  try {
    writeFileSync(path, outcome.planted);
    return { name, result: (await runTests(tests)) ? "survived" : "killed" };
  } finally {
    restore();
    process.removeListener("SIGINT", onSignal).removeListener("SIGTERM", onSignal);
  }
}

/**
 * All mutants in turn. Tests that fail with nothing planted would "kill" anything, so each set of tests must first pass.
 */
export async function tryAll(base: string, list: readonly Mutant[], runTests: RunTests, say: (line: string) => void): Promise<Verdict[]> {
  const clean = new Map<string, boolean>();
  const verdicts: Verdict[] = [];
  for (const mutant of list) {
    const key = mutant.tests.join(" ");
    if (!clean.has(key)) clean.set(key, await runTests(mutant.tests));
    const verdict: Verdict = clean.get(key)
      ? await tryMutant(base, mutant, runTests)
      : { name: mutant.name, result: "broken", why: `its tests fail without the fault: ${key}` };
    say(`${verdict.result.padEnd(8)}  ${verdict.name}${verdict.why === undefined ? "" : `: ${verdict.why}`}`);
    verdicts.push(verdict);
  }
  return verdicts;
}

const vitest: RunTests = (tests) =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, "node_modules/vitest/vitest.mjs"), "run", "--bail=1", ...tests], { cwd: root, stdio: "ignore" });
    child.on("error", reject);
    child.on("exit", (code) => resolve(code === 0));
  });

/** `npm run test:mutants [-- NAME...]`: all, or those whose name holds one of the words. */
async function main(words: readonly string[]): Promise<void> {
  const list = words.length === 0 ? mutants : mutants.filter(({ name }) => words.some((word) => name.includes(word)));
  const verdicts = await tryAll(root, list, vitest, (line) => process.stdout.write(`${line}\n`));
  const of = (result: Verdict["result"]): number => verdicts.filter((verdict) => verdict.result === result).length;
  process.stdout.write(`\n${of("killed")} killed, ${of("survived")} survived, ${of("broken")} broken\n`);
  process.exitCode = verdicts.length > 0 && of("killed") === verdicts.length ? 0 : 1;
}

if (isMain(import.meta.url)) {
  main(process.argv.slice(2)).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  });
}
