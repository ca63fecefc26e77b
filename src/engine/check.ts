/** Checks of what comes over the worker's border: wrong types and sizes become typed errors that name the argument. */
import { NestlingError } from "../core/errors.ts";
import type { AskRequest } from "../protocol/messages.ts";
import { KNOBS, MOST_CHANGES } from "../protocol/recipe-fields.ts";
import type { KnobChange, Stage } from "../protocol/recipe.ts";
import { withChange } from "../training/schedule.ts";

const wrong = (name: string, seen: unknown, allowed: string): NestlingError =>
  new NestlingError("COMMAND", `${name} is ${typeof seen === "string" ? JSON.stringify(seen.slice(0, 60)) : String(seen)}; it must be ${allowed}.`, { name });

export function text(name: string, value: unknown, most: number, least = 1): string {
  if (typeof value !== "string" || value.length < least || value.length > most) {
    throw wrong(name, typeof value === "string" && value.length > 60 ? `text of ${value.length} characters` : value, `text of ${least} to ${most} characters`);
  }
  return value;
}

export function id(name: string, value: unknown): string {
  if (typeof value !== "string" || !/^[A-Za-z0-9_-]{1,100}$/.test(value)) throw wrong(name, value, "an id of letters, digits, - and _");
  return value;
}

export function number(name: string, value: unknown, low: number, high: number): number {
  if (typeof value !== "number" || !(value >= low && value <= high)) throw wrong(name, value, `a number from ${low} to ${high}`);
  return value;
}

export function whole(name: string, value: unknown, low: number, high: number): number {
  if (!Number.isInteger(number(name, value, low, high))) throw wrong(name, value, `a whole number from ${low} to ${high}`);
  return value as number;
}

export function oneOf<const T extends string>(name: string, value: unknown, allowed: readonly T[]): T {
  if (!allowed.includes(value as T)) throw wrong(name, value, `one of ${allowed.join(", ")}`);
  return value as T;
}

export function blob(name: string, value: unknown): Blob {
  if (!(value instanceof Blob)) throw wrong(name, typeof value, "a file");
  return value;
}

/** At least one knob, each in its range (recipe-fields.ts). */
export function knobs(value: unknown): Omit<KnobChange, "step"> {
  const given = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  const turned = KNOBS.filter(({ path }) => given[path] !== undefined).map(({ path, min, max }) => [path, number(path, given[path], min!, max!)]);
  if (turned.length === 0) throw wrong("knobs", value, `an object with one of ${KNOBS.map(({ path }) => path).join(", ")}`);
  return Object.fromEntries(turned) as Omit<KnobChange, "step">;
}

/** A stage with a knob turned at a step, as long as its recipe still can be read again. @throws NestlingError CONFIG_RANGE */
export function turned(stage: Stage, change: KnobChange): Stage {
  const changed = withChange(stage, change);
  const seen = changed.changes!.length;
  if (seen <= MOST_CHANGES) return changed;
  throw new NestlingError("CONFIG_RANGE", `Knobs would be turned at ${seen} steps of this stage, and a recipe keeps ${MOST_CHANGES}. Nothing was changed. Go back with Undo, or start anew with other numbers.`, { seen, allowed: MOST_CHANGES });
}

export function askRequest(request: AskRequest): AskRequest {
  if (typeof request !== "object" || request === null) throw wrong("request", request, "an object");
  if (!Array.isArray(request.sides) || request.sides.length < 1 || request.sides.length > 8) throw wrong("sides", request.sides, "a list of 1 to 8 models");
  return {
    requestId: id("requestId", request.requestId),
    sides: request.sides.map((entry) => ({ side: text("side", entry?.side, 80), checkpointId: id("checkpointId", entry?.checkpointId) })),
    prompt: text("prompt", request.prompt, 10_000),
    chat: request.chat === true,
    temperature: number("temperature", request.temperature, 0, 10),
    top_k: whole("top_k", request.top_k, 0, 1_000_000),
    top_p: number("top_p", request.top_p, 0, 1),
    max_new_tokens: whole("max_new_tokens", request.max_new_tokens, 1, 4096),
    seed: whole("seed", request.seed, 0, 0xffffffff),
  };
}
