/**
 * Events on their way to the page: numbered per run, kept for re-reading, sent at most ten batches a second. Numbers are given
 * at sending, so that a view replaced before it left is no gap that the page would ask about.
 */
import type { EngineEvent, EngineEventBody } from "../protocol/messages.ts";

const BATCH_MS = 100;
/** Events kept per run for a page that missed some; answer tokens and live views are not worth keeping. */
const KEPT = 20_000;
const FLEETING: ReadonlySet<EngineEventBody["type"]> = new Set(["token", "answerDone", "nextWord", "batch", "state", "intake"]);

type Unnumbered = { readonly runId: string; readonly step: number; readonly timeMs: number } & EngineEventBody;

export class EventHub {
  readonly #kept = new Map<string, EngineEvent[]>();
  readonly #sequence = new Map<string, number>();
  #waiting: Unnumbered[] = [];
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    readonly now: () => number,
    readonly listener: (events: readonly EngineEvent[]) => void,
  ) {}

  emit(runId: string, step: number, body: EngineEventBody): void {
    const event: Unnumbered = { runId, step, timeMs: this.now(), ...body };
    this.#waiting = this.#waiting.filter((other) => !replaces(event, other));
    this.#waiting.push(event);
    this.#timer ??= setTimeout(() => this.flush(), BATCH_MS);
  }

  flush(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    const events = this.#waiting.map((event) => this.#number(event));
    this.#waiting = [];
    if (events.length > 0) this.listener(events);
  }

  #number(event: Unnumbered): EngineEvent {
    const seq = (this.#sequence.get(event.runId) ?? 0) + 1;
    this.#sequence.set(event.runId, seq);
    const numbered: EngineEvent = { ...event, seq };
    if (!FLEETING.has(event.type)) {
      const kept = this.#kept.get(event.runId) ?? [];
      this.#kept.set(event.runId, kept);
      kept.push(numbered);
      if (kept.length > KEPT) kept.splice(0, kept.length - KEPT);
    }
    return numbered;
  }

  since(runId: string, seq: number): EngineEvent[] {
    return (this.#kept.get(runId) ?? []).filter((event) => event.seq > seq);
  }

  dispose(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#waiting = [];
  }
}

/** A view that only its newest state matters of replaces one that still waits. */
const replaces = (event: Unnumbered, waiting: Unnumbered): boolean =>
  event.type === "intake" ? waiting.type === "intake" && waiting.intakeId === event.intakeId
  : event.type === waiting.type && event.runId === waiting.runId && (event.type === "state" || event.type === "nextWord" || event.type === "batch");
