/** Made-up looks at dropped files for the stub engine: what a file's name says is wrong with it, is. */
import type { CorpusChoices, CorpusPreview, CorpusSummary, FileLook, OwnFile } from "../../src/protocol/index.ts";

const SAMPLE = "Once upon a time there was a fox who lived under the old bridge. Every evening he came out, looked at the water, and asked it where it was going. ".repeat(4);
const COLUMNS = ["id", "question", "answer"];
const ROWS = [["1", "Who lives under the bridge?", "A fox lives there."], ["2", "What does he ask the water?", "Where it is going."]];

function lookOf({ name, data }: OwnFile, choices: CorpusChoices): FileLook {
  const gzip = name.endsWith(".gz");
  const form = /\.jsonl(\.gz)?$/.test(name) ? "jsonl" : /\.csv(\.gz)?$/.test(name) ? "csv" : "text";
  const look = { name, form, gzip, bytes: data.size, textBytes: gzip ? data.size * 3 : data.size } as const;
  if (name.includes("latin") && (choices.encoding ?? "utf-8") === "utf-8") {
    return { ...look, problem: { code: "DATA_UTF8", message: `"${name}" is not UTF-8: byte 1042 (0xe9) cannot stand there. Nothing was changed. Save it as UTF-8, or open it as Latin-1, or with each wrong byte replaced.`, details: { offset: 1042, remedies: ["latin1", "utf-8-replace"] } } };
  }
  if (name.includes("bad") && choices.onBad !== "skip") {
    return { ...look, problem: { code: "JSONL_PARSE", message: `"${name}", line 17: it is not JSON at column 4. Nothing was changed; mend it, or skip what cannot be read.`, details: { line: 17 } } };
  }
  if (form !== "csv") return look;
  return { ...look, csv: { delimiter: choices.csv?.delimiter ?? ",", header: choices.csv?.header ?? true, columns: COLUMNS, rows: ROWS, chosen: choices.csv?.columns ?? { question: 1, answer: 2 } } };
}

export function stubPreview(files: readonly OwnFile[], choices: CorpusChoices, known: boolean): CorpusPreview {
  const looks = files.map((file) => lookOf(file, choices));
  const bytes = looks.reduce((sum, look) => sum + look.bytes, 0);
  const textBytes = looks.reduce((sum, look) => sum + look.textBytes, 0);
  const chat = looks.some(({ form, csv }) => form === "jsonl" || (csv !== undefined && "question" in csv.chosen));
  return {
    kind: chat ? "chat" : "text", files: looks, bytes, textBytes, sample: SAMPLE.slice(0, 600),
    ...(known ? { tokens: Math.max(1, Math.round(textBytes / 3)), unknownShare: 0.031 } : {}),
    suggested: chat || textBytes < 200_000 ? "finetune" : textBytes < 2_000_000 ? "mixture" : "pretrain",
    why: chat ? "Questions with answers teach a model that knows the language how to answer." : `${Math.max(1, Math.round(textBytes / 1000))} kB of text is too little to learn a language from, and enough to change how a trained model writes.`,
  };
}

/** One of its kind for each title. */
export function stubCorpus(title: string, files: readonly OwnFile[], choices: CorpusChoices, count: number): CorpusSummary {
  const { kind, bytes } = stubPreview(files, choices, false);
  const skipped = choices.onBad === "skip" ? 1 : 0;
  const problems = skipped === 0 ? [] : [{ code: "JSONL_PARSE", message: `"${title}", line 17: it is not JSON at column 4. Nothing was changed; mend it, or skip what cannot be read.`, details: {} }];
  return {
    id: `own:0123abcd${count === 0 ? "" : count}`, title, description: kind === "chat" ? "40 examples." : `Your text, ${bytes} characters.`, bytes, kind,
    report: { files: files.map(({ name }) => name), sourceBytes: bytes, documents: 1, characters: bytes, skipped, problems, replaced: choices.encoding === "utf-8-replace" ? 2 : 0, blank: 0 },
  };
}
