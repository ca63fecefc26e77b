/** Golden files and the code of a thrown error, for the store's tests in Node. No assertions here. */
import { readFileSync } from "node:fs";
import { NestlingError } from "../../src/core/errors.ts";
import { parseSafetensors } from "../../src/store/index.ts";
import type { Tensor } from "../../src/store/index.ts";

export * from "./samples.ts";

export function fixture(name: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(new URL(`../fixtures/${name}`, import.meta.url)));
}

/** The code of what `act` throws, now or later; "none" when nothing, "untyped: ..." when it is no NestlingError. */
export async function codeOf(act: () => unknown): Promise<string> {
  try {
    await act();
    return "none";
  } catch (error) {
    return error instanceof NestlingError ? error.code : `untyped: ${String(error)}`;
  }
}

export async function errorOf(act: () => unknown): Promise<NestlingError> {
  try {
    await act();
  } catch (error) {
    if (error instanceof NestlingError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

/** `<part>.<name>` of a golden file, as tensors by name. */
export function goldenPart(file: string, part: string): Map<string, Tensor> {
  const out = new Map<string, Tensor>();
  for (const [name, { shape, data }] of parseSafetensors(fixture(file)).tensors) {
    if (name.startsWith(`${part}.`)) out.set(name.slice(part.length + 1), { shape, data: data as Float32Array });
  }
  return out;
}
