/**
 * A recipe as the fragment of a link: `#recipe=1.` and base64url of what differs from a preset. It reads and writes text, touches
 * no address bar, and starts nothing. What it reads is a stranger's: every path and value is checked before it counts.
 */
import { NestlingError } from "../core/errors.ts";
import type { Recipe } from "./recipe.ts";
import { differenceOf, distance, type Json } from "./recipe-diff.ts";
import { validateRecipe } from "./recipe-fields.ts";

/** Bytes of a whole fragment. */
export const MOST_LINK_BYTES = 8192;
const VERSION = "1";
const START = "#recipe=";
const KEYS = ["preset", "set", "gone"];
const FORBIDDEN = new Set(["__proto__", "constructor", "prototype"]);

const invalid = (field: string, what: string): NestlingError =>
  new NestlingError("LINK_INVALID", `The recipe of this link cannot be used: ${what} Nothing was started, and your recipe is as it was. Ask for the link again, or begin from a recipe here.`, { field });

const short = (text: string): string => (text.length > 60 ? `${text.slice(0, 60)}...` : text);

/** Whether a fragment claims to be a recipe; it may still be a bad one. */
export const isRecipeLink = (fragment: string): boolean => fragment.startsWith(START);

/**
 * A recipe ready to travel: a person's own text is named as such and no more, and checkpoints stay, for both are on this machine
 * alone.
 */
export function forTravel(recipe: Recipe): Recipe {
  const stages = recipe.stages.map((stage) => {
    const data = stage.data.map((source) => (source.corpus.startsWith("own:") ? { ...source, corpus: "own" } : source));
    if (stage.kind === "pretrain") return { ...stage, data };
    const { parent: _, ...rest } = stage;
    return { ...rest, data };
  });
  return { ...recipe, stages };
}

/**
 * The fragment, with its `#`: what differs from the preset that it is nearest to.
 * @throws NestlingError LINK_INVALID where it would be longer than 8 KB
 */
export function writeRecipeLink(recipe: Recipe, presets: readonly Recipe[]): string {
  const travelling = forTravel(recipe);
  const preset = [...presets].sort((a, b) => distance(a, travelling) - distance(b, travelling))[0]!;
  const { set, gone } = differenceOf(preset, travelling);
  const payload = { preset: preset.name, ...(Object.keys(set).length > 0 ? { set } : {}), ...(gone.length > 0 ? { gone } : {}) };
  const link = `${START}${VERSION}.${toBase64Url(new TextEncoder().encode(JSON.stringify(payload)))}`;
  if (link.length > MOST_LINK_BYTES) {
    throw new NestlingError("LINK_INVALID", `This recipe makes a link of ${link.length} bytes; ${MOST_LINK_BYTES} are allowed. Save it as a file and send that.`, { field: "link", seen: link.length, allowed: MOST_LINK_BYTES });
  }
  return link;
}

/**
 * The recipe that a fragment carries, checked as a whole.
 * @throws NestlingError LINK_INVALID, naming the field
 */
export function readRecipeLink(fragment: string, presets: readonly Recipe[]): Recipe {
  if (fragment.length > MOST_LINK_BYTES) throw invalid("link", `it has ${fragment.length} bytes; ${MOST_LINK_BYTES} are allowed.`);
  const body = fragment.slice(START.length);
  const dot = body.indexOf(".");
  const version = dot < 0 ? body : body.slice(0, dot);
  if (!isRecipeLink(fragment) || dot < 0 || version !== VERSION) throw invalid("version", `its version is "${short(version)}"; this page reads version ${VERSION}.`);
  const payload = parse(body.slice(dot + 1));
  const extra = Object.keys(payload).find((key) => !KEYS.includes(key));
  if (extra !== undefined) throw invalid(short(extra), `it has a field "${short(extra)}"; it may have ${KEYS.join(", ")}.`);
  const preset = presets.find(({ name }) => name === payload["preset"]);
  if (preset === undefined) throw invalid("preset", `preset is ${short(JSON.stringify(payload["preset"]) ?? "missing")}; it must be one of ${presets.map(({ name }) => name).join(", ")}.`);
  const recipe = structuredClone(preset) as unknown as Json;
  const { set = {}, gone = [] } = payload;
  if (typeof set !== "object" || set === null || Array.isArray(set)) throw invalid("set", "set must be an object of fields and values.");
  if (!Array.isArray(gone)) throw invalid("gone", "gone must be a list of fields.");
  for (const path of gone as unknown[]) {
    if (typeof path !== "string") throw invalid("gone", "gone must be a list of fields.");
    const [holder, key] = holderOf(recipe, path);
    delete holder[key];
  }
  for (const [path, value] of Object.entries(set)) {
    const [holder, key] = holderOf(recipe, path);
    refuseScript(path, value);
    holder[key] = value;
  }
  try {
    return validateRecipe(recipe);
  } catch (error) {
    if (!(error instanceof NestlingError)) throw error;
    throw invalid(String(error.details["field"] ?? "recipe"), error.message.slice(error.code.length + 3));
  }
}

function parse(text: string): Record<string, unknown> {
  const bytes = fromBase64Url(text);
  if (bytes === null) throw invalid("link", "it holds letters that such a link cannot have, or its text has been cut short.");
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw invalid("link", "it holds no readable recipe: part of it was lost or changed.");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid("link", "it must hold an object.");
  return value as Record<string, unknown>;
}

/** The object that a path ends in, and its last key; own fields only. */
function holderOf(recipe: Json, path: string): [Record<string, Json>, string] {
  const parts = path.split(".");
  const last = parts.pop()!;
  if ([...parts, last].some((part) => FORBIDDEN.has(part) || !/^\w{1,40}$/.test(part))) throw invalid(short(path), `"${short(path)}" is no field of a recipe.`);
  let holder: Json = recipe;
  for (const part of parts) {
    const inside: Json | undefined = typeof holder === "object" && holder !== null && Object.hasOwn(holder, part) ? (holder as Record<string, Json>)[part] : undefined;
    if (inside === undefined) throw invalid(short(path), `"${short(path)}" is no field of this recipe.`);
    holder = inside;
  }
  if (typeof holder !== "object" || holder === null || Array.isArray(holder)) throw invalid(short(path), `"${short(path)}" is no field of this recipe.`);
  return [holder as Record<string, Json>, last];
}

/** No field of a recipe is an address; text that would run as one is somebody's attempt. */
function refuseScript(path: string, value: unknown): void {
  if (/javascript\s*:/i.test(JSON.stringify(value))) throw invalid(short(path), `${short(path)} holds "javascript:", which no field of a recipe may.`);
}

export function toBase64Url(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** Null for what is no base64url. */
export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> | null {
  if (!/^[A-Za-z0-9_-]+$/.test(text)) return null;
  try {
    return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
  } catch {
    return null;
  }
}
