/** The flags of `npm run train`: text in, checked options out. It opens no file and starts nothing. */
import { parseArgs } from "node:util";
import { NestlingError } from "../core/errors.ts";
import type { BackendChoice } from "../protocol/index.ts";
import type { CorpusChoices, CsvChoices, TextEncodingChoice } from "../protocol/own-data.ts";
import { pipelines } from "../protocol/pipelines.ts";
import { presets } from "../protocol/presets.ts";

const BACKENDS: readonly BackendChoice[] = ["auto", "webgpu", "cpu"];
const ENCODINGS: readonly TextEncodingChoice[] = ["utf-8", "utf-8-replace", "latin1", "utf-16le", "utf-16be"];

export interface TrainOptions {
  readonly help: boolean;
  /** A preset's name or a file's. */
  readonly recipe: string;
  /** "path=value", in the order given. */
  readonly sets: readonly string[];
  readonly backend: BackendChoice;
  /** Most optimizer steps of each stage. */
  readonly steps?: number;
  readonly seed?: number;
  readonly out?: string;
  readonly json: boolean;
  /** Files of the person's own text, which together are what the recipe names as the corpus "own". */
  readonly texts: readonly string[];
  /** How those files are read. */
  readonly choices: CorpusChoices;
  /** Asked at the end, in place of those of the run. */
  readonly prompts: readonly string[];
}

export const TRAIN_HELP = `npm run train -- [flags]      trains headlessly through the built page and its worker

  With --json say npm run -s train: npm itself writes two lines on standard output else.

  --recipe NAME|FILE   ${presets.map(({ name }) => name).join(", ")}, or a JSON file (default ${presets[0].name});
                       ${pipelines.map(({ name }) => name).join(", ")} runs several in turn, and prints their tree
  --set FIELD=VALUE    any field of the recipe, by its name where that is enough (n_layer=4,
                       learning_rate=3e-3: every stage's) or by its path (stages.1.max_iters=60); repeatable
  --backend B          ${BACKENDS.join(", ")} (default auto: a real GPU, else the CPU)
  --steps N            at most N optimizer steps a stage; warm-up and evaluations shrink with them
  --seed S             the run's seed
  --text FILE          your own text (.txt, .md, .csv, .jsonl, or one of these as .gz), which a stage
                       reads as the corpus "own"; repeatable, and the files are one corpus then.
                       Questions with answers fine-tune where you name the stage that reads them:
                       --recipe first-light --set 'stages.1.data=[{"corpus":"own","weight":1}]' --text qa.csv
  --encoding E         of those files: ${ENCODINGS.join(", ")}
                       (default ${ENCODINGS[0]}; utf-8-replace puts a mark for each wrong byte)
  --columns C          of those files that are tables: 2 or 1,3 = running text from these columns,
                       1:2 = question and answer (default: judged by names and lengths)
  --skip-bad           leave out and count the lines and rows that cannot be read, in place of refusing the file
  --prompt TEXT        asked of base and tuned model at the end; repeatable
  --out DIR            metrics.jsonl, report.html, and every checkpoint as a folder that transformers opens
  --json               one JSON object a line on standard output, and nothing else there
  --help               this text
`;

/** The flag that does what an error about own files offers; empty where none does. */
export function remedyFlag(code: string, message = ""): string {
  if (code === "DATA_UTF8") return " Here that is --encoding latin1 or --encoding utf-8-replace.";
  if (code === "DATA_ENCODING" || (code === "DATA_BINARY" && message.includes("UTF-16"))) return " Here that is --encoding utf-16le or --encoding utf-16be.";
  return /^(?:JSONL_(?!LIST)|CSV_PARSE$)/.test(code) ? " Here --skip-bad leaves such lines out and counts them." : "";
}

const bad = (message: string): NestlingError => new NestlingError("COMMAND", message);

function wholeNumber(flag: string, text: string | undefined, least: number, most: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw bad(`${flag} is "${text}"; a whole number from ${least} to ${most} is allowed`);
}

/** "2" or "1,3": running text; "1:2": question and answer. */
function columnsOf(text: string | undefined): CsvChoices["columns"] {
  if (text === undefined) return undefined;
  const numbers = text.split(/[,:]/).map(Number);
  if (!/^[1-9]\d*(?:(?:,[1-9]\d*)*|:[1-9]\d*)$/.test(text)) throw bad(`--columns is "${text}"; it takes the numbers of columns, from 1: 2 or 1,3 for running text, 1:2 for a question and its answer`);
  return text.includes(":") ? { question: numbers[0] - 1, answer: numbers[1] - 1 } : { text: numbers.map((column) => column - 1) };
}

/** parseArgs takes "-3" for a flag of its own: "--steps -3" becomes "--steps=-3", and the range is named. */
const joined = (args: readonly string[]): string[] =>
  args.flatMap((arg, i) => (/^--[^=]+$/.test(arg) && /^-\d/.test(args[i + 1] ?? "") ? [`${arg}=${args[i + 1]}`] : /^-\d/.test(arg) && /^--[^=]+$/.test(args[i - 1] ?? "") ? [] : [arg]));

/** @throws NestlingError COMMAND that names the flag and what it allows */
export function parseTrainArgs(args: readonly string[]): TrainOptions {
  const { values, positionals } = readFlags(joined(args));
  if (positionals.length > 0) throw bad(`"${positionals[0]}" belongs to no flag; see --help`);
  const backend = values.backend as BackendChoice;
  if (!BACKENDS.includes(backend)) throw bad(`--backend is "${backend}"; ${BACKENDS.join(", ")} are allowed`);
  for (const set of values.set) if (!/^[^=]+=/.test(set)) throw bad(`--set is "${set}"; it takes FIELD=VALUE, such as n_layer=4`);
  const reading = values.encoding !== undefined ? "--encoding" : values["skip-bad"] ? "--skip-bad" : values.columns !== undefined ? "--columns" : undefined;
  if (reading !== undefined && values.text.length === 0) throw bad(`${reading} says how your own files are read, and --text names none`);
  const encoding = ENCODINGS.find((name) => name === values.encoding);
  if (values.encoding !== undefined && encoding === undefined) throw bad(`--encoding is "${values.encoding}"; ${ENCODINGS.join(", ")} are allowed`);
  const columns = columnsOf(values.columns);
  return {
    help: values.help,
    recipe: values.recipe,
    sets: values.set,
    backend,
    steps: wholeNumber("--steps", values.steps, 1, 10_000_000),
    seed: wholeNumber("--seed", values.seed, 0, 0xffffffff),
    out: values.out,
    json: values.json,
    texts: values.text,
    choices: { ...(encoding === undefined ? {} : { encoding }), ...(values["skip-bad"] ? { onBad: "skip" as const } : {}), ...(columns === undefined ? {} : { csv: { columns } }) },
    prompts: values.prompt,
  };
}

function readFlags(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        recipe: { type: "string", default: presets[0].name },
        set: { type: "string", multiple: true, default: [] },
        backend: { type: "string", default: "auto" },
        steps: { type: "string" },
        seed: { type: "string" },
        out: { type: "string" },
        text: { type: "string", multiple: true, default: [] },
        encoding: { type: "string" },
        columns: { type: "string" },
        "skip-bad": { type: "boolean", default: false },
        prompt: { type: "string", multiple: true, default: [] },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    // parseArgs names the flag; what is allowed stands in the help.
    throw bad(`${(error as Error).message.split("\n")[0]}; see --help`);
  }
}
