/** Checks of a person's files and choices as they come over the worker's border. */
import { NestlingError } from "../core/errors.ts";
import { DELIMITERS } from "../data/ingest/csv.ts";
import type { CorpusChoices, CsvChoices, OwnFile } from "../protocol/own-data.ts";
import * as check from "./check.ts";

const MOST_FILES = 1000;
const ENCODINGS = ["utf-8", "utf-8-replace", "latin1", "utf-16le", "utf-16be"] as const;

/** One file under the corpus's name, or several with their own. */
export function ownFiles(title: string, data: unknown): OwnFile[] {
  if (!Array.isArray(data)) return [{ name: title, data: check.blob("data", data) }];
  if (data.length < 1 || data.length > MOST_FILES) throw new NestlingError("COMMAND", `${data.length} files were given; 1 to ${MOST_FILES} are taken at once.`, { name: "data" });
  return data.map((file: Partial<OwnFile> | null) => ({ name: check.text("name of a file", file?.name, 1000), data: check.blob("data of a file", file?.data) }));
}

/** Only fields that are known, each of its type. */
export function corpusChoices(choices: unknown): CorpusChoices {
  if (choices === undefined || choices === null) return {};
  if (typeof choices !== "object") throw new NestlingError("COMMAND", "The choices for own data must be an object.", { name: "choices" });
  const { encoding, onBad, csv } = choices as CorpusChoices;
  return {
    ...(encoding === undefined ? {} : { encoding: check.oneOf("encoding", encoding, ENCODINGS) }),
    ...(onBad === undefined ? {} : { onBad: check.oneOf("onBad", onBad, ["stop", "skip"] as const) }),
    ...(csv === undefined || csv === null ? {} : { csv: csvChoices(csv) }),
  };
}

function csvChoices({ delimiter, header, columns }: CsvChoices): CsvChoices {
  const column = (value: unknown): number => check.whole("a CSV column", value, 0, 100_000);
  return {
    ...(delimiter === undefined ? {} : { delimiter: check.oneOf("delimiter", delimiter, DELIMITERS) }),
    ...(header === undefined ? {} : { header: header === true }),
    ...(columns === undefined || columns === null ? {} : { columns: "text" in columns ? { text: [...columns.text].slice(0, 1000).map(column) } : { question: column(columns.question), answer: column(columns.answer) } }),
  };
}
