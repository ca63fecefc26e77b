/** Fingers on a chart: two zoom and move it, one moves it once it is zoomed. Up and down stay the page's own. */
import { panRange, pinchRange, type ZoomTarget } from "./chart-zoom.ts";

/** Where the gesture began, and what was shown then. */
interface Held {
  readonly range: ZoomTarget["range"];
  readonly shares: readonly number[];
  /** Where the first finger came down, in client pixels. */
  readonly at: readonly [number, number];
}

/** Turns touches into ranges; `box` is the plot in client coordinates, and `target` is asked anew each time. */
export class ChartTouch {
  private held: Held | null = null;
  /** One finger has moved sideways before it moved up or down: the gesture is the chart's until it ends. */
  private decided = false;

  constructor(
    private readonly box: () => DOMRect | undefined,
    private readonly target: () => Omit<ZoomTarget, "xAt">,
  ) {}

  /** Also where a finger comes or goes: the gesture begins anew with those that are left. */
  readonly begin = (event: TouchEvent): void => {
    const shares = this.shares(event);
    const [first] = event.touches;
    this.decided = false;
    this.held = first !== undefined && shares.length <= 2 ? { range: this.target().range, shares, at: [first.clientX, first.clientY] } : null;
  };

  readonly move = (event: TouchEvent): void => {
    const { held } = this;
    const now = this.shares(event);
    if (held === null || now.length !== held.shares.length) return;
    const { extent, ask } = this.target();
    if (now.length === 2) {
      event.preventDefault();
      ask(pinchRange(held.range, extent, [held.shares[0], held.shares[1]], [now[0], now[1]]));
    } else if (held.range !== null) {
      const [finger] = event.touches;
      const [across, along] = [Math.abs(finger.clientX - held.at[0]), Math.abs(finger.clientY - held.at[1])];
      if (!this.decided && along >= across) {
        // The page scrolls from here on; a first move that was prevented would never let it.
        if (along > 0) this.held = null;
        return;
      }
      this.decided = true;
      if (event.cancelable) event.preventDefault();
      ask(panRange(held.range, extent, held.shares[0] - now[0]));
    }
  };

  private shares(event: TouchEvent): number[] {
    const box = this.box();
    return box === undefined ? [] : [...event.touches].map(({ clientX }) => (clientX - box.left) / box.width);
  }
}
