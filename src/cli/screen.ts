/**
 * Where the words of a run go: JSON lines on standard output, or a bar per stage in a terminal, or a line now and then in
 * a log. Diagnostics always go to standard error.
 */
import type { MetricRow, RunState } from "../protocol/index.ts";
import { type Latest, progressLine } from "./report.ts";

/** A log that is no terminal gets a line this often. */
const LOG_EVERY_MS = 10_000;
const DRAW_EVERY_MS = 100;

export class Screen {
  private latest: Latest = {};
  private current: RunState | null = null;
  private stage = 0;
  private drawnMs = 0;
  private last = "";
  private open = false;

  constructor(
    private readonly asJson: boolean,
    private readonly out: NodeJS.WriteStream = process.stdout,
    private readonly err: NodeJS.WriteStream = process.stderr,
    private readonly nowMs: () => number = Date.now,
  ) {}

  get columns(): number {
    return this.out.columns ?? 100;
  }

  /** A line of JSON; nothing where the person reads. */
  json(line: string): void {
    if (this.asJson) this.out.write(`${line}\n`);
  }

  /** Lines for a person; nothing in JSON. */
  lines(lines: readonly string[]): void {
    if (this.asJson) return;
    this.finish();
    this.out.write(`${lines.join("\n")}\n`);
  }

  words(text: string): void {
    this.finish();
    this.err.write(`${text}\n`);
  }

  state(state: RunState): void {
    const before = this.current;
    this.current = state;
    if (state.phase === "preparing" && state.preparing && before?.preparing?.what !== state.preparing.what) this.words(`${state.preparing.what} ...`);
    if (state.stageIndex !== this.stage) {
      // The stage before gets its last line in full.
      this.draw(true);
      this.finish();
      this.stage = state.stageIndex;
      this.latest = {};
    }
    this.draw(state.phase !== "running" && state.phase !== "preparing");
  }

  metrics(line: string, row: MetricRow): void {
    this.json(line);
    if (row.stageIndex === this.stage) this.latest = { ...this.latest, ...Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined)) };
    this.draw(false);
  }

  /** Ends a bar that is still being drawn. */
  finish(): void {
    if (this.open) this.out.write("\n");
    this.open = false;
  }

  private draw(now: boolean): void {
    const progress = this.current?.stages[this.stage];
    if (this.asJson || !progress || progress.done === 0) return;
    const every = this.out.isTTY ? DRAW_EVERY_MS : LOG_EVERY_MS;
    if (!now && this.nowMs() - this.drawnMs < every) return;
    const line = progressLine(progress, this.latest, this.columns);
    // A finished stage is drawn at its end, and again when the next one starts: once is enough.
    if (!this.open && line === this.last) return;
    this.last = line;
    this.drawnMs = this.nowMs();
    this.out.write(this.out.isTTY ? `\r\u001b[2K${line}` : `${line}\n`);
    this.open = this.out.isTTY;
  }
}
