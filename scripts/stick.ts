/**
 * `npm run zip`: the built page and a server for it in one archive, for a USB stick or a workshop's laptops. The server is
 * `src/cli/server.ts`, bundled into one file that plain Node runs; without Node any static server will do.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "vite";
import { DIST, ensurePage } from "../src/cli/build.ts";
import { isMain, root } from "../src/cli/paths.ts";
import { writeZip } from "../src/store/zip.ts";

export const STICK_FILE = "nestling.zip";
const SERVER = "serve.mjs";
const PAGE = "page";

const START = `Nestling, without a network

1. Unpack this archive.
2. In the unpacked folder:

       node serve.mjs

   or, where there is Python and no Node:

       python3 -m http.server 8000 --bind 127.0.0.1 --directory page

3. Open the address it prints (for Python: http://localhost:8000/) in Chrome.

Nothing leaves the machine. Without Node's server the page lacks the headers that give the CPU backend more than one thread
(Cross-Origin-Opener-Policy: same-origin, Cross-Origin-Embedder-Policy: require-corp); it works all the same, to the same digits.
`;

/** The files of the archive by name. */
export async function stickFiles(): Promise<Map<string, Uint8Array>> {
  await ensurePage();
  const files = new Map<string, Uint8Array>([["nestling/START.txt", new TextEncoder().encode(START)]]);
  const folder = mkdtempSync(join(tmpdir(), "nestling-stick-"));
  try {
    await build({
      root, configFile: false, logLevel: "error", publicDir: false,
      ssr: { noExternal: true },
      build: { ssr: "scripts/stick-server.ts", outDir: folder, emptyOutDir: true, minify: false, rollupOptions: { output: { entryFileNames: SERVER } } },
    });
    files.set(`nestling/${SERVER}`, readFileSync(join(folder, SERVER)));
  } finally {
    rmSync(folder, { recursive: true });
  }
  for (const entry of readdirSync(join(root, DIST), { recursive: true, withFileTypes: true }).sort((a, b) => (join(a.parentPath, a.name) < join(b.parentPath, b.name) ? -1 : 1))) {
    if (!entry.isFile() || entry.name.startsWith(".")) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(`nestling/${PAGE}/${path.slice(join(root, DIST).length + 1).replaceAll("\\", "/")}`, readFileSync(path));
  }
  return files;
}

async function main(): Promise<void> {
  const files = await stickFiles();
  const bytes = Buffer.concat(writeZip(files));
  writeFileSync(join(root, STICK_FILE), bytes);
  process.stdout.write(`${STICK_FILE}: ${files.size} files, ${(bytes.length / 1e6).toFixed(1)} MB; START.txt in it says how to serve it\n`);
}

if (isMain(import.meta.url)) {
  main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
}
