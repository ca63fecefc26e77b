/** The page with the stub in the engine's place; `?scene=running&steps=200` chooses where it stands. Serve with `npx vite tests/ui`. */
import { presets } from "../../src/protocol/presets.ts";
import { NestlingApp } from "../../src/ui/nestling-app.ts";
import type { StubOptions } from "./stub-engine.ts";
import { StubEngine } from "./stub-engine.ts";

declare global {
  interface Window {
    stub: StubEngine;
    app: NestlingApp;
  }
}

const query = new URLSearchParams(location.search);
const stub = new StubEngine({ scene: (query.get("scene") ?? "empty") as StubOptions["scene"], stepsPerSec: Number(query.get("steps") ?? 12) });
const app = new NestlingApp();
app.connect = () => Promise.resolve({ api: stub, dispose: () => undefined });
app.presets = presets;
window.stub = stub;
window.app = app;
document.querySelector("#page")!.append(app);
