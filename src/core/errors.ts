/**
 * The one error type that a person may meet. It is not a place for messages: each caller words its own, in the
 * form "what happened, the number seen and the number allowed, what is safe, what to do next".
 */

/** Stable codes: documentation, tests and the page refer to an error by its code, never by its words. */
export type ErrorCode =
  // Data
  | "DATA_EMPTY" | "DATA_TOO_SHORT" | "DATA_TOO_LONG" | "DATA_UTF8" | "DATA_ENCODING" | "DATA_BINARY" | "DATA_TOO_LARGE" | "DATA_UNREADABLE" | "DATA_MIXED"
  | "JSONL_PARSE" | "JSONL_SCHEMA" | "JSONL_TOO_DEEP" | "JSONL_LIST" | "JSONL_LINE_TOO_LONG"
  | "CSV_PARSE" | "CSV_COLUMNS" | "GZ_TOO_LARGE" | "GZ_CORRUPT"
  | "TOKENIZER_FORMAT" | "TOKEN_RANGE"
  // safetensors and checkpoints
  | "ST_TOO_SHORT" | "ST_HEADER_LENGTH" | "ST_HEADER_TOO_LARGE" | "ST_HEADER_JSON" | "ST_OFFSETS" | "ST_SIZE"
  | "ST_DTYPE" | "ST_NAME" | "ST_TRAILING"
  | "CKPT_NONFINITE" | "CKPT_MISMATCH" | "CKPT_VERSION" | "CKPT_PICKLE" | "CKPT_CORRUPT" | "CKPT_MISSING"
  | "STORAGE_FULL" | "STORAGE_LOCKED" | "STORAGE_MISSING" | "ZIP_FORMAT"
  // Recipes
  | "CONFIG_RANGE" | "CONFIG_UNKNOWN" | "LINK_INVALID"
  // Device and run
  | "MEM_ESTIMATE" | "OUT_OF_MEMORY" | "NONFINITE_LOSS" | "GPU_ERROR" | "GPU_LOST" | "GPU_BLOCKED" | "GPU_MISSING"
  | "SHADER_COMPILE" | "KERNEL_DIMS" | "KERNEL_BINDING" | "PLAN" | "WORKER_DEAD" | "CANCELLED" | "COMMAND";

export class NestlingError extends Error {
  override readonly name = "NestlingError";
  /** @param details numbers and names that the message speaks of, for tests and for the page */
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly details: Readonly<Record<string, unknown>> = {},
  ) {
    super(`[${code}] ${message}`);
  }
}

/** Any thrown thing as `{code, message}`, safe to send across a thread border; the code stands in its field alone. */
export function describeError(error: unknown): { code: string; message: string; details: Record<string, unknown> } {
  if (error instanceof NestlingError) return { code: error.code, message: error.message.slice(error.code.length + 3), details: { ...error.details } };
  if (error instanceof Error) return { code: "UNKNOWN", message: `${error.name}: ${error.message}`, details: { stack: error.stack ?? "" } };
  return { code: "UNKNOWN", message: String(error), details: {} };
}
