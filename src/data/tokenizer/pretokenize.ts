/**
 * GPT-2's pre-tokenizer: cuts text into the pieces inside which BPE merges. Written as a scanner over character classes,
 * since a regular expression's backtracking grows with the longest run and a person's file may be one run.
 *
 * It finds what this finds (Radford et al. 2019, with Unicode's White_Space for \s as in the Rust tokenizers):
 *   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 */

const OTHER = 1;
const LETTER = 2;
const NUMBER = 3;
const SPACE = 4;

const classes = new Uint8Array(0x110000);

function classify(code: number): number {
  const known = classes[code];
  if (known) return known;
  const char = String.fromCodePoint(code);
  return (classes[code] = /\p{L}/u.test(char) ? LETTER : /\p{N}/u.test(char) ? NUMBER : /\p{White_Space}/u.test(char) ? SPACE : OTHER);
}

/** End of the run of one class that begins at `from`. */
function runEnd(text: string, from: number, kind: number): number {
  let i = from;
  while (i < text.length) {
    const code = text.codePointAt(i)!;
    if (classify(code) !== kind) break;
    i += code > 0xffff ? 2 : 1;
  }
  return i;
}

/** Length of an English contraction at `i` (an apostrophe stands there), or 0. */
function contraction(text: string, i: number): number {
  const a = text[i + 1];
  if (a === "s" || a === "t" || a === "m" || a === "d") return 2;
  const b = text[i + 2];
  return (a === "r" && b === "e") || (a === "v" && b === "e") || (a === "l" && b === "l") ? 3 : 0;
}

/** Calls `piece(start, end)` for each piece of the text, in order and without gaps. Indices are UTF-16 units. */
export function preTokenize(text: string, piece: (start: number, end: number) => void): void {
  for (let i = 0; i < text.length; ) {
    const code = text.codePointAt(i)!;
    const kind = classify(code);
    let end: number;
    if (kind === SPACE) {
      end = runEnd(text, i, SPACE);
      if (end < text.length) {
        // The last space of a run belongs to the word after it, unless it is no plain space: then it stands alone.
        if (end - i > 1) end--;
        else if (code === 0x20) end = runEnd(text, end, classify(text.codePointAt(end)!));
      }
    } else {
      const short = code === 0x27 ? contraction(text, i) : 0;
      end = short ? i + short : runEnd(text, i, kind);
    }
    piece(i, end);
    i = end;
  }
}
