/** What both kinds of tokenizer share: checking ids, and decoding by bytes with special tokens kept apart. */
import { NestlingError } from "../../core/errors.ts";
import type { DecodeOptions, StreamDecoder, TokenPiece } from "./types.ts";

/** How a vocabulary is read: a token's name if it is special, its UTF-8 bytes, its visible form. */
export interface TokenTable {
  readonly vocabSize: number;
  specialName(id: number): string | undefined;
  bytes(id: number): Uint8Array;
  visible(id: number): string;
}

/** @throws NestlingError TOKEN_RANGE */
export function checkId(id: number, vocabSize: number): void {
  if (!Number.isInteger(id) || id < 0 || id >= vocabSize) {
    throw new NestlingError("TOKEN_RANGE", `Token id ${id} is outside the vocabulary; ids run from 0 to ${vocabSize - 1}. ` +
      "The ids come from another tokenizer: use the one stored with the checkpoint.", { id, vocabSize });
  }
}

export function tableStreamDecoder(table: TokenTable, options: DecodeOptions = {}): StreamDecoder {
  const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
  return {
    push(id) {
      checkId(id, table.vocabSize);
      const name = table.specialName(id);
      if (name === undefined) return utf8.decode(table.bytes(id), { stream: true });
      // A marker ends what was held back, whether or not it is shown.
      return utf8.decode() + (options.showSpecials ? name : "");
    },
    flush: () => utf8.decode(),
  };
}

export function tableDecode(table: TokenTable, ids: ArrayLike<number>, options: DecodeOptions = {}): string {
  const stream = tableStreamDecoder(table, options);
  const parts: string[] = [];
  for (let i = 0; i < ids.length; i++) parts.push(stream.push(ids[i]));
  return parts.join("") + stream.flush();
}

export function tablePieces(table: TokenTable, ids: ArrayLike<number>): TokenPiece[] {
  return Array.from(ids, (id) => {
    checkId(id, table.vocabSize);
    const name = table.specialName(id);
    return { id, text: name ?? table.visible(id), special: name !== undefined };
  });
}
