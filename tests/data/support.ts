/** Helpers of the data tests: how a thrown NestlingError is looked at. */
import { NestlingError } from "../../src/core/errors.ts";
import type { ChatExample } from "../../src/data/chat.ts";
import type { ByteStream, RecordSink } from "../../src/data/ingest/types.ts";

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

/** A sink that keeps everything, for readers of own files. */
export class CollectedRecords implements RecordSink {
  readonly documents: string[] = [];
  readonly examples: ChatExample[] = [];
  blanks = 0;
  flushes = 0;
  #open = "";

  text(piece: string): void {
    this.#open += piece;
  }

  endDocument(): void {
    this.documents.push(this.#open);
    this.#open = "";
  }

  example(example: ChatExample): void {
    this.examples.push(example);
  }

  blank(): void {
    this.blanks++;
  }

  async flush(): Promise<void> {
    this.flushes++;
  }
}

export const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** Bytes as a Blob whose stream comes in pieces of the given sizes, the last of them repeated. */
export function piecedBlob(bytes: Uint8Array<ArrayBuffer>, sizes: readonly number[]): ByteStream {
  return {
    size: bytes.length,
    slice: (start, end) => new Blob([bytes]).slice(start, end),
    stream: () => {
      let at = 0;
      let turn = 0;
      return new ReadableStream<Uint8Array>({
        pull(controller) {
          if (at >= bytes.length) return controller.close();
          const size = sizes[Math.min(turn++, sizes.length - 1)] ?? bytes.length;
          controller.enqueue(bytes.slice(at, at + size));
          at += size;
        },
      });
    },
  };
}
