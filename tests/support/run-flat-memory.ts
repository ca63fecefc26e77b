/** Runs `flat-memory.ts` in a process of its own, with a heap that could hold neither the text nor its tokens. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { FlatMemory } from "./flat-memory.ts";

export function runFlatMemory(megabytes: number, tokenizer: "char" | "bpe", form: "text" | "jsonl" | "gzip", heapMegabytes: number): Promise<FlatMemory> {
  const program = fileURLToPath(new URL("./flat-memory.ts", import.meta.url));
  const args = [`--max-old-space-size=${heapMegabytes}`, "--expose-gc", "--import", "tsx", program, String(megabytes), tokenizer, form];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { maxBuffer: 1 << 20 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`flat-memory ended with ${error.code ?? error.signal ?? "an error"}: ${stderr.slice(-600)}`));
      else resolve(JSON.parse(stdout) as FlatMemory);
    });
  });
}
