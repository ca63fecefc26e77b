/** The page's keys, as one list: the handler and the help dialog both read it. */

export type KeyAction = "toggle-play" | "single-step" | "undo-run" | "stop-run" | "focus-ask" | "show-models" | "next-theme" | "show-keys" | "view-train" | "view-labs" | "view-bench";

export interface KeyBinding {
  /** As `KeyboardEvent.key`, lower case. */
  readonly key: string;
  readonly shown: string;
  readonly action: KeyAction;
  readonly meaning: string;
}

export const KEYS: readonly KeyBinding[] = [
  { key: " ", shown: "space", action: "toggle-play", meaning: "Play or pause" },
  { key: "s", shown: "S", action: "single-step", meaning: "One step, then pause" },
  { key: "z", shown: "Z", action: "undo-run", meaning: "Back to the last checkpoint" },
  { key: "x", shown: "X", action: "stop-run", meaning: "Stop the run" },
  { key: "/", shown: "/", action: "focus-ask", meaning: "Ask something" },
  { key: "m", shown: "M", action: "show-models", meaning: "Models" },
  { key: "1", shown: "1", action: "view-train", meaning: "Train" },
  { key: "2", shown: "2", action: "view-labs", meaning: "Labs" },
  { key: "3", shown: "3", action: "view-bench", meaning: "Bench" },
  { key: "t", shown: "T", action: "next-theme", meaning: "Theme" },
  { key: "?", shown: "?", action: "show-keys", meaning: "These keys" },
];

const TYPING = new Set(["INPUT", "TEXTAREA", "SELECT"]);
const PRESSABLE = new Set(["BUTTON", "A", "SUMMARY"]);

/** The action of a key press; none while someone types, holds a modifier, or presses a focused button with space. */
export function actionOf(event: KeyboardEvent): KeyAction | undefined {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return undefined;
  const target = event.composedPath()[0];
  if (target instanceof HTMLElement) {
    const typing = TYPING.has(target.tagName) && (target as HTMLInputElement).type !== "radio" && (target as HTMLInputElement).type !== "range";
    if (typing || (event.key === " " && (PRESSABLE.has(target.tagName) || TYPING.has(target.tagName)))) return undefined;
  }
  return KEYS.find(({ key }) => key === event.key.toLowerCase())?.action;
}
