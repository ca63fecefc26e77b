/** What the page does when its recipe is chosen, edited, opened or handed on: for `app-actions` alone. Starts no run. */
import type { NestlingApp } from "./nestling-app.ts";
import { withMethod } from "./recipe-choice.ts";
import type { Method } from "./recipe-method.ts";

export type Handlers = Readonly<Record<string, (detail: never) => void>>;

export function recipeActions(app: NestlingApp): Handlers {
  return {
    "choose-method": (method: Method) => {
      app.method = method;
      app.chosen = withMethod(app.recipe, method);
    },
  };
}
