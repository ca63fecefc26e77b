/**
 * Finds a Chrome or Chromium, or gets one, and starts it for a headless run with WebGPU. It ends what it started and
 * nothing else. It knows nothing of the page.
 */
import { execFile, spawn } from "node:child_process";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Browser } from "puppeteer";
import { NestlingError } from "../core/errors.ts";

const run = promisify(execFile);
const ICD = "vk_swiftshader_icd.json";
const NO_BROWSER =
  "no Chrome or Chromium was found and none could be installed; install Chrome, or set PUPPETEER_EXECUTABLE_PATH to a browser's program";

/** Which adapter a headless run is for: Chrome's software one, or the machine's GPU (`NESTLING_ADAPTER=real`). */
export type AdapterChoice = "software" | "real";

export function adapterChoice(env: NodeJS.ProcessEnv = process.env): AdapterChoice {
  return env["NESTLING_ADAPTER"] === "real" ? "real" : "software";
}

/** Where a browser that puppeteer did not install may stand, best first. */
function systemPlaces(env: NodeJS.ProcessEnv): string[] {
  if (process.platform === "darwin") {
    const apps = ["Google Chrome", "Chromium", "Google Chrome Canary"];
    return ["/Applications", join(homedir(), "Applications")].flatMap((root) => apps.map((app) => join(root, `${app}.app/Contents/MacOS/${app}`)));
  }
  if (process.platform === "win32") {
    const roots = [env["PROGRAMFILES"], env["PROGRAMFILES(X86)"], env["LOCALAPPDATA"]].filter((root) => root !== undefined);
    return roots.flatMap((root) => ["Google\\Chrome", "Chromium"].map((name) => join(root, name, "Application", "chrome.exe")));
  }
  const names = ["google-chrome-stable", "google-chrome", "chromium", "chromium-browser"];
  const folders = (env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return names.flatMap((name) => [...folders, "/usr/bin", "/opt/google/chrome"].map((folder) => join(folder, name)));
}

/** The Chrome that this puppeteer keeps in its cache, where it has been installed. The headless shell is no answer: it has no WebGPU. */
async function cachedBrowser(): Promise<string | null> {
  const { default: puppeteer } = await import("puppeteer");
  try {
    const path = puppeteer.executablePath();
    return existsSync(path) ? path : null;
  } catch {
    return null;
  }
}

/** Ubuntu's chromium-browser is a script that only tells to install a snap: a program that cannot say its version is none. */
async function answers(path: string): Promise<boolean> {
  if (!existsSync(path)) return false;
  if (process.platform === "win32") return true;
  return run(path, ["--version"], { timeout: 20_000 }).then(
    ({ stdout }) => /chrom/i.test(stdout),
    () => false,
  );
}

/**
 * The browser's program: `PUPPETEER_EXECUTABLE_PATH`, puppeteer's cache, then the system's own; null where there is none.
 * @throws NestlingError COMMAND where PUPPETEER_EXECUTABLE_PATH names a file that does not exist
 */
export async function findBrowser(env: NodeJS.ProcessEnv = process.env): Promise<string | null> {
  const named = env["PUPPETEER_EXECUTABLE_PATH"];
  if (named !== undefined && named !== "") {
    if (existsSync(named)) return named;
    throw new NestlingError("COMMAND", `PUPPETEER_EXECUTABLE_PATH names ${named}, which does not exist; correct or unset it`, { named });
  }
  const cached = await cachedBrowser();
  if (cached !== null) return cached;
  for (const place of systemPlaces(env)) if (await answers(place)) return place;
  return null;
}

/** Runs a program with its output on standard error (standard output belongs to the caller's own lines). */
function runAloud(program: string, args: readonly string[], extra: NodeJS.ProcessEnv = {}): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ["ignore", 2, 2], env: { ...process.env, ...extra } });
    child.on("error", () => resolve(false));
    child.on("exit", (code) => resolve(code === 0));
  });
}

const installers: readonly { readonly what: string; possible(): boolean; install(): Promise<boolean> }[] = [
  {
    what: "puppeteer browsers install chrome",
    possible: () => true,
    install: async () => {
      const program = fileURLToPath(new URL("../../node_modules/puppeteer/lib/cjs/puppeteer/node/cli.js", import.meta.url));
      return runAloud(process.execPath, [program, "browsers", "install", "chrome"], { PUPPETEER_SKIP_DOWNLOAD: "false" });
    },
  },
  {
    what: "apt-get install -y chromium",
    possible: () => process.platform === "linux" && process.getuid?.() === 0 && existsSync("/etc/debian_version"),
    install: async () => {
      const quiet = { DEBIAN_FRONTEND: "noninteractive" };
      await runAloud("apt-get", ["update"], quiet);
      return runAloud("apt-get", ["install", "-y", "chromium"], quiet);
    },
  },
];

/**
 * The browser's program, fetched where none is on the machine.
 * @throws NestlingError COMMAND with what to do, where nothing worked
 */
export async function getBrowser(): Promise<string> {
  const found = await findBrowser();
  if (found !== null) return found;
  for (const { what, possible, install } of installers) {
    if (!possible()) continue;
    process.stderr.write(`No browser here; trying: ${what}\n`);
    await install();
    const now = await findBrowser();
    if (now !== null) return now;
  }
  throw new NestlingError("COMMAND", NO_BROWSER);
}

/**
 * SwiftShader's loader file beside a browser's program, for `VK_ICD_FILENAMES`: with it Dawn in Node runs on the same
 * software adapter as the page. Null where the browser brings none (macOS).
 */
export function swiftShaderIcd(executable: string): string | null {
  const folders = [dirname(executable)];
  try {
    const real = realpathSync(executable);
    folders.push(dirname(real));
    // Debian's /usr/bin/chromium is a script; it names the folder that the program stands in.
    if (readFileSync(real).subarray(0, 2).toString("latin1") === "#!") {
      for (const [, folder] of readFileSync(real, "utf8").matchAll(/(\/(?:usr\/lib|opt|snap)\/[\w./-]+)/g)) folders.push(folder, dirname(folder));
    }
  } catch {
    // A program that cannot be read has no folder to look in.
  }
  folders.push("/usr/lib/chromium", "/usr/lib/chromium-browser", "/opt/google/chrome");
  return folders.map((folder) => join(folder, ICD)).find((file) => existsSync(file)) ?? null;
}

/** Flags of a headless run. `--enable-unsafe-webgpu` alone gives the software adapter; the Vulkan flags would take it away. */
export function launchFlags(adapter: AdapterChoice, root: boolean = process.getuid?.() === 0): string[] {
  return [
    "--enable-unsafe-webgpu",
    ...(adapter === "real" && process.platform === "linux" ? ["--enable-features=Vulkan", "--use-angle=vulkan", "--ignore-gpu-blocklist"] : []),
    ...(root ? ["--no-sandbox"] : []),
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    // A headless page counts as hidden; its timers and worker would be slowed.
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
  ];
}

export interface LaunchOptions {
  readonly adapter?: AdapterChoice;
  readonly extraFlags?: readonly string[];
  /** A profile that outlives the browser (a relaunch test's own); absent = a fresh one, removed at the end. */
  readonly userDataDir?: string;
}

export interface LaunchedBrowser {
  readonly browser: Browser;
  readonly userDataDir: string;
  /** Ends the browser that was started here, and removes the profile that was made here. */
  close(): Promise<void>;
}

/** Starts a headless browser with an empty profile of its own. @throws NestlingError COMMAND where there is no browser */
export async function launchBrowser(options: LaunchOptions = {}): Promise<LaunchedBrowser> {
  const executablePath = await getBrowser();
  const { default: puppeteer } = await import("puppeteer");
  const userDataDir = options.userDataDir ?? (await mkdtemp(join(tmpdir(), "nestling-browser-")));
  const browser = await puppeteer.launch({
    executablePath,
    headless: true,
    pipe: true,
    userDataDir,
    args: [...launchFlags(options.adapter ?? adapterChoice()), ...(options.extraFlags ?? [])],
    protocolTimeout: 600_000,
    // Signals are the caller's business: it has a run to stop first.
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
  });
  const own = browser.process();
  return {
    browser,
    userDataDir,
    close: async () => {
      const closed = browser.close().catch(() => undefined);
      const slow = new Promise<"slow">((resolve) => setTimeout(() => resolve("slow"), 10_000).unref());
      if ((await Promise.race([closed, slow])) === "slow") own?.kill("SIGKILL");
      if (options.userDataDir === undefined) await rm(userDataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}
