/** Questions that Ask offers: one's own where they were trained on, else the made world's. */
import type { RunState } from "../../protocol/index.ts";
import { keptRows } from "../data/examples-kept.ts";
import { EXAMPLES_RECIPE, wholeRows } from "../data/examples-rows.ts";

export const WORLD_QUESTIONS = ["Where does Maria West live?", "What animal does Mary Holt have?", "How are you?"] as const;

export function askSuggestions(run: Pick<RunState, "recipe"> | null): readonly string[] {
  const own = run?.recipe.name === EXAMPLES_RECIPE ? wholeRows(keptRows() ?? []).map(({ question }) => question) : [];
  return own.length > 0 ? own.slice(0, WORLD_QUESTIONS.length) : WORLD_QUESTIONS;
}
