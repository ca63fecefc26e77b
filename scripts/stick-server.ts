/** The server in the archive of `npm run zip`: serves the folder `page` beside it. Bundled into serve.mjs; run as it is it serves nothing. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { serveFolder } from "../src/cli/server.ts";

const port = Number(process.env["PORT"] ?? 8000);
serveFolder(join(dirname(fileURLToPath(import.meta.url)), "page"), port).then(
  ({ url }) => process.stdout.write(`Nestling is at ${url}  (Ctrl-C ends it)\n`),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  },
);
