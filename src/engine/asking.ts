/** Questions to models: which model gets one, its tokens on their way to the page, and how it is stopped. How a model answers is `answer.ts`. */
import { describeError } from "../core/errors.ts";
import type { AnswerToken, AskRequest, EngineEventBody } from "../protocol/messages.ts";
import { answer } from "./answer.ts";
import { askRequest } from "./check.ts";
import type { ModelShelf } from "./models.ts";
import type { Run } from "./run.ts";

/** The checkpoint id of the model that trains. */
export const LIVE = "live";

export interface AskingContext {
  readonly shelf: ModelShelf;
  /** @throws NestlingError COMMAND where there is none */
  readonly run: () => Run;
  readonly emit: (body: EngineEventBody) => void;
  readonly breathe: () => Promise<void>;
}

export class Asking {
  /** Questions nobody has stopped yet. */
  readonly #open = new Set<string>();

  constructor(readonly context: AskingContext) {}

  /** Asks one side after another; what goes wrong is told as that side's end. @throws NestlingError COMMAND for a request that is none */
  async ask(request: AskRequest): Promise<void> {
    const valid = askRequest(request);
    const { requestId } = valid;
    this.#open.add(requestId);
    try {
      for (const { side, checkpointId } of valid.sides) await this.#askOne(valid, side, checkpointId);
    } finally {
      this.#open.delete(requestId);
    }
  }

  async #askOne(request: AskRequest, side: string, checkpointId: string): Promise<void> {
    const { requestId } = request;
    const { emit, shelf, run, breathe } = this.context;
    const push = (token: AnswerToken): void => emit({ type: "token", requestId, side, token });
    const stopped = (): boolean => !this.#open.has(requestId);
    try {
      const end = checkpointId === LIVE
        ? await run().ask(request, push, stopped)
        : await shelf.open(checkpointId).then(({ inference, tokenizer }) => answer(inference.generator, tokenizer, request, push, stopped, breathe));
      emit({ type: "answerDone", requestId, side, reason: end.reason, ...(end.note ? { note: end.note } : {}) });
    } catch (error) {
      emit({ type: "answerDone", requestId, side, reason: "error", error: describeError(error) });
    }
  }

  stop(requestId: string): void {
    this.#open.delete(requestId);
  }

  stopAll(): void {
    this.#open.clear();
  }
}
