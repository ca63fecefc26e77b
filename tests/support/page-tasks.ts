/** How long a page's own thread was busy at a stretch, from Chromium's trace. Judges nothing. */
import type { Page } from "puppeteer";

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly dur?: number;
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}

export interface Tasks {
  readonly count: number;
  /** The longest task: of the thread's own time, and by the clock, which counts waiting on a shared machine too; milliseconds. */
  readonly own: number;
  readonly wall: number;
}

/** @param path where the trace is left */
export async function tasksDuring(page: Page, path: string, act: () => Promise<unknown>): Promise<Tasks> {
  await page.tracing.start({ categories: ["toplevel"], path });
  await act();
  const raw = new TextDecoder().decode(await page.tracing.stop());
  const { traceEvents } = JSON.parse(raw) as { traceEvents: TraceEvent[] };
  const mains = new Set(traceEvents.filter((event) => event.name === "thread_name" && event.args?.name === "CrRendererMain").map((event) => `${event.pid} ${event.tid}`));
  const tasks = traceEvents.filter((event) => event.ph === "X" && event.tdur !== undefined && mains.has(`${event.pid} ${event.tid}`));
  const worst = (of: (event: TraceEvent) => number | undefined): number => tasks.reduce((most, event) => Math.max(most, of(event) ?? 0), 0) / 1000;
  return { count: tasks.length, own: worst(({ tdur }) => tdur), wall: worst(({ dur }) => dur) };
}
