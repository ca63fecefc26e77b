/**
 * Makes the models that ship with the page: trains the default recipe through the built page (`npm run base`), or takes the
 * folder of such a run (`npm run base -- DIR`), and writes both stage ends to public/base as bf16 checkpoints with their hashes.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NestlingError } from "../src/core/errors.ts";
import { isMain, root } from "../src/cli/paths.ts";
import { presets } from "../src/protocol/presets.ts";
import { encodeCheckpoint } from "../src/store/index.ts";
import { readModelFolder } from "../src/store/huggingface.ts";

/** Both models together, so that the page opens quickly. */
const MOST_BYTES = 5 * 2 ** 20;
const IDS = ["shipped-base", "shipped-tuned"] as const;

interface Row {
  readonly type: string;
  readonly stage?: string;
  readonly [field: string]: unknown;
}

function train(): string {
  const out = mkdtempSync(join(tmpdir(), "nestling-base-"));
  const { status } = spawnSync(process.execPath, ["--import", "tsx", "src/cli/train.ts", "--recipe", presets[0]!.name, "--backend", "cpu", "--out", out], { cwd: root, stdio: "inherit" });
  if (status !== 0) throw new NestlingError("COMMAND", `Training the base ended with exit code ${status}.`);
  return out;
}

/** The last evaluation of a stage. */
function figures(rows: readonly Row[], stage: string): { valLoss?: number; oldLoss?: number; quizRight?: number; quizTotal?: number } {
  const last = rows.filter((row) => row.type === "metrics" && row.stage === stage && row["val/loss"] !== undefined).at(-1) ?? { type: "" };
  const pick = (name: string): number | undefined => last[name] as number | undefined;
  return { valLoss: pick("val/loss"), oldLoss: pick("val/old_loss"), quizRight: pick("quiz_right"), quizTotal: pick("quiz_total") };
}

export function ship(folder: string, target: string, createdMs: number): { id: string; bytes: number; sha256: string }[] {
  const recipe = presets[0]!;
  const rows = readFileSync(join(folder, "metrics.jsonl"), "utf8").trim().split("\n").map((line) => JSON.parse(line) as Row);
  const folders = readdirSync(folder).sort();
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  let parent: { id: string; key: string } | null = null;
  let globalStep = 0;
  const shipped = recipe.stages.map((stage, index) => {
    const name = folders.find((entry) => entry.startsWith(`0${index + 1}-`) && entry.endsWith(`-step-${stage.max_iters}`));
    if (!name) throw new NestlingError("COMMAND", `${folder} holds no checkpoint of "${stage.name}" at step ${stage.max_iters}; it holds ${folders.join(", ")}.`);
    const files = new Map(readdirSync(join(folder, name)).map((file) => [file, new Uint8Array(readFileSync(join(folder, name, file)))]));
    const { model, tensors, tokenizer } = readModelFolder(files);
    globalStep += stage.max_iters;
    const id = IDS[index]!;
    const { bytes, manifest, manifestText } = encodeCheckpoint({
      weights: tensors, dtype: "bf16", pinned: true, shipped: true,
      facts: {
        runId: "shipped", parentId: parent?.id ?? null, parentKey: parent?.key ?? null, name: index === 0 ? "The shipped base" : "The shipped base, tuned",
        stage: { index, kind: stage.kind, name: stage.name, finished: true }, step: stage.max_iters, globalStep,
        tokens: recipe.stages.slice(0, index + 1).reduce((sum, each) => sum + each.max_iters * each.batch_size * each.gradient_accumulation_steps * recipe.model.block_size, 0),
        trainMs: 0, recipe, model, tokenizer: tokenizer!, dataHash: "shipped", seed: recipe.seed, engineVersion: "1", device: {}, variants: {},
        metrics: figures(rows, stage.name), metricsOffset: 0, lora: null, resume: null,
      },
    }, { id, createdMs });
    parent = { id, key: manifest.key };
    writeFileSync(join(target, `${id}.safetensors`), bytes);
    writeFileSync(join(target, `${id}.json`), manifestText);
    return { id, bytes: bytes.length, sha256: manifest.file.sha256 };
  });
  const total = shipped.reduce((sum, { bytes }) => sum + bytes, 0);
  if (total > MOST_BYTES) throw new NestlingError("MEM_ESTIMATE", `The shipped models take ${total} bytes; at most ${MOST_BYTES} are allowed.`);
  writeFileSync(join(target, "index.json"), `${JSON.stringify(shipped.map(({ id }) => id))}\n`);
  return shipped;
}

if (isMain(import.meta.url)) {
  const given = process.argv[2];
  const folder = given ?? train();
  for (const { id, bytes, sha256 } of ship(folder, join(root, "public/base"), Date.now())) console.log(`${id}  ${bytes} bytes  sha256 ${sha256}`);
  if (!given) rmSync(folder, { recursive: true });
}
