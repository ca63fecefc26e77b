/** What the page says of a person's data: sizes, readings, what is wrong and what would mend it. Pure sentences; draws nothing. */
import type { CorpusChoices, CorpusPreview, CorpusSummary, ErrorReport, FileLook, OwnFile, OwnUse, TextEncodingChoice } from "../../protocol/index.ts";
import { MANY_EPOCHS, STRANGE, type DataPlan } from "./data-plan.ts";
import { formatBytes, formatCount, formatPercent, formatShort, plural, safeName } from "../shared/format.ts";

export const ENCODINGS: readonly { readonly id: TextEncodingChoice; readonly label: string }[] = [
  { id: "utf-8", label: "UTF-8, the usual" },
  { id: "utf-8-replace", label: "UTF-8, what is wrong replaced" },
  { id: "latin1", label: "Latin-1 (old Windows and Mac texts)" },
  { id: "utf-16le", label: "UTF-16, little endian" },
  { id: "utf-16be", label: "UTF-16, big endian" },
];

/** A way out of a problem, as a button. */
export interface Remedy {
  readonly id: string;
  readonly label: string;
  readonly choices: CorpusChoices;
}

const REMEDY_WORDS: Partial<Record<TextEncodingChoice, string>> = { latin1: "Read as Latin-1", "utf-8-replace": "Replace what is wrong", "utf-16le": "Read as UTF-16", "utf-16be": "Read as UTF-16" };
const BAD_LINES = /^(?:JSONL_PARSE|JSONL_SCHEMA|JSONL_TOO_DEEP|JSONL_LINE_TOO_LONG|CSV_PARSE)$/;

/** Ways out of a problem. An error that was thrown across the worker's border has lost its details; its code still tells. */
export function remediesOf({ code, message, details }: ErrorReport): readonly Remedy[] {
  if (BAD_LINES.test(code)) return [{ id: "skip", label: code === "CSV_PARSE" ? "Leave bad rows out" : "Leave bad lines out", choices: { onBad: "skip" } }];
  const named = Array.isArray(details["remedies"]) ? (details["remedies"] as TextEncodingChoice[]) : code === "DATA_UTF8" ? (["latin1", "utf-8-replace"] as const) : code === "DATA_ENCODING" && !message.includes("UTF-32") ? ([/mark fe ff/.test(message) ? "utf-16be" : "utf-16le"] as const) : [];
  return named.flatMap((encoding) => (REMEDY_WORDS[encoding] === undefined ? [] : [{ id: encoding, label: REMEDY_WORDS[encoding], choices: { encoding } }]));
}

/** Running text and conversations cannot be one corpus; a look shows it where a file's form does. */
export function mixedFiles(preview: CorpusPreview): string {
  const running = preview.kind === "chat" ? preview.files.filter(({ kind, problem }) => kind === "text" && problem === undefined) : [];
  return running.length === 0 ? "" : `${running.map(({ name }) => safeName(name)).slice(0, 3).join(", ")} ${running.length === 1 ? "is" : "are"} running text, and the others are questions with answers. Take one kind out, and add it on its own.`;
}

/** A file in a few words: form and size. */
export function lookWords({ form, gzip, bytes, textBytes }: FileLook): string {
  const kind = { text: "text", csv: "table (CSV)", jsonl: "JSON lines" }[form];
  return gzip ? `${kind}, ${formatBytes(bytes)} packed, ${formatBytes(textBytes)} unpacked` : `${kind}, ${formatBytes(bytes)}`;
}

/** One name for what may be many files. */
export function titleOf(files: readonly OwnFile[]): string {
  const [first, ...rest] = files;
  const name = (first?.name ?? "text").slice(0, 200);
  return rest.length === 0 ? name : `${name.slice(0, 60)} and ${rest.length} more`;
}

/** Two digits: it is an estimate. */
export function tokensWords(tokens: number): string {
  const rounded = Number(tokens.toPrecision(2));
  return `about ${rounded < 1e6 ? formatCount(rounded) : formatShort(rounded)} token${rounded === 1 ? "" : "s"}`;
}

/** How often the text is read. */
export function epochsWords(epochs: number): string {
  if (epochs < 0.95) return `${formatPercent(epochs)} of it read once`;
  if (epochs < 1.05) return "read about once";
  return `read about ${epochs < 9.5 ? Number(epochs.toFixed(1)) : formatCount(Number(epochs.toPrecision(2)))} times`;
}

/** "" where nothing need be said. */
export const epochsWarning = ({ epochs }: DataPlan): string =>
  epochs <= MANY_EPOCHS ? "" : `Read more than ${MANY_EPOCHS} times, so little text is learned by heart rather than learned from. Fewer steps, or more text, helps.`;

/** What the tokenizer means for a use: only a base brings its own, which may not know the text. */
export function tokenizerWords(use: OwnUse, { unknownShare: share, sampled = 1, examples }: Pick<CorpusPreview, "unknownShare" | "sampled" | "examples">): string {
  if (use === "pretrain") return "It makes a tokenizer of its own, so no character is strange to it.";
  if (use === "mixture") return "The tokenizer is made from the whole mixture.";
  const long = examples === undefined ? "" : tooLongWords(examples, sampled);
  if (share === undefined) return long;
  const looked = sampled < 1 ? `the ${formatPercent(sampled)} of it that was looked at` : "it";
  const known = share === 0 ? `The base's tokenizer knows every character of ${looked}.`
    : `The base's tokenizer has no token for ${formatPercent(share)} of ${looked}${share > STRANGE ? ": such characters cost several tokens each, or are lost. Pre-training would make its own." : ", too little to matter."}`;
  return long === "" ? known : `${long} ${known}`;
}

/** What of the conversations the base cannot hold; "" where it holds all. */
function tooLongWords({ seen, tooLong, longest, context }: NonNullable<CorpusPreview["examples"]>, sampled: number): string {
  if (tooLong === 0) return "";
  return `${sampled < 1 ? `Of ${formatCount(seen)} conversations looked at, ${formatCount(tooLong)}` : `${formatCount(tooLong)} of ${plural(seen, "conversation")}`} ${tooLong === 1 ? "is" : "are"} longer than the base's context of ${context} tokens and will be left out; the longest has ${formatCount(longest)}.`;
}

/** What was left out or replaced while reading, for a notice; "" where everything was taken as it is. */
export function leftOutWords({ title, report }: CorpusSummary): string {
  if (report === undefined) return "";
  const { skipped, replaced, problems } = report;
  const said = [
    ...(skipped === 0 ? [] : [`${formatCount(skipped)} ${skipped === 1 ? "line or row" : "lines or rows"} of ${safeName(title)} left out${problems[0] === undefined ? "" : `. The first: ${problems[0].message.split(". Nothing was")[0]}`}.`]),
    ...(replaced === 0 ? [] : [`${plural(replaced, "wrong byte sequence")} of ${safeName(title)} replaced by \u{fffd}.`]),
  ];
  return said.join(" ");
}
