/** Question-answer rows: which count, how they are written as chat JSONL, and how long to train on them. Pure; pasted ones are read by `examples-paste.ts`. */
import type { Recipe } from "../../protocol/index.ts";
import { scheduleWithin } from "../../protocol/recipe-fields.ts";

export interface ExampleRow {
  readonly question: string;
  readonly answer: string;
}

export const FEWEST_ROWS = 5;
export const MOST_ROWS = 200;
/** A field longer than this would not fit into the context of any model here. */
export const MOST_CHARACTERS = 2000;

/**
 * Steps until rows are known by heart, as `npm run test:nightly -- --only examples` measures it on the shipped base: some at any rate, and so many for each time that
 * all rows are read. docs/LOG.md has the figures.
 */
const FIRST_STEPS = 100;
const EPOCHS = 80;
/** LoRA of the usual rank moves too little of a small model at the rate for all weights. */
const LORA = { rate: 8, steps: 4 } as const;
/** Training takes this long at most; looks at held-out rows and the reading come on top. */
const BUDGET_MS = 50_000;
/** Where the machine was not measured. */
const UNKNOWN_TOKENS_PER_SEC = 5000;
const FEWEST_STEPS = 20;
/** Fewer steps than wanted make it up by a larger rate, up to so many times. */
const MOST_HASTE = 4;
/** About what a word piece holds; only the number of steps stands on it. */
const CHARACTERS_PER_TOKEN = 3;
const MARKERS = 5;

/** The name of the recipe that tunes on them. */
export const EXAMPLES_RECIPE = "my-examples";

const isWhole = ({ question, answer }: ExampleRow): boolean => question.trim() !== "" && answer.trim() !== "";
/** As it is shown to the model. */
export const trimmed = ({ question, answer }: ExampleRow): ExampleRow => ({ question: question.trim(), answer: answer.trim() });
export const wholeRows = (rows: readonly ExampleRow[]): ExampleRow[] => rows.filter(isWhole).map(trimmed);

/** The rows as chat JSONL, a conversation of two messages a line. */
export function rowsToJsonl(rows: readonly ExampleRow[]): string {
  return rows.map(({ question, answer }) => `${JSON.stringify({ messages: [{ role: "user", content: question }, { role: "assistant", content: answer }] })}\n`).join("");
}

/**
 * The recipe that tunes on a person's examples: until they are known by heart, within about a minute on this machine.
 * @param tokensPerSec measured on this machine
 */
export function examplesRecipe(recipe: Recipe, corpusId: string, rows: readonly ExampleRow[], tokensPerSec = UNKNOWN_TOKENS_PER_SEC): Recipe {
  const tokens = rows.reduce((sum, { question, answer }) => sum + (question.length + answer.length) / CHARACTERS_PER_TOKEN + MARKERS, 0);
  return {
    ...recipe,
    name: EXAMPLES_RECIPE,
    stages: recipe.stages.map((stage) => {
      if (stage.kind !== "sft") return stage;
      const perStep = stage.batch_size * stage.gradient_accumulation_steps * recipe.model.block_size;
      const method = stage.method.type === "lora" ? LORA : { rate: 1, steps: 1 };
      const wanted = Math.ceil((FIRST_STEPS + (EPOCHS * tokens) / perStep) * method.steps);
      const most = Math.max(FEWEST_STEPS, Math.floor((BUDGET_MS / 1000) * (tokensPerSec / perStep)));
      const max_iters = Math.min(wanted, most);
      const rate = method.rate * Math.min(MOST_HASTE, wanted / max_iters);
      const { changes: _, parent: __, ...kept } = stage;
      const { optimizer } = stage;
      return {
        ...kept, name: "Your examples", data: [{ corpus: corpusId, weight: 1 }], max_iters, eval_interval: Math.max(5, Math.ceil(max_iters / 8)), eval_iters: 2,
        optimizer: scheduleWithin({
          ...optimizer, learning_rate: optimizer.learning_rate * rate, min_lr: optimizer.min_lr * rate,
          ...(optimizer.adam_learning_rate !== undefined && { adam_learning_rate: optimizer.adam_learning_rate * rate }),
        }, max_iters),
      };
    }),
  };
}
