/** Where the repository stands, and whether a module is the program that was started. */
import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The repository's folder, no slash at the end. */
export const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/[\\/]$/, "");

export function isMain(moduleUrl: string): boolean {
  const started = process.argv[1];
  return started !== undefined && realpathSync(started) === realpathSync(fileURLToPath(moduleUrl));
}
