/**
 * The page with the stub in the engine's place; `?scene=running&steps=200&longer=10` chooses where it stands,
 * how fast it trains and how many times longer its stages are. Serve with `npx vite tests/ui`.
 */
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
const scene = (query.get("scene") ?? "empty") as StubOptions["scene"];
const stub = new StubEngine({ scene, stepsPerSec: Number(query.get("steps") ?? 12), longer: Number(query.get("longer") ?? 1), lab: query.get("lab") ?? "" });
const app = new NestlingApp();
app.connect = () => Promise.resolve({ api: stub, dispose: () => undefined });
app.presets = presets;
window.stub = stub;
window.app = app;
document.querySelector("#page")!.append(app);
