/** Starts the page: gives the app the real engine and puts it in its place. The one module of the page that does anything on import. */
import { presets } from "../protocol/presets.ts";
import { connectEngine } from "./engine-client.ts";
import { NestlingApp } from "./nestling-app.ts";

// A driver that wants only the engine has emptied the body by now; then there is no place, and no page.
const place = document.querySelector("#page");
if (place !== null) {
  const app = new NestlingApp();
  app.connect = connectEngine;
  app.presets = presets;
  place.replaceChildren(app);
}
