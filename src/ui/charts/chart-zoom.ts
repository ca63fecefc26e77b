/** The part of the x axis that charts show: zooming and panning as pure functions, and the gestures that ask for them. */

/** From and to, in the axis's own unit; null = everything. */
export type ChartRange = readonly [number, number] | null;

/** A range may not be narrower than this share of everything. */
const NARROWEST = 1e-6;
const WHEEL_FACTOR = 1.2;

/** Inside what there is, in order, not narrower than allowed; everything becomes null. */
export function clampRange([from, to]: readonly [number, number], [first, last]: readonly [number, number]): ChartRange {
  const whole = last - first;
  if (!(whole > 0) || !(to > from)) return null;
  const width = Math.min(whole, Math.max(to - from, whole * NARROWEST));
  const start = Math.min(Math.max(from, first), last - width);
  return width >= whole * (1 - 1e-9) ? null : [start, start + width];
}

/** Narrower by `factor` (above 1 = closer) around `anchor`, which keeps its place on the screen. */
export function zoomRange(range: ChartRange, extent: readonly [number, number], anchor: number, factor: number): ChartRange {
  const [from, to] = range ?? extent;
  return clampRange([anchor - (anchor - from) / factor, anchor + (to - anchor) / factor], extent);
}

/** Moved by a share of its own width; everything stays everything. */
export function panRange(range: ChartRange, extent: readonly [number, number], share: number): ChartRange {
  if (range === null) return null;
  const by = (range[1] - range[0]) * share;
  return clampRange([range[0] + by, range[1] + by], extent);
}

/** What lay under two fingers lies under them still: shares of the plot's width, 0 to 1, before and now. */
export function pinchRange(range: ChartRange, extent: readonly [number, number], before: readonly [number, number], now: readonly [number, number]): ChartRange {
  const [from, to] = range ?? extent;
  const spread = now[1] - now[0];
  // Fingers that cross, or meet, say nothing.
  if (Math.abs(spread) < 0.02 || Math.sign(spread) !== Math.sign(before[1] - before[0])) return range;
  const width = ((before[1] - before[0]) * (to - from)) / spread;
  const start = from + before[0] * (to - from) - now[0] * width;
  return clampRange([start, start + width], extent);
}

/** What a chart needs to turn gestures into ranges. */
export interface ZoomTarget {
  readonly extent: readonly [number, number];
  readonly range: ChartRange;
  /** The x under a client coordinate; null outside the plot. */
  xAt(clientX: number): number | null;
  ask(range: ChartRange): void;
}

/** Ctrl and wheel (or a pinch) zooms, a sideways wheel or shift and wheel pans; a plain wheel is the page's own. */
export function onWheel(event: WheelEvent, target: ZoomTarget): void {
  const { extent, range } = target;
  const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
  if (sideways && range !== null) {
    event.preventDefault();
    target.ask(panRange(range, extent, Math.sign(event.deltaX || event.deltaY) * 0.1));
    return;
  }
  const anchor = target.xAt(event.clientX);
  if (!event.ctrlKey || anchor === null) return;
  event.preventDefault();
  target.ask(zoomRange(range, extent, anchor, event.deltaY < 0 ? WHEEL_FACTOR : 1 / WHEEL_FACTOR));
}

/** Plus and minus zoom, arrows pan, zero and Escape show everything. True where the key was one of them. */
export function onZoomKey(event: KeyboardEvent, { extent, range, ask }: Omit<ZoomTarget, "xAt">): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const [from, to] = range ?? extent;
  const next: Readonly<Record<string, () => ChartRange>> = {
    "+": () => zoomRange(range, extent, (from + to) / 2, 1.5),
    "=": () => zoomRange(range, extent, (from + to) / 2, 1.5),
    "-": () => zoomRange(range, extent, (from + to) / 2, 1 / 1.5),
    ArrowLeft: () => panRange(range, extent, -0.2),
    ArrowRight: () => panRange(range, extent, 0.2),
    "0": () => null,
    Escape: () => null,
  };
  const act = next[event.key];
  if (act === undefined || (event.key === "Escape" && range === null)) return false;
  event.preventDefault();
  event.stopPropagation();
  ask(act());
  return true;
}
