/** The examples as they were last typed: kept in this browser, so that they outlive a reload. */
import { MOST_CHARACTERS, MOST_ROWS, type ExampleRow } from "./examples-rows.ts";

const KEY = "nestling-examples";

/** False where the browser keeps nothing. */
export function keepRows(rows: readonly ExampleRow[]): boolean {
  try {
    localStorage.setItem(KEY, JSON.stringify(rows));
    return true;
  } catch {
    return false;
  }
}

export function keptRows(): readonly ExampleRow[] | null {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(KEY) ?? "null");
    if (!Array.isArray(value) || value.length === 0 || value.length > MOST_ROWS) return null;
    return value.map((row: Partial<ExampleRow> | null) => ({ question: String(row?.question ?? "").slice(0, MOST_CHARACTERS), answer: String(row?.answer ?? "").slice(0, MOST_CHARACTERS) }));
  } catch {
    return null;
  }
}
