/** Helpers of the data tests: how a thrown NestlingError is looked at. */
import { NestlingError } from "../../src/core/errors.ts";

/** The NestlingError that the call throws; fails where it throws none, or another kind. */
export function errorOf(call: () => unknown): NestlingError {
  let value: unknown;
  try {
    value = call();
  } catch (error) {
    if (error instanceof NestlingError) return error;
    throw error;
  }
  throw new Error(`expected a NestlingError, got ${JSON.stringify(value)?.slice(0, 200)}`);
}

export const codeOf = (call: () => unknown): string => errorOf(call).code;

export async function rejectionOf(promise: Promise<unknown>): Promise<NestlingError> {
  const outcome = await promise.then((value) => ({ value }), (error: unknown) => ({ error }));
  return errorOf(() => {
    if ("error" in outcome) throw outcome.error;
    return outcome.value;
  });
}
