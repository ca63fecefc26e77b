/** What the page does when the look-inside panel or the step profile asks: one command of the controller each, one at a time. Draws nothing. */
import type { InsidePanel, LookDetail } from "./inside-panel.ts";
import type { NestlingApp } from "../nestling-app.ts";

export function insideActions(app: NestlingApp): Readonly<Record<string, (detail: never) => void>> {
  const panelOf = (): InsidePanel | null => app.renderRoot.querySelector("inside-panel");
  let next: LookDetail | null = null;
  let looking = false;
  let measuring = false;

  /** Whatever was asked while a look was under way, only the newest is looked at next. */
  const look = async (detail: LookDetail): Promise<void> => {
    next = detail;
    if (looking) return;
    looking = true;
    while (next !== null) {
      const { id, prompt } = next;
      next = null;
      const found = await app.run.tried((api) => api.lookInside(id, prompt));
      const panel = panelOf();
      if (next !== null || panel === null) continue;
      if ("code" in found) panel.error = found;
      else [panel.view, panel.error] = [found, null];
    }
    looking = false;
  };

  const measure = async (): Promise<void> => {
    if (measuring) return;
    measuring = true;
    const norms = await app.run.gradientNorms();
    const panel = panelOf();
    if (panel !== null) panel.norms = norms;
    measuring = false;
  };

  const profile = async (): Promise<void> => {
    const found = await app.run.tried((api) => api.profileStep());
    const panel = app.renderRoot.querySelector("step-profile");
    if (panel === null) return;
    if ("code" in found) panel.error = found;
    else [panel.profile, panel.error] = [found, null];
  };

  return {
    "show-profile": () => app.renderRoot.querySelector("step-profile")?.show(),
    "measure-step": () => void profile(),
    "show-inside": () => panelOf()?.show(app.prompt),
    "look-inside": (detail: LookDetail) => void look(detail),
    "measure-gradients": () => void measure(),
    "close-inside": () => {
      next = null;
      void app.run.closeInside();
    },
  };
}
