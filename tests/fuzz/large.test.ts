/**
 * Files of many megabytes that are made to cost more memory than they have bytes. Each is read in a process of its own whose heap is
 * held to the bound, so that what is thrown away cannot hide what is kept; time is printed, not judged: these are not the 20,000.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { root } from "../../src/cli/paths.ts";
import { LIMITS } from "./fuzz.ts";
import { large } from "./large-program.ts";

const run = promisify(execFile);
const MB = 2 ** 20;

interface Seen {
  readonly size: number;
  readonly outcome: string;
  readonly ms: number;
  readonly grown: number;
}

/** What each is answered with. */
const ANSWERS: Readonly<Record<string, string>> = {
  "a CSV row of separators alone": "DATA_EMPTY", "a CSV field of doubled quotes": "DATA_EMPTY", "a CSV quote that never closes": "DATA_EMPTY", "a CSV file of bad rows": "DATA_TOO_SHORT",
  "a JSONL line without end": "DATA_EMPTY", "a JSONL file of bad lines": "DATA_TOO_SHORT", "a JSONL file of brackets": "DATA_EMPTY",
  "a gzip bomb": "GZ_TOO_LARGE", "a zip bomb": "ZIP_FORMAT",
  "a safetensors header of brackets": "ST_HEADER_JSON", "a safetensors header of numbers": "ST_HEADER_TOO_LARGE", "a safetensors header of names": "ST_HEADER_TOO_LARGE",
  "a tokenizer.json of brackets": "TOKENIZER_FORMAT", "a tokenizer.json of a million tokens": "TOKENIZER_FORMAT", "a recipe of 333,000 stages": "CONFIG_RANGE",
};

/** What the program says of one file; a heap that does not hold ends it, and the test. */
async function read(name: string, heapMb: number): Promise<Seen> {
  const flags = ["--import", "tsx", "--expose-gc", "--max-semi-space-size=4", `--max-old-space-size=${heapMb}`];
  const { stdout } = await run(process.execPath, [...flags, "tests/fuzz/large-program.ts", name], { cwd: root, timeout: 120_000, env: { ...process.env, NODE_OPTIONS: "" } });
  return JSON.parse(stdout) as Seen;
}

describe("large hostile files, each in a process of its own", () => {
  it.each(Object.keys(large))(`%s is refused within ${LIMITS.bytes / MB} MB and twice its size`, async (name) => {
    // The bound of the smallest file, and what the program itself takes: bytes of files are outside the heap.
    const seen = await read(name, (LIMITS.bytes + 32 * MB) / MB);
    const allowed = LIMITS.bytes + LIMITS.perInputByte * seen.size;
    console.info(`${name}: ${(seen.size / MB).toFixed(1)} MB, ${seen.outcome}, ${seen.ms.toFixed(0)} ms of the processor (machine shared), ${(seen.grown / MB).toFixed(1)} of ${(allowed / MB).toFixed(1)} MB`);
    expect(seen.outcome).toBe(ANSWERS[name]);
    expect(seen.grown).toBeLessThanOrEqual(allowed);
  }, 150_000);

  it("has an answer to each", () => {
    expect(Object.keys(ANSWERS).sort()).toEqual(Object.keys(large).sort());
  });
});
