import type { Contender } from "./contender.ts";
export function open(backend: "webgpu" | "wasm"): Promise<Contender>;
