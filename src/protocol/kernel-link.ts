/**
 * A kernel's text as the fragment of a link (`#kernel=1.` and base64url of deflated JSON) and as a file. It reads and writes text and
 * starts nothing. What it reads is a stranger's: every field is checked before it counts, and what is deflated cannot grow past its limit.
 */
import { NestlingError } from "../core/errors.ts";
import { MOST_KERNEL_TEXT, type KernelText, type ShippedKernel } from "./kernel-lab.ts";
import { fromBase64Url, MOST_LINK_BYTES, toBase64Url } from "./recipe-link.ts";

const START = "#kernel=";
const VERSION = 1;
const FORMAT = "nestling-kernel";
/** A file: a text whose every character is escaped, and its frame. */
export const MOST_KERNEL_FILE_BYTES = 6 * MOST_KERNEL_TEXT + 1000;

const invalid = (what: "link" | "file", field: string, why: string): NestlingError =>
  new NestlingError("LINK_INVALID", `The kernel of this ${what} cannot be used: ${why} Nothing was compiled, and your text is as it was.`, { field });

/** Lists and objects by their kind alone: a stranger's may be nested deeper than a stack. */
const short = (value: unknown): string => {
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "a list" : "an object";
  const text = JSON.stringify(value) ?? "missing";
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
};

/** Whether a fragment claims to be a kernel; it may still be a bad one. */
export const isKernelLink = (fragment: string): boolean => fragment.startsWith(START);

/**
 * Why a text is not plain, as a sentence; "" = it is. Letters that turn the order of others, or break lines for some readers and not for
 * others, would show one text and compile another.
 */
export function notPlain(source: string): string {
  for (let at = 0; at < source.length; at++) {
    const code = source.charCodeAt(at);
    const control = (code < 32 && code !== 9 && code !== 10 && code !== 13) || (code >= 0x7f && code <= 0x9f);
    const turning = (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) || code === 0x61c || code === 0xfeff;
    if (control || turning) return `it holds the invisible character U+${code.toString(16).toUpperCase().padStart(4, "0")} in line ${source.slice(0, at).split("\n").length}, which a kernel needs nowhere.`;
  }
  return /\p{Surrogate}/u.test(source) ? "it holds half of a character." : "";
}

function checkFields(what: "link" | "file", value: unknown, keys: readonly string[]): KernelText {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid(what, "kernel", "it must hold an object.");
  const given = value as Record<string, unknown>;
  const extra = Object.keys(given).find((key) => !keys.includes(key));
  if (extra !== undefined) throw invalid(what, "kernel", `it has a field ${short(extra)}; it may have ${keys.join(", ")}.`);
  const name = (field: "kernel" | "variant"): string => {
    const text = given[field];
    if (typeof text !== "string" || !/^[A-Za-z0-9_-]{1,60}$/.test(text)) throw invalid(what, field, `${field} is ${short(text)}; it must be a name of letters, digits, - and _.`);
    return text;
  };
  const { source } = given;
  if (typeof source !== "string" || source.length === 0) throw invalid(what, "source", `source is ${short(source)}; it must be a text.`);
  if (source.length > MOST_KERNEL_TEXT) throw invalid(what, "source", `its text has ${source.length} characters; ${MOST_KERNEL_TEXT} are allowed.`);
  const odd = notPlain(source);
  if (odd !== "") throw invalid(what, "source", odd);
  return { kernel: name("kernel"), variant: name("variant"), source };
}

/** @throws NestlingError LINK_INVALID where this page has no such kernel or variant */
export function checkKernel(text: KernelText, kernels: readonly Pick<ShippedKernel, "name" | "variants">[]): KernelText {
  const kernel = kernels.find(({ name }) => name === text.kernel);
  if (!kernel) throw invalid("link", "kernel", `this page has no kernel "${text.kernel}".`);
  if (!kernel.variants.some(({ name }) => name === text.variant)) throw invalid("link", "variant", `${text.kernel} has no variant "${text.variant}" here; it has ${kernel.variants.map(({ name }) => name).join(", ")}.`);
  return text;
}

/** All bytes of a stream, given up past `most`. */
async function collected(stream: ReadableStream<Uint8Array>, most: number): Promise<Uint8Array | null> {
  const reader = stream.getReader();
  const parts: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > most) {
      await reader.cancel();
      return null;
    }
    parts.push(value);
  }
  const out = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

const through = (bytes: Uint8Array<ArrayBuffer>, change: GenericTransformStream): ReadableStream<Uint8Array> => new Blob([bytes]).stream().pipeThrough(change as ReadableWritablePair<Uint8Array, Uint8Array<ArrayBuffer>>);

/** The fragment, with its `#`. @throws NestlingError LINK_INVALID where it would be longer than 8 KB */
export async function writeKernelLink({ kernel, variant, source }: KernelText): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify({ kernel, variant, source }));
  const link = `${START}${VERSION}.${toBase64Url((await collected(through(bytes, new CompressionStream("deflate-raw")), Infinity))!)}`;
  if (link.length <= MOST_LINK_BYTES) return link;
  throw new NestlingError("LINK_INVALID", `This text makes a link of ${link.length} bytes; ${MOST_LINK_BYTES} are allowed. Save it as a file and send that.`, { field: "link", seen: link.length, allowed: MOST_LINK_BYTES });
}

/** @throws NestlingError LINK_INVALID, naming the field */
export async function readKernelLink(fragment: string): Promise<KernelText> {
  if (fragment.length > MOST_LINK_BYTES) throw invalid("link", "link", `it has ${fragment.length} bytes; ${MOST_LINK_BYTES} are allowed.`);
  const body = fragment.slice(START.length);
  const dot = body.indexOf(".");
  const version = dot < 0 ? body : body.slice(0, dot);
  if (!isKernelLink(fragment) || version !== String(VERSION) || dot < 0) throw invalid("link", "version", `its version is ${short(version)}; this page reads version ${VERSION}.`);
  const packed = fromBase64Url(body.slice(dot + 1));
  if (packed === null) throw invalid("link", "link", "it holds letters that such a link cannot have, or was cut short.");
  const bytes = await collected(through(packed, new DecompressionStream("deflate-raw")), MOST_KERNEL_FILE_BYTES).catch(() => undefined);
  if (bytes === null) throw invalid("link", "source", `it unpacks to more than ${MOST_KERNEL_FILE_BYTES} bytes.`);
  if (bytes === undefined) throw invalid("link", "link", "it cannot be unpacked: part of it was lost or changed.");
  return checkFields("link", parsed("link", bytes), ["kernel", "variant", "source"]);
}

export const writeKernelFile = ({ kernel, variant, source }: KernelText): string => `${JSON.stringify({ format: FORMAT, version: VERSION, kernel, variant, source }, null, 2)}\n`;

/** @throws NestlingError LINK_INVALID, naming the field */
export function readKernelFile(bytes: Uint8Array): KernelText {
  if (bytes.length > MOST_KERNEL_FILE_BYTES) throw invalid("file", "file", `it has ${bytes.length} bytes; ${MOST_KERNEL_FILE_BYTES} are allowed.`);
  const value = parsed("file", bytes);
  const { format, version } = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  if (format !== FORMAT) throw invalid("file", "format", `its format is ${short(format)}; it must be "${FORMAT}".`);
  if (version !== VERSION) throw invalid("file", "version", `its version is ${short(version)}; this page reads version ${VERSION}.`);
  return checkFields("file", value, ["format", "version", "kernel", "variant", "source"]);
}

function parsed(what: "link" | "file", bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw invalid(what, what, "it holds no readable text: part of it was lost or changed.");
  }
}
