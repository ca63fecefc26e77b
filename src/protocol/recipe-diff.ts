/**
 * What sets one recipe apart from another, as paths and values: behind the link, the editor's marks and the choice of the nearest
 * preset. It checks nothing; `recipe-fields.ts` does.
 */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface Difference {
  /** Dotted path to value. Lists count as one value, except stages of the same kinds in the same order. */
  readonly set: Readonly<Record<string, Json>>;
  /** Paths that are there in the first alone. */
  readonly gone: readonly string[];
}

type JsonObject = { readonly [key: string]: Json };

const isObject = (value: Json | undefined): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);

/** Lists of stages that can be laid side by side. */
function sameKinds(a: Json | undefined, b: Json | undefined): boolean {
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length || a.length === 0) return false;
  const kinds = (list: readonly Json[]): string => list.map((entry) => (isObject(entry) && typeof entry["kind"] === "string" ? entry["kind"] : "?")).join();
  return kinds(a) === kinds(b) && !kinds(a).includes("?");
}

/** What must be set and taken away to make `to` out of `from`. */
export function differenceOf(from: unknown, to: unknown): Difference {
  const set: [string, Json][] = [];
  const gone: string[] = [];
  const walk = (a: JsonObject, b: JsonObject, at: string): void => {
    for (const key of Object.keys(a)) if (a[key] !== undefined && b[key] === undefined) gone.push(`${at}${key}`);
    for (const [key, value] of Object.entries(b)) {
      if (value === undefined) continue;
      const path = `${at}${key}`;
      const old = a[key];
      if (path === "stages" && sameKinds(old, value)) (value as readonly JsonObject[]).forEach((stage, i) => walk((old as readonly JsonObject[])[i]!, stage, `stages.${i}.`));
      else if (isObject(value) && isObject(old)) walk(old, value, `${path}.`);
      else if (JSON.stringify(old) !== JSON.stringify(value)) set.push([path, value]);
    }
  };
  walk(from as JsonObject, to as JsonObject, "");
  return { set: Object.fromEntries(set), gone };
}

/** Fields in a value: a list of stages or sources counts what is in it, any other list as one. */
function leaves(value: Json): number {
  if (value === null || typeof value !== "object") return 1;
  const inner = Object.values(value) as Json[];
  if (Array.isArray(value) && !inner.some(isObject)) return 1;
  return inner.reduce((sum: number, each) => sum + leaves(each), 0);
}

/** How many fields differ. */
export function distance(from: unknown, to: unknown): number {
  const { set, gone } = differenceOf(from, to);
  return leaves(set) + gone.length;
}

/** The one of that name, else the nearest. */
export function nearest<T extends { readonly name: string }>(recipe: T, among: readonly T[]): T {
  const named = among.find(({ name }) => name === recipe.name);
  return named ?? [...among].sort((a, b) => distance(a, recipe) - distance(b, recipe))[0]!;
}
