/** What the browser tells of the page while a run trains: hidden and back, about to go; and the screen, which is asked to stay awake. Knows no engine. */

export interface PageWatchOptions {
  readonly running: () => boolean;
  /** The page is seen or not, or about to go, which counts as not. */
  readonly onVisible: (visible: boolean) => void;
  /** Back after being hidden in training, for longer than one notices. */
  readonly onBack: (hiddenMs: number) => void;
}

const SHORTEST_MS = 2000;

export class PageWatch {
  #hiddenSince: number | null = null;
  #lock: WakeLockSentinel | null = null;
  #wantsScreen = false;

  constructor(readonly options: PageWatchOptions) {}

  begin(): void {
    document.addEventListener("visibilitychange", this.#onVisibility);
    window.addEventListener("beforeunload", this.#onBeforeUnload);
  }

  end(): void {
    document.removeEventListener("visibilitychange", this.#onVisibility);
    window.removeEventListener("beforeunload", this.#onBeforeUnload);
    void this.holdScreen(false);
  }

  readonly #onBeforeUnload = (event: BeforeUnloadEvent): void => {
    if (!this.options.running()) return;
    event.preventDefault();
    // The engine saves while the browser asks, so that whoever leaves finds the last step again; the timer is for who stays.
    this.options.onVisible(false);
    setTimeout(() => this.options.onVisible(document.visibilityState === "visible"));
  };

  readonly #onVisibility = (): void => {
    const visible = document.visibilityState === "visible";
    const running = this.options.running();
    this.options.onVisible(visible);
    if (!visible) {
      this.#hiddenSince = running ? performance.now() : null;
      return;
    }
    void this.holdScreen(running);
    if (this.#hiddenSince === null) return;
    const hiddenMs = performance.now() - this.#hiddenSince;
    this.#hiddenSince = null;
    if (hiddenMs >= SHORTEST_MS) this.options.onBack(hiddenMs);
  };

  /** A screen lock is a courtesy: where the browser refuses it, training goes on without. */
  async holdScreen(hold: boolean): Promise<void> {
    this.#wantsScreen = hold;
    if (!hold) {
      await this.#lock?.release().catch(() => undefined);
      this.#lock = null;
      return;
    }
    if (this.#lock !== null && !this.#lock.released) return;
    this.#lock = null;
    const lock = (await navigator.wakeLock?.request("screen").catch(() => null)) ?? null;
    // A pause may have come while the browser thought about it.
    if (this.#wantsScreen && this.#lock === null) this.#lock = lock;
    else await lock?.release().catch(() => undefined);
  }
}
