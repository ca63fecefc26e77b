/**
 * Changes a recipe from the command line: `--set` and `--steps`. Which fields there are, and what they allow, is the
 * protocol's table.
 */
import { NestlingError } from "../core/errors.ts";
import type { Recipe } from "../protocol/index.ts";
import { FIELDS, type FieldSpec, allowedText, validateRecipe } from "../protocol/recipe-fields.ts";

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type JsonObject = { [key: string]: Json };

const unknown = (message: string, field: string): NestlingError => new NestlingError("CONFIG_UNKNOWN", message, { field });

/** Specs that a name means: its whole path, else every path that ends in it. */
function specsOf(name: string): readonly FieldSpec[] {
  const general = name.replace(/^stages\.\d+\./, "stages.*.");
  const exact = FIELDS.filter(({ path }) => path === general);
  return exact.length > 0 ? exact : FIELDS.filter(({ path }) => path.endsWith(`.${general}`));
}

function readValue(spec: FieldSpec, name: string, text: string): Json {
  let value: Json = text;
  if (spec.type === "boolean") value = text === "true" ? true : text === "false" ? false : text;
  else if (spec.type === "integer" || spec.type === "number") value = text.trim() === "" ? text : Number(text);
  const right = typeof value === (spec.type === "boolean" ? "boolean" : spec.type === "integer" || spec.type === "number" ? "number" : "string");
  if (!right || Number.isNaN(value)) throw new NestlingError("CONFIG_RANGE", `${name} is "${text}"; it must be ${allowedText(spec)}.`, { field: name });
  return value;
}

const isObject = (value: Json | undefined): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);

/** The objects that hold a path's last part; `*` stands for every entry of a list. Own fields only. */
function holdersOf(start: Json, parts: readonly string[]): JsonObject[] {
  let holders: Json[] = [start];
  for (const part of parts) {
    holders = holders.flatMap((holder) => {
      if (Array.isArray(holder)) return part === "*" ? holder : /^\d+$/.test(part) && Number(part) < holder.length ? [holder[Number(part)]] : [];
      return isObject(holder) && Object.hasOwn(holder, part) ? [holder[part]] : [];
    });
  }
  return holders.filter(isObject);
}

/**
 * Applies "field=value" assignments and checks the result. A leaf's name sets it wherever it stands ("max_iters=100": in
 * every stage); a dotted path sets one; a path that the table does not list (data, method) takes JSON.
 * @throws NestlingError CONFIG_UNKNOWN, CONFIG_RANGE
 */
export function applySets(recipe: Recipe, sets: readonly string[]): Recipe {
  const copy = structuredClone(recipe) as unknown as JsonObject;
  for (const set of sets) {
    const cut = set.indexOf("=");
    setOne(copy, set.slice(0, cut).trim(), set.slice(cut + 1));
  }
  return validateRecipe(copy);
}

function setOne(recipe: JsonObject, name: string, text: string): void {
  const specs = specsOf(name);
  const paths = [...new Set(specs.map(({ path }) => path))];
  if (paths.length > 1) throw unknown(`"${name}" is the name of ${paths.length} fields: ${paths.join(", ")}; give one of these paths.`, name);
  const [spec] = specs;
  const path = (spec === undefined || /^stages\.\d+\./.test(name) ? name : spec.path).split(".");
  const leaf = path[path.length - 1];
  const holders = holdersOf(recipe, path.slice(0, -1)).filter((holder) => Object.hasOwn(holder, leaf) || spec?.fallback !== undefined || spec?.only !== undefined);
  if (holders.length === 0) throw spec ? unknown(`no stage of this recipe has the field "${name}".`, name) : unknownField(name);
  const value = spec ? readValue(spec, name, text) : readJson(name, text);
  for (const holder of holders) holder[leaf] = value;
}

function unknownField(name: string): NestlingError {
  const leaves = [...new Set(FIELDS.map(({ path }) => path.split(".").at(-1)))];
  return unknown(`the recipe has no field "${name.slice(0, 80)}"; it has ${leaves.join(", ")}.`, name);
}

function readJson(name: string, text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw new NestlingError("CONFIG_RANGE", `${name} is "${text.slice(0, 80)}", which is not JSON; such as --set 'stages.1.method={"type":"full"}'.`, { field: name });
  }
}

/** At most `steps` optimizer steps a stage; warm-up and the evaluations' spacing shrink in proportion. */
export function limitSteps(recipe: Recipe, steps: number): Recipe {
  const stages = recipe.stages.map((stage) => {
    if (stage.max_iters <= steps) return stage;
    const share = steps / stage.max_iters;
    return {
      ...stage,
      max_iters: steps,
      eval_interval: stage.eval_interval === 0 ? 0 : Math.max(1, Math.round(stage.eval_interval * share)),
      optimizer: {
        ...stage.optimizer, warmup_iters: Math.floor(stage.optimizer.warmup_iters * share),
        ...(stage.optimizer.decay_iters !== undefined && { decay_iters: Math.max(1, Math.floor(stage.optimizer.decay_iters * share)) }),
      },
    };
  });
  return { ...recipe, stages };
}

/** @throws NestlingError COMMAND where the person's text would be read by no stage, or a stage reads it and none is given */
export function checkOwnText(recipe: Recipe, texts: readonly string[]): void {
  const wanted = recipe.stages.some(({ data }) => data.some(({ corpus }) => /^own(?::|$)/.test(corpus)));
  if (wanted && texts.length === 0) throw new NestlingError("COMMAND", `the recipe "${recipe.name}" trains on your own text, and 0 files of it are given; at least 1 is needed: --text FILE`);
  if (!wanted && texts.length > 0) {
    throw new NestlingError("COMMAND", `--text names ${texts.length} ${texts.length === 1 ? "file" : "files"}, and no stage of the recipe "${recipe.name}" reads the corpus "own". ` +
      `Take --recipe your-text, or let a stage read it: --set 'stages.0.data=[{"corpus":"own","weight":1}]'`);
  }
}

/** Replaces the corpus "own" by the id that the engine gave to the person's text. */
export function useOwnCorpus(recipe: Recipe, corpusId: string): Recipe {
  const stages = recipe.stages.map((stage) => ({ ...stage, data: stage.data.map((source) => (source.corpus === "own" ? { ...source, corpus: corpusId } : source)) }));
  return { ...recipe, stages };
}
