/** What the page does when its recipe is chosen, edited, opened or handed on: for `app-actions` alone. Starts no run. */
import { describeError, NestlingError } from "../../core/errors.ts";
import type { Recipe } from "../../protocol/index.ts";
import { distance, nearest } from "../../protocol/recipe-diff.ts";
import { validateRecipe } from "../../protocol/recipe-fields.ts";
import { isRecipeLink, readRecipeLink, writeRecipeLink } from "../../protocol/recipe-link.ts";
import { plural, safeName } from "../shared/format.ts";
import type { NestlingApp } from "../nestling-app.ts";
import { fileName, saveBlob } from "../page-files.ts";
import { methodOf, withMethod } from "./recipe-choice.ts";
import type { PlanDetail } from "./recipe-cost.ts";
import type { OpenRecipe } from "./recipe-editor.ts";
import type { Method } from "./recipe-method.ts";
import { withOwnText } from "../models/sides.ts";

export type Handlers = Readonly<Record<string, (detail: never) => void>>;

/** A recipe is a page of text; a file past this is something else. */
const MOST_FILE_BYTES = 1_000_000;

export interface RecipeActions {
  readonly on: Handlers;
  /** Takes the recipe that came with the page's address, if one did, out of the address and into the editor. */
  readLink(): void;
  openFile(file: { readonly name: string; readonly data: Blob }): Promise<void>;
  /** Says where a recipe that arrived is, once, where a run hides the start page; an earlier run may open after the link was read. */
  afterUpdate(): void;
}

export function recipeActions(app: NestlingApp): RecipeActions {
  const controller = app.run;
  let told = "";

  const take = (recipe: Recipe): void => {
    app.chosen = recipe;
    app.method = methodOf(recipe) ?? app.method;
  };

  /** One that came from elsewhere: shown as such, never begun. */
  const arrive = (recipe: Recipe, from: string): void => {
    // A text that only its owner has cannot come along; one's own stands in for it.
    take(app.ownText === null ? recipe : withOwnTextWhereMeant(recipe, app.ownText.id));
    const preset = nearest(recipe, app.presets);
    const changes = distance(preset, recipe);
    app.linkNote = `${from} ${changes === 0 ? `It is ${safeName(preset.name)}, unchanged.` : `${plural(changes, "field")} differ${changes === 1 ? "s" : ""} from ${safeName(preset.name)}.`} Nothing was started.`;
    app.tab = "recipe";
  };

  const readLink = (): void => {
    const { hash } = location;
    if (!isRecipeLink(hash)) return;
    // Out of the address at once: a reload must not bring it back over what the person chose since.
    history.replaceState(null, "", location.href.slice(0, location.href.indexOf("#")));
    try {
      arrive(readRecipeLink(hash, app.presets), "A recipe came with the link.");
    } catch (error) {
      controller.notify("error", "LINK_INVALID", describeError(error).message);
    }
  };

  const openFile = async ({ name, data }: { readonly name: string; readonly data: Blob }, say = (code: string, text: string) => controller.notify("error", code, text)): Promise<void> => {
    try {
      if ((await data.slice(0, 200).text()).trimStart().startsWith("[")) {
        say("JSONL_LIST", `${safeName(name)} is a JSON list, which is no recipe. To train on what is in it, save it as JSON Lines: one object a line, without the brackets and the commas between, as a .jsonl file. Nothing was changed.`);
        return;
      }
      if (data.size > MOST_FILE_BYTES) throw new NestlingError("CONFIG_UNKNOWN", `it has ${data.size} bytes; a recipe has at most ${MOST_FILE_BYTES}.`);
      let value: unknown;
      try {
        value = JSON.parse(await data.text());
      } catch (error) {
        throw new NestlingError("CONFIG_UNKNOWN", `it is not JSON (${error instanceof Error ? error.message.slice(0, 120) : "unreadable"}).`);
      }
      arrive(validateRecipe(value), `The recipe of ${safeName(name)} is open.`);
    } catch (error) {
      const { code, message } = describeError(error);
      say(code, `${safeName(name)} was not opened as a recipe: ${message} Your recipe is as it was.`);
    }
  };

  const copyLink = async (): Promise<void> => {
    try {
      const url = location.href.split("#")[0]! + writeRecipeLink(controller.state.run?.recipe ?? app.recipe, app.presets);
      await navigator.clipboard.writeText(url).then(
        () => controller.notify("info", "LINK_COPIED", "The link is copied. Whoever opens it gets this recipe, and starts it or not."),
        () => {
          history.replaceState(null, "", url);
          controller.notify("info", "LINK_SHOWN", "The browser did not let the page copy; the link stands in the address bar.");
        },
      );
    } catch (error) {
      const { code, message } = describeError(error);
      controller.notify("error", code, message);
    }
  };

  const on: Handlers = {
    "choose-method": (method: Method) => {
      app.method = method;
      app.chosen = withMethod(app.recipe, method);
    },
    "edit-recipe": take,
    "save-recipe": (recipe: Recipe) => saveBlob(new Blob([`${JSON.stringify(recipe, null, 2)}\n`], { type: "application/json" }), fileName(recipe.name, 0).replace(/\.zip$/, ".recipe.json")),
    // The editor's dialog stands before the notices: it says itself what is wrong.
    "open-recipe": ({ file, refuse }: OpenRecipe) => void openFile({ name: file.name, data: file }, (_code, text) => refuse(text)),
    "plan-memory": ({ recipe, tell }: PlanDetail) => void controller.planMemory(recipe).then(tell),
    "copy-link": () => void copyLink(),
  };
  const afterUpdate = (): void => {
    if (app.linkNote === told) return;
    if (app.linkNote !== "" && controller.state.run === null) return;
    told = app.linkNote;
    if (told !== "") controller.notify("info", "RECIPE_READY", `${told} It stands on the start page: begin another run to see it.`);
  };
  return { on, readLink, openFile, afterUpdate };
}

/** One's own text only where the recipe asks for somebody's. */
function withOwnTextWhereMeant(recipe: Recipe, id: string): Recipe {
  return recipe.stages.some((stage) => stage.data.some(({ corpus }) => corpus === "own")) ? withOwnText(recipe, id) : recipe;
}
