/** Which rows of a table are too long for the model that is tuned: asked for once a row, and only where it could be. Draws nothing. */
import type { ExampleRow } from "./examples-rows.ts";

/** Markers of two turns, and the one a conversation begins with, at most. */
const MARKERS = 8;

/** No token is shorter than a byte. */
const couldExceed = ({ question, answer }: ExampleRow, context: number): boolean => new TextEncoder().encode(question + answer).length + MARKERS > context;
const keyOf = ({ question, answer }: ExampleRow): string => JSON.stringify([question, answer]);

export class ExampleSizes {
  readonly #tokens = new Map<string, number>();
  #asked = "";

  /**
   * @param ask gets a row and whom to tell its tokens; it may never tell
   * @param changed something is known now that was not
   */
  constructor(
    readonly ask: (detail: ExampleRow & { readonly tell: (tokens: number) => void }) => void,
    readonly changed: () => void,
  ) {}

  /** Asks for the next row that nothing is known of; what it is told asks for the one after. @param context columns of a row, 0 = unknown */
  measure(rows: readonly ExampleRow[], context: number): void {
    const row = context === 0 ? undefined : rows.find((each) => !this.#tokens.has(keyOf(each)) && couldExceed(each, context));
    if (row === undefined) return;
    const key = keyOf(row);
    if (key === this.#asked) return;
    this.#asked = key;
    // Not while the asker draws.
    queueMicrotask(() => this.ask({ ...row, tell: (tokens) => {
      this.#tokens.set(key, tokens);
      if (this.#asked === key) this.#asked = "";
      this.changed();
    } }));
  }

  tokens(row: ExampleRow): number | undefined {
    return this.#tokens.get(keyOf(row));
  }

  /** A conversation's last token is only ever a target, so it may have one more than there are columns. */
  tooLong(row: ExampleRow, context: number): boolean {
    return context > 0 && (this.tokens(row) ?? 0) > context + 1;
  }
}
