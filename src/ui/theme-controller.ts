/** Which theme the page wears: the system's, or the person's choice, kept in this browser. */
import type { ReactiveController, ReactiveControllerHost } from "lit";
import type { ThemeChoice } from "./app-bar.ts";

const STORED = "nestling-theme";
const ORDER: readonly ThemeChoice[] = ["system", "light", "dark"];

export class ThemeController implements ReactiveController {
  choice: ThemeChoice = "system";
  private readonly dark = matchMedia("(prefers-color-scheme: dark)");

  constructor(private readonly host: ReactiveControllerHost) {
    host.addController(this);
  }

  /** The theme in force: charts draw anew when it changes. */
  get shown(): "light" | "dark" {
    return this.choice === "system" ? (this.dark.matches ? "dark" : "light") : this.choice;
  }

  hostConnected(): void {
    this.dark.addEventListener("change", this.onSystem);
    this.apply(ORDER.find((name) => name === this.read()) ?? "system");
  }

  hostDisconnected(): void {
    this.dark.removeEventListener("change", this.onSystem);
  }

  /** From system to light to dark and round again. */
  next(): void {
    this.apply(ORDER[(ORDER.indexOf(this.choice) + 1) % ORDER.length]);
    try {
      localStorage.setItem(STORED, this.choice);
    } catch {
      // Storage may be refused; the choice then lasts as long as the page.
    }
  }

  private read(): string | null {
    try {
      return localStorage.getItem(STORED);
    } catch {
      return null;
    }
  }

  private apply(choice: ThemeChoice): void {
    this.choice = choice;
    if (choice === "system") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = choice;
    this.host.requestUpdate();
  }

  private readonly onSystem = (): void => this.host.requestUpdate();
}
