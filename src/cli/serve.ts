/**
 * `npm start`: builds the page where needed, serves it on localhost, prints the address and opens it where there is a
 * display.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { NestlingError } from "../core/errors.ts";
import { DIST, ensurePage } from "./build.ts";
import { isMain, root } from "./paths.ts";
import { serveFolder } from "./server.ts";

const DEFAULT_PORT = 5173;
const HELP = `npm start -- [--port N] [--no-open]

  --port N     the first port to try (default ${DEFAULT_PORT}; the next free one is taken); 0 = any
  --no-open    only print the address
  --help       this text
`;

/** The command that opens an address for the person at this machine; null where nobody would see it. */
export function openCommand(platform: NodeJS.Platform, env: NodeJS.ProcessEnv): readonly string[] | null {
  if (env["CI"] !== undefined && env["CI"] !== "" && env["CI"] !== "false") return null;
  if (platform === "darwin") return ["open"];
  if (platform === "win32") return ["cmd", "/c", "start", ""];
  return env["DISPLAY"] || env["WAYLAND_DISPLAY"] ? ["xdg-open"] : null;
}

/** @throws NestlingError COMMAND for a port that is none */
export function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65535) return port;
  throw new NestlingError("COMMAND", `--port is "${text}"; a whole number from 0 to 65535 is allowed`, { text });
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { port: { type: "string" }, "no-open": { type: "boolean" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const port = values.port === undefined ? DEFAULT_PORT : parsePort(values.port);
  await ensurePage();
  const served = await serveFolder(join(root, DIST), port);
  process.stdout.write(`Nestling is at ${served.url}  (Ctrl-C ends it)\n`);
  const end = (): void => void served.close().then(() => process.exit(0));
  process.once("SIGINT", end).once("SIGTERM", end);
  const command = values["no-open"] ? null : openCommand(process.platform, process.env);
  if (command === null) return;
  const child = spawn(command[0], [...command.slice(1), served.url], { stdio: "ignore", detached: true });
  // No opener installed: the address stands in the terminal.
  child.on("error", () => undefined).unref();
}

if (isMain(import.meta.url)) {
  main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = error instanceof NestlingError || (error as { code?: string }).code?.startsWith("ERR_PARSE_ARGS") ? 2 : 1;
  });
}
