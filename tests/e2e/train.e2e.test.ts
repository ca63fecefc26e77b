/** `npm run train` as a person types it: through the built page and its worker, both stages, on both backends. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { root } from "../../src/cli/paths.ts";
import { train as inProcess, USAGE_CODES } from "../../src/cli/train.ts";
import type { NestlingError } from "../../src/core/errors.ts";
import { parseSafetensorsHeader } from "../../src/store/safetensors.ts";

interface Ran {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}
type Line = Readonly<Record<string, unknown>> & { readonly type: string };

/** The smallest model that has more than one head, so that every kernel has something to do. */
const MICRO = ["n_layer=1", "n_head=2", "n_embd=32", "block_size=32", "batch_size=4", "vocab_size=300", "eval_iters=2"].flatMap((set) => ["--set", set]);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "nestling-train-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** @param watch sees standard output and standard error as they grow, and may signal the program */
function train(args: readonly string[], watch: (out: string, kill: (signal: NodeJS.Signals) => void) => void = () => undefined): Promise<Ran> {
  return new Promise((resolve, reject) => {
    // A folder for temporary files of its own: what is left in it was left behind.
    const child = spawn(process.execPath, ["--import", "tsx", "src/cli/train.ts", ...args], { cwd: root, env: { ...process.env, TMPDIR: folder }, stdio: ["ignore", "pipe", "pipe"] });
    let [out, err] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (piece: string) => {
      out += piece;
      watch(out, (signal) => child.kill(signal));
    });
    child.stderr.setEncoding("utf8").on("data", (piece: string) => {
      err += piece;
      watch(err, (signal) => child.kill(signal));
    });
    child.on("error", reject);
    child.on("close", (status) => resolve({ status, out, err }));
  });
}

const linesOf = (text: string): Line[] =>
  text.trim().split("\n").map((line) => JSON.parse(line) as Line);
const profiles = (): string[] => readdirSync(folder).filter((name) => name.startsWith("nestling-browser-"));

describe("npm run train --recipe full-pipeline", () => {
  it("trains every node on top of its parent's end, and prints the tree, with each node's evaluations and what it forgot", async () => {
    const out = join(folder, "pipeline");
    const { status, out: printed, err } = await train(["--recipe", "full-pipeline", "--backend", "cpu", "--steps", "3", ...MICRO, "--set", "block_size=64", "--json", "--out", out]);
    expect(err).not.toMatch(/error/i);
    expect(status).toBe(0);
    const tree = linesOf(printed).find(({ type }) => type === "tree") as unknown as { nodes: { id: string; parent: string | null; steps: number; evaluations: Record<string, unknown>[] }[] };
    expect(tree.nodes.map(({ id, parent, steps }) => [id, parent, steps])).toEqual([["pre-train", null, 3], ["mid-train", "pre-train", 3], ["sft", "mid-train", 3], ["sft-lora", "mid-train", 3], ["dpo", "sft", 3]]);
    const last = (id: string): Record<string, unknown> => tree.nodes.find((node) => node.id === id)!.evaluations.at(-1)!;
    for (const { id } of tree.nodes) expect(typeof last(id)["val/loss"], id).toBe("number");
    expect(Object.keys(last("dpo")["val/earlier"] as object)).toEqual(["Pre-training", "Mid-training", "Answers"]);
    expect(last("dpo")["val/preferred"]).toBeGreaterThanOrEqual(0);
    // Both siblings begin where mid-training ended.
    const [full, low] = ["sft", "sft-lora"].map((id) => tree.nodes.find((node) => node.id === id)!.evaluations[0]!["val/loss"]);
    expect(low).toBeCloseTo(full as number, 5);
    expect(readdirSync(out).sort()).toEqual(["dpo", "metrics.jsonl", "mid-train", "pre-train", "sft", "sft-lora"]);
    expect(new Set(readFileSync(join(out, "metrics.jsonl"), "utf8").trim().split("\n").map((line) => (JSON.parse(line) as { node: string }).node)).size).toBe(5);
  }, 240_000);
});

describe("npm run train --json --out", () => {
  const steps = 8;
  let ran: Ran;
  let lines: Line[];
  beforeAll(async () => {
    ran = await train(["--backend", "cpu", "--steps", String(steps), "--seed", "3", ...MICRO, "--json", "--out", join(folder, "out")]);
    lines = ran.status === 0 ? linesOf(ran.out) : [];
  }, 240_000);

  it("ends well, with one JSON object a line and nothing else on standard output", () => {
    expect(ran.err).not.toContain("Error");
    expect(ran.status).toBe(0);
    expect(lines[0]).toMatchObject({ type: "device", kind: "cpu" });
    expect(lines[lines.length - 1]).toMatchObject({ type: "summary", outcome: "finished", seed: 3, backend: "cpu" });
  });

  it("gives every step of both stages with loss, rate, gradient norm and speed", () => {
    for (const stage of ["Pre-training", "Fine-tuning"]) {
      const rows = lines.filter((line) => line.type === "metrics" && line["stage"] === stage && line["train/loss"] !== undefined);
      expect(rows.map((row) => row["step"])).toEqual(Array.from({ length: steps }, (_, i) => i + 1));
      for (const row of rows) for (const name of ["train/loss", "lr", "grad_norm", "tokens_per_sec"]) expect(row[name], name).toBeTypeOf("number");
      expect(lines.some((line) => line["stage"] === stage && typeof line["val/loss"] === "number")).toBe(true);
    }
  });

  it("puts the same questions to the base and to the tuned model", () => {
    const answers = lines.filter(({ type }) => type === "answer");
    expect(answers).toHaveLength(4);
    for (const answer of answers) for (const side of ["prompt", "expected", "base", "tuned"]) expect(answer[side], side).toBeTypeOf("string");
  });

  it("keeps the metrics, and every checkpoint as a folder that transformers opens", () => {
    const metrics = linesOf(readFileSync(join(folder, "out/metrics.jsonl"), "utf8"));
    expect(metrics).toEqual(lines.filter(({ type }) => type === "metrics"));
    const folders = readdirSync(join(folder, "out")).filter((name) => !name.includes(".")).sort();
    expect(folders).toEqual([`01-pre-training-step-${steps}`, `02-fine-tuning-step-${steps}`]);
    for (const name of folders) {
      const read = (file: string): Buffer => readFileSync(join(folder, "out", name, file));
      expect(JSON.parse(read("config.json").toString())).toMatchObject({ model_type: "gpt2", n_layer: 1, n_head: 2, n_embd: 32 });
      expect(JSON.parse(read("tokenizer.json").toString())).toHaveProperty("model.vocab");
      const header = parseSafetensorsHeader(new Uint8Array(read("model.safetensors")));
      expect([...header.tensors.keys()].some((tensor) => tensor.endsWith("h.0.attn.c_attn.weight"))).toBe(true);
    }
  });

  it("leaves no browser profile behind", () => {
    expect(profiles()).toEqual([]);
  });
});

describe("npm run train", () => {
  it("gives a pipe nothing but JSON as the README has it, npm's own lines included", async () => {
    const ran = await new Promise<Ran>((resolve, reject) => {
      const child = spawn("npm", ["run", "-s", "train", "--", "--backend", "cpu", "--steps", "1", ...MICRO, "--json", "--out", join(folder, "piped")], { cwd: root, env: { ...process.env, TMPDIR: folder }, stdio: ["ignore", "pipe", "pipe"] });
      let [out, err] = ["", ""];
      child.stdout.setEncoding("utf8").on("data", (piece: string) => (out += piece));
      child.stderr.setEncoding("utf8").on("data", (piece: string) => (err += piece));
      child.on("error", reject);
      child.on("close", (status) => resolve({ status, out, err }));
    });
    expect(ran.status).toBe(0);
    expect(linesOf(ran.out).map(({ type }) => type)).toContain("summary");
    expect(readFileSync(join(folder, "piped", "report.html"), "utf8")).toContain("<svg ");
  });

  it("refuses a folder for its output that is a file, by its name", async () => {
    const { status, err } = await train(["--steps", "1", "--out", join(root, "package.json")]);
    expect([status, err]).toEqual([2, expect.stringMatching(/^\[?COMMAND\]?.*--out is ".*package\.json", which cannot be a folder \(EEXIST\)/)]);
  });

  it("trains through WebGPU when that is asked for", async () => {
    const { status, out, err } = await train(["--backend", "webgpu", "--steps", "2", ...MICRO, "--set", "eval_interval=0", "--prompt", "Hello", "--json"]);
    expect(err).not.toContain("[GPU_");
    expect(status).toBe(0);
    const lines = linesOf(out);
    expect(lines[0]).toMatchObject({ type: "device", kind: "webgpu" });
    expect(lines[lines.length - 1]).toMatchObject({ outcome: "finished" });
  });

  it("stops after the step in flight on Ctrl-C, and keeps what was trained", async () => {
    let pressed = false;
    const { status, out } = await train(["--backend", "cpu", ...MICRO, "--json", "--out", join(folder, "stopped")], (text, kill) => {
      if (pressed || text.split('"train/loss"').length < 6) return;
      pressed = true;
      kill("SIGINT");
    });
    expect(status).toBe(130);
    const summary = linesOf(out).at(-1) as Line & { checkpoints: { step: number; folder: string }[] };
    expect(summary).toMatchObject({ type: "summary", outcome: "stopped" });
    expect(summary.checkpoints).toHaveLength(1);
    expect(summary.checkpoints[0].step).toBeGreaterThanOrEqual(5);
    expect(existsSync(join(summary.checkpoints[0].folder, "model.safetensors"))).toBe(true);
    expect(profiles()).toEqual([]);
  });

  it("trains on several own files as one corpus, leaves out and counts bad lines when told to, and its report says how to repeat it", async () => {
    const line = (i: number): string => `{"text":"Once upon a time there was a fox, and its number was ${i}."}\n`;
    const [first, second, out] = ["a.jsonl", "b.jsonl.gz", "own"].map((name) => join(folder, name)) as [string, string, string];
    writeFileSync(first, `${Array.from({ length: 60 }, (_, i) => line(i)).join("")}nope\n`);
    writeFileSync(second, gzipSync(line(60)));
    const args = ["--recipe", "your-text", "--backend", "cpu", "--steps", "2", ...MICRO, "--json", "--text", first, "--text", second];
    const stopped = await train(args);
    expect([stopped.status, linesOf(stopped.out).map(({ type }) => type), stopped.err]).toEqual([1, ["device"], expect.stringMatching(/\[JSONL_PARSE\] "a\.jsonl", line 61: .*--skip-bad/)]);
    const ran = await train([...args, "--skip-bad", "--out", out]);
    expect(ran.err).toMatch(/^61 documents, \d+ characters, 1 left out\.$/m);
    expect(ran.err).toMatch(/^The first that was left out: "a\.jsonl", line 61/m);
    expect(linesOf(ran.out)[1]).toMatchObject({ type: "data", documents: 61, skipped: 1, problems: [expect.stringContaining("line 61")] });
    expect([ran.status, linesOf(ran.out).at(-1)]).toEqual([0, expect.objectContaining({ outcome: "finished" })]);
    expect(readFileSync(join(out, "report.html"), "utf8")).toContain("--recipe FILE --text YOUR-FILE");
  }, 120_000);

  it("ends the reading of an own file on Ctrl-C, and keeps nothing", async () => {
    const file = join(folder, "long.txt");
    writeFileSync(file, "Once upon a time there was a fox.\n".repeat(4e6));
    let pressed = false;
    const { status, out, err } = await train(["--recipe", "your-text", "--backend", "cpu", "--json", "--text", file], (text, kill) => {
      if (pressed || !text.includes("Reading ")) return;
      pressed = true;
      setTimeout(() => kill("SIGINT"), 300);
    });
    expect([status, err]).toEqual([130, expect.stringMatching(/\[CANCELLED\]/)]);
    expect(linesOf(out).map(({ type }) => type)).toEqual(["device"]);
    rmSync(file);
  });

  it("does not read an own file itself: one over the limit is refused by its size, at once", async () => {
    const file = join(folder, "large.txt");
    writeFileSync(file, "");
    truncateSync(file, 9 * 2 ** 30);
    const { status, err } = await train(["--recipe", "your-text", "--backend", "cpu", "--text", file]);
    expect([status, err]).toEqual([1, expect.stringMatching(/\[DATA_TOO_LARGE\] "large\.txt" has 9663676416 bytes; at most 8589934592 are read/)]);
  });

  it.each([
    [["--backend", "cuda"], "auto, webgpu, cpu"],
    [["--recipe", "none-such"], "first-light"],
    [["--set", "n_layer=0"], "1 to 48"],
    [["--steps", "many"], "whole number"],
    [["--recipe", "your-text", "--text", "none-such.txt"], "does not exist"],
    [["--recipe", "your-text", "--text", "src"], "is no file"],
    [["--recipe", "your-text"], "--text FILE"],
    [["--text", "package.json"], "no stage of the recipe"],
  ])("refuses %j before the page is built or a browser started, by what is allowed", async (args, allowed) => {
    const refused = await inProcess(args, () => expect.unreachable("built")).catch((error: unknown) => error);
    expect(String(refused)).toContain(allowed);
    expect(USAGE_CODES).toContain((refused as NestlingError).code);
  });

  it("says what it refuses on standard error alone, and ends with status 2", async () => {
    const { status, out, err } = await train(["--set", "n_layer=0"]);
    expect([status, out, err]).toEqual([2, "", expect.stringContaining("1 to 48")]);
  });

  it("explains itself with --help", async () => {
    const { status, out } = await train(["--help"]);
    expect([status, out.includes("--recipe NAME|FILE")]).toEqual([0, true]);
  });
});
