/**
 * The built page away from home: under a sub-path of a plain static server that sends no headers of ours, and out of the
 * archive for a USB stick, with the server that travels in it. Each answers and trains.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, extname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stickFiles } from "../../scripts/stick.ts";
import type { LaunchedBrowser } from "../../src/cli/browser.ts";
import { threadsFor } from "../../src/engine/threads.ts";
import { openBrowser } from "../support/browser.ts";
import { Journey, microRecipe } from "../support/journey.ts";

let browser: LaunchedBrowser;
let folder: string;
let files: Map<string, Uint8Array>;
beforeAll(async () => {
  [browser, files] = await Promise.all([openBrowser(), stickFiles()]);
  folder = await mkdtemp(join(tmpdir(), "nestling-anywhere-"));
  for (const [name, bytes] of files) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), bytes);
  }
});
afterAll(async () => {
  await browser.close();
  await rm(folder, { recursive: true });
});

/** As a host that knows four types and nothing of policies: files of `root` under /a/b/, nothing elsewhere. */
function plainServer(root: string): Promise<{ server: Server; url: string; missed: string[] }> {
  const types: Readonly<Record<string, string>> = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm" };
  const missed: string[] = [];
  const server = createServer((request, response) => {
    const path = (request.url ?? "").split(/[?#]/, 1)[0]!;
    const name = path === "/a/b/" ? "index.html" : path.startsWith("/a/b/") ? path.slice(5) : null;
    const file = name === null ? Promise.reject(new Error("elsewhere")) : readFile(join(root, name));
    file.then(
      (bytes) => response.writeHead(200, { "content-type": types[extname(name!)] ?? "application/octet-stream" }).end(bytes),
      () => {
        if (path !== "/favicon.ico") missed.push(path);
        response.writeHead(404).end();
      },
    );
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve({ server, url: `http://localhost:${(server.address() as AddressInfo).port}/a/b/`, missed })));
}

interface Visit {
  readonly isolated: boolean;
  /** Of the CPU backend. */
  readonly threads: number | undefined;
  readonly why: string | undefined;
  /** Of both stages. */
  readonly losses: readonly (readonly number[])[];
  readonly problems: readonly string[];
  readonly foreign: readonly string[];
}

async function trainAndAsk(url: string): Promise<Visit> {
  const journey = await Journey.open(browser, { url, recipes: [microRecipe(6)], backend: "cpu" });
  try {
    expect(await journey.textLike("answer-tuned", /\w+/)).toMatch(/\w+/);
    await journey.start();
    await journey.until("the end of both stages", () => document.querySelector("nestling-app")!.run.state.run?.phase === "finished");
    const isolated = await journey.page.evaluate(() => crossOriginIsolated);
    const { threads, why } = await journey.page.evaluate(() => {
      const { device } = document.querySelector("nestling-app")!.run.state;
      return { threads: device?.threads, why: device?.why };
    });
    const losses = [await journey.curve(0, "train/loss"), await journey.curve(1, "train/loss")].map((points) => points.map(({ value }) => value));
    return { isolated, threads, why, losses, problems: journey.watched.problems, foreign: journey.watched.foreign };
  } finally {
    await journey.close();
  }
}

/** By the number of threads, for whoever comes second. */
const trained = new Map<string, Visit["losses"]>();

describe("the built page", () => {
  it("works under a sub-path of a plain static server, without the headers and so with one thread", async () => {
    const { server, url, missed } = await plainServer(join(folder, "nestling/page"));
    try {
      const visit = await trainAndAsk(url);
      expect(visit).toMatchObject({ isolated: false, threads: 1, why: expect.stringContaining("not cross-origin isolated") as string, problems: [], foreign: [] });
      trained.set("one thread", visit.losses);
      expect(missed).toEqual([]);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it("works out of the archive, with the server in it, isolated by its headers, with threads and to the same digits as without", async () => {
    expect([...files.keys()].filter((name) => !name.startsWith("nestling/page/"))).toEqual(["nestling/START.txt", "nestling/serve.mjs"]);
    expect(new TextDecoder().decode(files.get("nestling/START.txt"))).toContain("node serve.mjs");
    const child: ChildProcess = spawn(process.execPath, ["serve.mjs"], { cwd: join(folder, "nestling"), env: { PATH: process.env["PATH"], PORT: "0" }, stdio: ["ignore", "pipe", "inherit"] });
    try {
      const url = await new Promise<string>((resolve, reject) => {
        let text = "";
        child.on("exit", (code) => reject(new Error(`serve.mjs ended with ${code}`)));
        child.stdout!.setEncoding("utf8").on("data", (piece: string) => {
          text += piece;
          const found = /http:\S+/.exec(text);
          if (found) resolve(found[0]);
        });
      });
      const visit = await trainAndAsk(url);
      const threads = threadsFor(availableParallelism());
      expect(visit).toMatchObject({ isolated: true, threads, problems: [], foreign: [] });
      if (threads > 1) expect(visit.why).toContain(`${threads} threads share its work.`);
      expect(visit.losses.map(({ length }) => length > 0)).toEqual([true, true]);
      expect(visit.losses).toEqual(trained.get("one thread"));
    } finally {
      child.kill();
    }
  });
});
