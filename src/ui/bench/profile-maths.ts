/** A step's profile as shapes: spans of a flame chart, shares by kernel, tiles of the memory map, a trace file. Pure; draws nothing. */
import type { ProfiledLaunch, StepProfile } from "../../protocol/index.ts";

/** Kinds of work that a colour tells apart. */
export const GROUPS = ["matmul", "attention", "norms", "loss", "optimizer", "other"] as const;
export type Group = (typeof GROUPS)[number];

export function groupOf(kernel: string): Group {
  if (kernel.startsWith("matmul")) return "matmul";
  if (/attention|rope/i.test(kernel)) return "attention";
  if (/adamw|sgd|muon|sumSquares|prepareUpdate|recordMetrics/.test(kernel)) return "optimizer";
  if (/norm/i.test(kernel)) return "norms";
  if (/crossEntropy|tokenLogprobs|lossSum|softmax/.test(kernel)) return "loss";
  return "other";
}

/** One bar: from and to in milliseconds since the step began; depth 0 is the program. */
export interface Span {
  readonly depth: number;
  readonly from: number;
  readonly to: number;
  readonly label: string;
  /** Launches under it: [first, past the last). */
  readonly first: number;
  readonly end: number;
}

/** "matmulNN h.0.attn.c_attn" lies in "h.0", and in it in "attn". */
function pathOf({ label, kernel }: ProfiledLaunch): string[] {
  const site = label.slice(kernel.length).trim();
  const parts: string[] = [];
  for (const part of site === "" ? [] : site.split(".")) {
    if (/^\d+$/.test(part) && parts.length > 0) parts[parts.length - 1] += `.${part}`;
    else parts.push(part);
  }
  return parts.slice(0, 2);
}

/** Bars of program, module, part and launch; neighbours of one name are one bar. A launch stands under as many bars as it has. */
export function flameOf(launches: readonly ProfiledLaunch[]): Span[] {
  const spans: Span[] = [];
  const open: Span[] = [];
  let at = 0;
  const close = (depth: number): void => void spans.push(...open.splice(depth).reverse());
  launches.forEach((launch, i) => {
    const names = [launch.program, ...pathOf(launch)];
    let depth = 0;
    while (depth < names.length && open[depth]?.label === names[depth]) depth++;
    close(depth);
    for (; depth < names.length; depth++) open.push({ depth, from: at, to: at, label: names[depth]!, first: i, end: i });
    at += launch.ms;
    open.forEach((span, d) => (open[d] = { ...span, to: at, end: i + 1 }));
    spans.push({ depth: names.length, from: at - launch.ms, to: at, label: launch.kernel, first: i, end: i + 1 });
  });
  close(0);
  return spans.toSorted((a, b) => a.depth - b.depth || a.from - b.from);
}

/**
 * The bar that a key leads to: left and right to the neighbour of the same depth, up and down to what holds it and to the first that it
 * holds, Home and End to the first and last of its depth. Null where the key is none of them or leads nowhere.
 */
export function nextSpan(spans: readonly Span[], from: Span, key: string): Span | null {
  const row = spans.filter(({ depth }) => depth === from.depth);
  const inside = (inner: Span, outer: Span): boolean => inner.first >= outer.first && inner.end <= outer.end;
  switch (key) {
    case "ArrowLeft": return row[row.indexOf(from) - 1] ?? null;
    case "ArrowRight": return row[row.indexOf(from) + 1] ?? null;
    case "ArrowUp": return spans.find((span) => span.depth === from.depth - 1 && inside(from, span)) ?? null;
    case "ArrowDown": return spans.find((span) => span.depth === from.depth + 1 && inside(span, from)) ?? null;
    case "Home": return row[0] ?? null;
    case "End": return row.at(-1) ?? null;
    default: return null;
  }
}

/** What stands under a bar, added up. */
export function totals(launches: readonly ProfiledLaunch[]): { readonly ms: number; readonly flops: number; readonly bytes: number; readonly count: number } {
  const sum = (of: (launch: ProfiledLaunch) => number): number => launches.reduce((total, launch) => total + of(launch), 0);
  return { ms: sum(({ ms }) => ms), flops: sum(({ flops }) => flops), bytes: sum(({ bytes }) => bytes), count: launches.length };
}

type Timed = Pick<ProfiledLaunch, "ms" | "flops" | "bytes">;

/**
 * Share of what the device's measured roofs allow (Williams, Waterman, Patterson 2009): what the launches could take at least, each under its
 * own roof, over what they took. Above 1 where a cache beats the copy.
 */
export function roofShare(launches: readonly Timed[], peak: NonNullable<StepProfile["peak"]>): number {
  const leastMs = launches.reduce((sum, { flops, bytes }) => sum + Math.max(flops / peak.gflops, bytes / peak.gbps) / 1e6, 0);
  return leastMs / launches.reduce((sum, { ms }) => sum + ms, 0);
}

export interface KernelRow {
  readonly kernel: string;
  readonly variants: string;
  readonly count: number;
  readonly ms: number;
  readonly share: number;
  readonly gflops: number;
  readonly gbps: number;
  /** Of the device's measured roofs; absent where none were measured. */
  readonly roof?: number;
}

/** Launches of a step by kernel, the dearest first; `micro` counts as often as it runs. */
export function kernelRows({ launches, micros, peak }: Pick<StepProfile, "launches" | "micros" | "peak">): KernelRow[] {
  const times = ({ program }: ProfiledLaunch): number => (program === "micro" ? micros : 1);
  const all = launches.reduce((sum, launch) => sum + launch.ms * times(launch), 0) || 1;
  const byKernel = new Map<string, ProfiledLaunch[]>();
  for (const launch of launches) byKernel.set(launch.kernel, [...(byKernel.get(launch.kernel) ?? []), launch]);
  return [...byKernel].map(([kernel, some]) => {
    const sum = (of: (launch: ProfiledLaunch) => number): number => some.reduce((total, launch) => total + of(launch) * times(launch), 0);
    const ms = sum((launch) => launch.ms);
    return {
      kernel, variants: [...new Set(some.map(({ variant }) => variant))].join(", "), count: sum(() => 1), ms, share: ms / all,
      gflops: sum(({ flops }) => flops) / ms / 1e6, gbps: sum(({ bytes }) => bytes) / ms / 1e6, ...(peak ? { roof: roofShare(some, peak) } : {}),
    };
  }).toSorted((a, b) => b.ms - a.ms);
}

/** Time of a whole step as its launches add up to. */
export const launchMs = ({ launches, micros }: Pick<StepProfile, "launches" | "micros">): number =>
  launches.reduce((sum, { ms, program }) => sum + ms * (program === "micro" ? micros : 1), 0);

export interface Tile {
  /** Bytes below it, and its own. */
  readonly from: number;
  readonly size: number;
  readonly first: number;
  readonly last: number;
  readonly label: string;
}

/** Buffers stacked by size, each tensor a tile in its own for as long as it lives. */
export function memoryTiles({ slots, lives }: StepProfile["memory"]): { readonly tiles: Tile[]; readonly bytes: number } {
  const below = new Map<number, number>();
  let bytes = 0;
  for (const { buffer, sizeBytes } of slots.toSorted((a, b) => b.sizeBytes - a.sizeBytes)) {
    below.set(buffer, bytes);
    bytes += sizeBytes;
  }
  return { bytes, tiles: lives.map(({ buffer, sizeBytes, first, last, label }) => ({ from: below.get(buffer) ?? 0, size: sizeBytes, first, last, label })) };
}

/** The step in the Trace Event Format ("JSON Array Format", complete events, microseconds), which chrome://tracing and Perfetto open. */
export function traceJson(profile: StepProfile): string {
  const { launches, device, recipeName, step, peak } = profile;
  const events: unknown[] = [{ name: "process_name", ph: "M", pid: 1, args: { name: `${recipeName}, step ${step}, on ${device}` } }];
  for (const { depth, from, to, label, first, end } of flameOf(launches)) {
    const under = launches.slice(first, end);
    const { flops, bytes } = totals(under);
    const only = under.length === 1 && label === under[0]!.kernel ? under[0]! : null;
    events.push({
      name: label, cat: only ? groupOf(only.kernel) : "module", ph: "X", ts: from * 1000, dur: (to - from) * 1000, pid: 1, tid: depth === 0 ? 0 : 1,
      args: { flops, bytes, ...(only && peak ? { "% of roofline": Number((100 * roofShare([only], peak)).toPrecision(4)) } : {}), ...(only ? { label: only.label, variant: only.variant, dims: only.dims } : { launches: under.length }) },
    });
  }
  return JSON.stringify(events);
}
