/**
 * A static server for the built page on this machine's loopback address. It is not for the open network: it answers to
 * localhost names only, reads one folder, and takes GET and HEAD.
 */
import { createReadStream } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, sep } from "node:path";
import { NestlingError } from "../core/errors.ts";
import { SECURITY_HEADERS } from "./headers.ts";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".webmanifest": "application/manifest+json; charset=utf-8",
  ".txt": "text/plain; charset=utf-8",
  ".md": "text/plain; charset=utf-8",
  ".wgsl": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".webp": "image/webp",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".safetensors": "application/octet-stream",
  ".zip": "application/zip",
};

const LOCAL_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i;
const PORTS_TRIED = 50;

export interface Served {
  /** With a slash at the end, such as "http://localhost:5173/". */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/**
 * The file that a request's target names, or null where it names none inside `root`: another folder, a hidden file, a
 * folder without index.html, a link that leads outside.
 * @param root a real path (links resolved)
 * @param target path and query as they stand in the request line
 */
export async function resolveTarget(root: string, target: string): Promise<string | null> {
  let path: string;
  try {
    path = decodeURIComponent(target.split(/[?#]/, 1)[0]);
  } catch {
    return null;
  }
  if (!path.startsWith("/") || path.includes("\0") || path.includes("\\")) return null;
  const parts = path.split("/").filter((part) => part !== "");
  if (parts.some((part) => part.startsWith("."))) return null;
  try {
    let file = await realpath(join(root, ...parts));
    if ((await stat(file)).isDirectory()) {
      if (!path.endsWith("/")) return null;
      file = await realpath(join(file, "index.html"));
    }
    const inside = file.startsWith(root + sep);
    return inside && (await stat(file)).isFile() ? file : null;
  } catch {
    return null;
  }
}

/** Answers one request from `root`. Exported for a server that adds its own routes, such as a test's. */
export async function answer(root: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
  const refuse = (status: number, text: string): void => {
    response.writeHead(status, { "content-type": "text/plain; charset=utf-8" }).end(`${text}\n`);
  };
  // A name that an attacker pointed at this machine must not read the page as its own origin.
  if (!LOCAL_HOST.test(request.headers.host ?? "")) return refuse(421, "This server answers to localhost only.");
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.setHeader("allow", "GET, HEAD");
    return refuse(405, "Only GET and HEAD.");
  }
  const file = await resolveTarget(root, request.url ?? "/");
  if (file === null) return refuse(404, "Not found.");
  const { size } = await stat(file);
  response.writeHead(200, {
    "content-type": TYPES[extname(file).toLowerCase()] ?? "application/octet-stream",
    "content-length": size,
    "cache-control": "no-cache",
  });
  if (request.method === "HEAD") {
    response.end();
    return;
  }
  createReadStream(file).on("error", () => response.destroy()).pipe(response);
}

/**
 * Serves `folder` at the first free port from `port` on; 0 lets the system choose.
 * @throws NestlingError COMMAND where the folder is missing or no port of the range is free
 */
export async function serveFolder(folder: string, port: number): Promise<Served> {
  const root = await realpath(folder).catch(() => {
    throw new NestlingError("COMMAND", `nothing to serve: ${folder} does not exist; run \`npm run build\` first`, { folder });
  });
  const server = createServer((request, response) => {
    answer(root, request, response).catch(() => response.destroy());
  });
  const taken = await listen(server, port);
  return {
    url: `http://localhost:${taken}/`,
    port: taken,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function listen(server: Server, port: number): Promise<number> {
  const last = port === 0 ? 0 : Math.min(65535, port + PORTS_TRIED - 1);
  for (let candidate = port; candidate <= last; candidate++) {
    const error = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
      const failed = (cause: NodeJS.ErrnoException): void => resolve(cause);
      server.once("error", failed);
      server.listen(candidate, "127.0.0.1", () => {
        server.removeListener("error", failed);
        resolve(null);
      });
    });
    if (error === null) return (server.address() as AddressInfo).port;
    if (error.code !== "EADDRINUSE" && error.code !== "EACCES") throw error;
  }
  throw new NestlingError("COMMAND", `no free port from ${port} to ${last}; name another with --port`, { port, last });
}
