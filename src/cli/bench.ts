/** `npm run bench`: the suites of the built page's own engine, headlessly, as a table and as files. Times nothing itself. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { toCsv, toJson, toMarkdown } from "../bench/writers.ts";
import { NestlingError } from "../core/errors.ts";
import { DTYPES, MOST_SIZE, SUITES, type BenchRequest, type BenchResult, type Suite } from "../protocol/bench.ts";
import type { BackendChoice, EngineEvent } from "../protocol/index.ts";
import type { Dtype } from "../protocol/recipe.ts";
import { adapterChoice, launchFlags } from "./browser.ts";
import { DIST, ensurePage } from "./build.ts";
import { isMain, root } from "./paths.ts";
import { Session } from "./session.ts";

const BACKENDS: readonly BackendChoice[] = ["auto", "webgpu", "cpu"];
const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

export const BENCH_HELP = `npm run bench -- [flags]      times the kernels that train, each only after its result was checked

  --suite S         ${SUITES.join(", ")}, or all (default all; several: --suite matmul,step)
  --backend B       ${BACKENDS.join(", ")} (default auto: a real GPU, else the CPU; webgpu takes a software adapter too)
  --quick           about 30 seconds: fewer shapes and samples
  --buffers B       hot (default), or rotating: four sets of buffers in turn, so that caches do not hold them
  --product M,N,K   one more product to time
  --contexts T,...  contexts to time attention over, in place of the usual ones
  --dtype D         how the steps that are timed store numbers: ${DTYPES.join(", ")}, or all (default float32; several: --dtype float32,float16)
  --label TEXT      your name for this machine, kept in the result
  --json FILE       the result, for bench/results and for comparing
  --csv FILE        the rows
  --markdown FILE   the tables that are printed
  --help            this text
`;

export interface BenchOptions {
  readonly help: boolean;
  readonly backend: BackendChoice;
  readonly request: BenchRequest;
  readonly label?: string;
  readonly files: readonly { readonly path: string; readonly write: (result: BenchResult) => string }[];
}

const refuse = (message: string): never => {
  throw new NestlingError("COMMAND", `${message} npm run bench -- --help lists the flags.`);
};

/** @throws NestlingError COMMAND naming the flag, what was given and what is allowed */
export function parseBenchArgs(args: readonly string[]): BenchOptions {
  const flag = { type: "string" } as const;
  let values;
  try {
    ({ values } = parseArgs({ args: [...args], options: { suite: flag, backend: flag, quick: { type: "boolean" }, buffers: flag, product: flag, contexts: flag, dtype: flag, label: flag, json: flag, csv: flag, markdown: flag, help: { type: "boolean" } } }));
  } catch (error) {
    return refuse(error instanceof Error ? `${error.message}.` : String(error));
  }
  const named = (values.suite ?? "all").split(",").map((suite) => suite.trim());
  const suites = named.flatMap((suite): readonly Suite[] => (suite === "all" ? SUITES : SUITES.includes(suite as Suite) ? [suite as Suite] : refuse(`--suite is "${suite}"; ${SUITES.join(", ")} and all are there.`)));
  const backend = BACKENDS.find((each) => each === (values.backend ?? "auto")) ?? refuse(`--backend is "${values.backend}"; ${BACKENDS.join(", ")} are there.`);
  const buffers = (["hot", "rotating"] as const).find((each) => each === (values.buffers ?? "hot")) ?? refuse(`--buffers is "${values.buffers}"; hot and rotating are there.`);
  const sizes = values.product?.split(",").map(Number);
  const isSize = (size: number): boolean => Number.isInteger(size) && size > 0 && size <= MOST_SIZE;
  if (sizes && (sizes.length !== 3 || !sizes.every(isSize))) refuse(`--product is "${values.product}"; it takes three whole numbers from 1 to ${MOST_SIZE}, such as 512,128,1024.`);
  const contexts = values.contexts?.split(",").map(Number);
  if (contexts && !contexts.every(isSize)) refuse(`--contexts is "${values.contexts}"; it takes whole numbers from 1 to ${MOST_SIZE}, such as 128,2048.`);
  const dtypes = values.dtype?.split(",").flatMap((dtype): readonly Dtype[] => (dtype.trim() === "all" ? DTYPES : [DTYPES.find((each) => each === dtype.trim()) ?? refuse(`--dtype is "${values.dtype}"; ${DTYPES.join(", ")} and all are there.`)]));
  const files = [
    ...(values.json === undefined ? [] : [{ path: values.json, write: toJson }]), ...(values.csv === undefined ? [] : [{ path: values.csv, write: toCsv }]),
    ...(values.markdown === undefined ? [] : [{ path: values.markdown, write: toMarkdown }]),
  ];
  return {
    help: values.help === true, backend, files, ...(values.label === undefined ? {} : { label: values.label }),
    request: { suites: [...new Set(suites)], buffers, ...(values.quick ? { quick: true } : {}), ...(sizes ? { product: { M: sizes[0]!, N: sizes[1]!, K: sizes[2]! } } : {}), ...(contexts ? { contexts } : {}), ...(dtypes ? { dtypes: [...new Set(dtypes)] } : {}) },
  };
}

/** Runs the command and returns its exit status. */
export async function bench(args: readonly string[]): Promise<number> {
  const { help, backend, request, label, files } = parseBenchArgs(args);
  if (help) {
    process.stdout.write(BENCH_HELP);
    return EXIT.done;
  }
  await ensurePage();
  let session: Session | null = null;
  let interrupted = false;
  const onInterrupt = (): void => {
    if (interrupted) process.exit(EXIT.interrupted);
    interrupted = true;
    process.stderr.write("Stopping after what is being timed; press again to end at once.\n");
    void session?.stopBench().catch(() => undefined);
  };
  process.on("SIGINT", onInterrupt);
  const words = (text: string): void => void process.stderr.write(`${text}\n`);
  const events = (list: readonly EngineEvent[]): void => {
    for (const event of list) if (event.type === "bench" && event.what !== undefined) words(`${event.done + 1} of ${event.total}: ${event.what}`);
  };
  try {
    session = await Session.open({ events, words }, join(root, DIST));
    const { device } = await session.start(backend);
    words(`${device.name}: ${device.why}`);
    const result = await session.bench(request, { flags: launchFlags(adapterChoice()), ...(label === undefined ? {} : { label }) });
    process.stdout.write(toMarkdown(result));
    for (const { path, write } of files) {
      await writeFile(path, write(result)).catch((error: NodeJS.ErrnoException) => refuse(`"${path}" cannot be written (${error.code ?? error.message}).`));
      words(`wrote ${path}`);
    }
    return result.rows.some(({ status }) => /^(wrong|failed)/.test(status)) ? EXIT.failed : EXIT.done;
  } finally {
    process.off("SIGINT", onInterrupt);
    await session?.close();
  }
}

if (isMain(import.meta.url)) {
  bench(process.argv.slice(2)).then(
    (status) => process.exit(status),
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
      const code = error instanceof NestlingError ? error.code : "";
      process.exit(code === "COMMAND" ? EXIT.usage : code === "CANCELLED" ? EXIT.interrupted : EXIT.failed);
    },
  );
}
