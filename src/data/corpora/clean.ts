/**
 * Turns a Project Gutenberg transcription into plain documents: ASCII, no notices, one paragraph a line in prose. Pure
 * functions of the text; which book takes which rule stands in `books.ts`.
 */
import { MARKER, type Book, type Form } from "./books.ts";

/** Bytes as text: UTF-8 where they are, else Latin-1 (two of the files). */
export function decodeBytes(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("latin1").decode(bytes);
  }
}

const ASCII_FORMS: readonly (readonly [RegExp, string])[] = [
  [/[\u2018\u2019\u201a\u201b`\u00b4]/g, "'"],
  [/[\u201c-\u201f\u00ab\u00bb]/g, '"'],
  [/[\u2013\u2212]/g, "-"],
  [/\u2014/g, "--"],
  [/\u2026/g, "..."],
  [/\u00e6/g, "ae"], [/\u00c6/g, "Ae"], [/\u0153/g, "oe"], [/\u0152/g, "Oe"],
  [/[\u00a0\t]/g, " "],
];

/** Quotes, dashes and letters with marks as their nearest ASCII: a small alphabet serves a small model. */
export function toAscii(text: string): string {
  let out = text;
  for (const [pattern, ascii] of ASCII_FORMS) out = out.replace(pattern, ascii);
  return out.normalize("NFD").replace(/\p{M}/gu, "");
}

/** The text between Project Gutenberg's notices, if it has any. */
export function withoutNotices(text: string): string {
  const begin = /^\*\*\* ?START OF TH[^\n]*\n/im.exec(text);
  const end = /^(?:\*\*\* ?END OF TH|End of (?:the |this )?Project Gutenberg)/im.exec(text);
  return text.slice(begin ? begin.index + begin[0].length : 0, end ? end.index : undefined);
}

/** Footnotes are paragraphs that open with asterisks; one in brackets ends where the bracket does. */
function withoutFootnotes(paragraphs: readonly string[]): string[] {
  const kept: string[] = [];
  let open = false;
  for (const paragraph of paragraphs) {
    const bracketed = /^\s*(?:\[\*|\*+\[)/.test(paragraph);
    const note = open || bracketed || /^\s*\*+[^\s*]/.test(paragraph);
    if (!note) kept.push(paragraph);
    if (bracketed || open) open = !paragraph.includes("]");
  }
  return kept;
}

/** Prose fills its lines and begins them at the margin; verse does not. */
function isProse(lines: readonly string[]): boolean {
  const filled = lines.slice(0, -1);
  const mean = filled.reduce((sum, line) => sum + line.trim().length, 0) / filled.length;
  return mean >= 45 && lines.slice(1).some((line) => !/^ {2}/.test(line));
}

function joinLines(lines: readonly string[]): string {
  return lines.reduce((text, line) => (text === "" || text.endsWith("-") ? text + line : `${text} ${line}`), "");
}

/** One paragraph: its lines joined if it is prose, else kept, without indentation. */
function layOut(paragraph: string, form: Form): string {
  const lines = paragraph.split("\n");
  const tidy = lines.map((line) => line.replace(/ +/g, " ").trim()).filter((line) => line !== "");
  return form === "prose" && (lines.length < 2 || isProse(lines)) ? joinLines(tidy) : tidy.join("\n");
}

/**
 * A play's speeches as paragraphs. In the source a speech is indented by two or three spaces, and one that stands before an
 * empty line has lost its full stop; stage directions stand among the lines.
 */
function playParagraphs(text: string): string {
  return text
    .replace(/([A-Za-z0-9'])\n\n(?= {2,3}\S)/g, "$1.\n\n")
    .replace(/^ {2,3}(?=\S)/gm, "\n")
    .replace(/\n((?:Enter|Exit|Exeunt|Alarum|Flourish|Thunder|Sennet|Musicke)\b[^\n]*)/g, "\n\n$1")
    // Letters that the transcriber supplied.
    .replace(/\[(\w+)\]/g, "$1");
}

/** Shorter pieces are a heading alone and join what follows. */
const MIN_DOCUMENT = 120;
const CONTROLS = /[\u0000-\u0008\u000b\u000d-\u001f\u007f]/g;

/** A book's documents, in order. */
export function cleanBook(source: string, book: Book): string[] {
  let text = withoutNotices(source.replace(/\r\n?/g, "\n"))
    .replace(/^\s*\[[^\]]*\]\s*\n/, "")
    .replace(/\f/g, "\n")
    .replace(CONTROLS, "")
    .replace(/[ \t]+$/gm, "")
    .replace(/\[Illustration[^\]]*\]/g, "");
  for (const [pattern, replacement] of book.replace ?? []) text = text.replace(pattern, replacement);
  text = toAscii(text);
  if (book.form === "play") text = playParagraphs(text);
  // Rows of asterisks part sections: an empty line does that too.
  const paragraphs = withoutFootnotes(text.replace(/^[ *-]*[*-][ *-]*$/gm, "").split(/\n(?: *\n)+/));
  const documents: string[] = [];
  let current: string[] = [];
  const close = (): void => {
    if (current.join("").length < MIN_DOCUMENT) return;
    documents.push(current.join("\n\n"));
    current = [];
  };
  for (const paragraph of paragraphs) {
    if (book.heading.test(paragraph.split("\n").find((line) => line.trim() !== "")?.trim() ?? "")) close();
    const laidOut = layOut(paragraph.replace(/[_*]/g, "").replaceAll(MARKER, ""), book.form);
    if (laidOut !== "" && !/^(?:finis\b.*|the end\.?)$/is.test(laidOut)) current.push(laidOut);
  }
  if (current.length > 0) documents.push(current.join("\n\n"));
  return documents;
}
