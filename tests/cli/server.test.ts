/** The static server: what it answers, what it refuses, and the headers on both. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HEADER_POLICY, META_POLICY, SECURITY_HEADERS } from "../../src/cli/headers.ts";
import { parsePort, openCommand } from "../../src/cli/serve.ts";
import { type Served, serveFolder } from "../../src/cli/server.ts";

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** node:http, since fetch tidies a path up before it sends it. */
function ask(served: Served, path: string, options: { method?: string; host?: string } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = options.host === undefined ? {} : { host: options.host };
    const sent = request({ host: "127.0.0.1", port: served.port, path, method: options.method ?? "GET", headers, agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (piece: string) => (body += piece));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    });
    sent.on("error", reject);
    sent.end();
  });
}

let folder: string;
let served: Served;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "nestling-serve-"));
  mkdirSync(join(folder, "site/assets"), { recursive: true });
  mkdirSync(join(folder, "site-secret"));
  writeFileSync(join(folder, "secret.txt"), "secret");
  writeFileSync(join(folder, "site-secret/a.txt"), "secret");
  writeFileSync(join(folder, "site/index.html"), "<!doctype html>hello");
  writeFileSync(join(folder, "site/assets/a.js"), "1");
  writeFileSync(join(folder, "site/kernels.wasm"), "\0asm");
  writeFileSync(join(folder, "site/.hidden"), "hidden");
  symlinkSync(join(folder, "secret.txt"), join(folder, "site/link.txt"));
  served = await serveFolder(join(folder, "site"), 0);
});

afterAll(async () => {
  await served.close();
  rmSync(folder, { recursive: true });
});

describe("serveFolder", () => {
  it("answers the index for the folder and files by their type", async () => {
    expect(await ask(served, "/?q=1")).toMatchObject({ status: 200, body: "<!doctype html>hello" });
    expect((await ask(served, "/")).headers["content-type"]).toBe("text/html; charset=utf-8");
    expect((await ask(served, "/assets/a.js")).headers["content-type"]).toBe("text/javascript; charset=utf-8");
    expect((await ask(served, "/kernels.wasm")).headers["content-type"]).toBe("application/wasm");
  });

  it("answers HEAD with the length and no body", async () => {
    const answer = await ask(served, "/kernels.wasm", { method: "HEAD" });
    expect(answer).toMatchObject({ status: 200, body: "" });
    expect(answer.headers["content-length"]).toBe("4");
  });

  it.each([
    ["the folder above", "/../secret.txt"],
    ["the folder above, encoded", "/%2e%2e/secret.txt"],
    ["the folder above, slash encoded", "/..%2fsecret.txt"],
    ["a sibling whose name begins alike", "/../site-secret/a.txt"],
    ["a backslash", "/..\\secret.txt"],
    ["a NUL", "/index.html%00.js"],
    ["a broken escape", "/%zz"],
    ["a hidden file", "/.hidden"],
    ["a link that leads outside", "/link.txt"],
    ["a folder without an index", "/assets/"],
    ["a missing file", "/nothing.js"],
  ])("refuses %s", async (_what, path) => {
    const answer = await ask(served, path);
    expect(answer.status).toBe(404);
    expect(answer.body).not.toContain("secret");
  });

  it("sends every security header with every answer, refusals included", async () => {
    const answers = [await ask(served, "/"), await ask(served, "/assets/a.js"), await ask(served, "/nothing"), await ask(served, "/", { method: "POST" })];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 404, 405]);
    for (const { headers } of answers) expect(headers).toMatchObject(SECURITY_HEADERS);
  });

  it("answers to localhost names only, so that a rebound name reads nothing", async () => {
    expect((await ask(served, "/", { host: "evil.example" })).status).toBe(421);
    expect((await ask(served, "/", { host: "localhost.evil.example:80" })).status).toBe(421);
    expect((await ask(served, "/", { host: `localhost:${served.port}` })).status).toBe(200);
  });

  it("takes the next port where the first is taken", async () => {
    const second = await serveFolder(join(folder, "site"), served.port);
    expect(second.port).toBeGreaterThan(served.port);
    await second.close();
  });

  it("says what to do where there is nothing to serve", async () => {
    await expect(serveFolder(join(folder, "none"), 0)).rejects.toThrow(/npm run build/);
  });
});

describe("the policy", () => {
  it("forbids by default, allows no inline script and no eval, and asks for trusted types", () => {
    const directives = HEADER_POLICY.split("; ");
    expect(directives).toContain("default-src 'none'");
    expect(directives).toContain("script-src 'self' 'wasm-unsafe-eval'");
    expect(directives).toContain("require-trusted-types-for 'script'");
    expect(HEADER_POLICY).not.toMatch(/'unsafe-inline'|'unsafe-eval'|https?:|\*/);
  });

  it("is the same in the page, less what only a header can say", () => {
    expect(HEADER_POLICY.replace("; frame-ancestors 'none'", "")).toBe(META_POLICY);
    expect(META_POLICY).not.toContain("frame-ancestors");
  });
});

describe("npm start", () => {
  it("opens the address only where somebody would see it", () => {
    expect(openCommand("linux", {})).toBeNull();
    expect(openCommand("linux", { DISPLAY: ":0" })).toEqual(["xdg-open"]);
    expect(openCommand("linux", { WAYLAND_DISPLAY: "wayland-0" })).toEqual(["xdg-open"]);
    expect(openCommand("linux", { DISPLAY: ":0", CI: "true" })).toBeNull();
    expect(openCommand("darwin", {})).toEqual(["open"]);
  });

  it("refuses a port that is none", () => {
    expect(parsePort("8080")).toBe(8080);
    for (const text of ["", "abc", "-1", "65536", "1e3", "80.5"]) expect(() => parsePort(text)).toThrow(/0 to 65535/);
  });
});
