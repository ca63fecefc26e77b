/**
 * Trains byte-level BPE: counts words once, then merges the most frequent pair again and again with counts kept up to
 * date, so that a merge costs the words it touches and not the whole text. Encoding is `bpe.ts`.
 */
import { NestlingError } from "../../core/errors.ts";
import { BpeTokenizer } from "./bpe.ts";
import { BYTE_TO_CHAR } from "./bytes.ts";
import { Heap } from "./heap.ts";
import { preTokenize } from "./pretokenize.ts";
import { SPECIAL_TOKENS } from "./types.ts";

export interface TrainBpeOptions {
  /** Upper limit, special tokens and the 256 bytes included; fewer come out where the text repeats too little. */
  readonly vocabSize: number;
  /** Ids 0, 1, ... in this order. */
  readonly specials?: readonly string[];
  /** Share done, 0 to 1. */
  readonly onProgress?: (share: number) => void;
  /** Asked between slices of about 40 ms. */
  readonly shouldStop?: () => boolean;
}

/** A pair seen once makes a token for one word: not worth its row in the embedding. */
const MIN_COUNT = 2;
/** Longer pieces (a line of dashes, text without spaces) are counted in parts: statistics, not encoding. */
const MAX_WORD = 64;
const SLICE_MS = 40;
/** Pairs are a * 2^21 + b: exact in a double for any vocabulary allowed here. */
const PAIR = 2 ** 21;
const MAX_VOCAB = 262_144;

/**
 * Ties go to the pair with the smaller ids, so the same texts always give the same tokenizer. Runs in slices: the thread
 * answers messages in between.
 * @throws NestlingError CONFIG_RANGE, CANCELLED
 */
export async function trainBpe(texts: Iterable<string>, options: TrainBpeOptions): Promise<BpeTokenizer> {
  const specials = options.specials ?? SPECIAL_TOKENS;
  const least = specials.length + 256;
  if (!Number.isInteger(options.vocabSize) || options.vocabSize < least || options.vocabSize > MAX_VOCAB) {
    throw new NestlingError("CONFIG_RANGE", `vocab_size is ${options.vocabSize}; byte-level BPE takes ${least} (256 bytes and ` +
      `${specials.length} special tokens) to ${MAX_VOCAB}. Set vocab_size within that range.`, { field: "vocab_size", value: options.vocabSize });
  }
  const work = training(texts, options.vocabSize, specials);
  let sliceEnd = performance.now() + SLICE_MS;
  for (;;) {
    const turn = work.next();
    if (turn.done) return turn.value;
    if (performance.now() < sliceEnd) continue;
    options.onProgress?.(turn.value);
    await new Promise((resolve) => setTimeout(resolve, 0));
    if (options.shouldStop?.()) throw new NestlingError("CANCELLED", "Training the tokenizer was stopped; nothing was changed.");
    sliceEnd = performance.now() + SLICE_MS;
  }
}

function* training(texts: Iterable<string>, vocabSize: number, specials: readonly string[]): Generator<number, BpeTokenizer> {
  const list = [...texts];
  const total = list.reduce((sum, text) => sum + text.length, 0);
  const counts = new Map<string, number>();
  let read = 0;
  for (const text of list) {
    for (const part of slices(text)) {
      preTokenize(part, (start, end) => {
        for (let i = start; i < end; i += MAX_WORD) {
          const word = part.slice(i, Math.min(end, i + MAX_WORD));
          counts.set(word, (counts.get(word) ?? 0) + 1);
        }
      });
      read += part.length;
      yield (0.4 * read) / total;
    }
  }
  const pairs = new PairCounts(counts, specials.length);
  const vocab = [...specials, ...BYTE_TO_CHAR];
  const merges: [number, number][] = [];
  while (vocab.length < vocabSize) {
    const best = pairs.takeBest();
    if (!best) break;
    const [a, b] = best;
    pairs.merge(a, b, vocab.length);
    merges.push([a, b]);
    vocab.push(vocab[a] + vocab[b]);
    yield 0.4 + (0.6 * vocab.length) / vocabSize;
  }
  return new BpeTokenizer({ vocab, merges, specials: new Map(specials.map((name, id) => [name, id])) });
}

/** Text in parts of about 256 K characters, cut where a line ends if there is one. */
function* slices(text: string): Generator<string> {
  const size = 1 << 18;
  for (let start = 0; start < text.length; ) {
    const line = start + size < text.length ? text.indexOf("\n", start + size) : -1;
    const end = start + size >= text.length ? text.length : line < 0 || line > start + 2 * size ? start + size : line;
    yield text.slice(start, end);
    start = end;
  }
}

/** Words as symbols with how often each stands in the text, and for each pair its count and where it may be found. */
class PairCounts {
  /** All words' symbols, one after another; a merge shortens a word in place. */
  readonly #symbols: Uint32Array;
  readonly #wordStart: number[] = [];
  readonly #wordLength: number[] = [];
  readonly #wordCount: number[] = [];
  readonly #index = new Map<number, number>();
  readonly #pairs: number[] = [];
  readonly #counts: number[] = [];
  /** Words that held the pair when it was counted; some may hold it no longer. */
  readonly #words: number[][] = [];
  /** The count under which a pair waits in the queue. After its birth a pair's count only falls, so one entry each will do. */
  readonly #queued: number[] = [];
  readonly #queue = new Heap((x, y) =>
    this.#queued[x] !== this.#queued[y] ? this.#queued[x] > this.#queued[y] : this.#pairs[x] < this.#pairs[y]);
  #fresh: number[] = [];

  constructor(words: ReadonlyMap<string, number>, firstByteId: number) {
    const utf8 = new TextEncoder();
    let size = 0;
    const encoded = Array.from(words, ([word, count]) => {
      const bytes = utf8.encode(word);
      this.#wordStart.push(size);
      this.#wordLength.push(bytes.length);
      this.#wordCount.push(count);
      size += bytes.length;
      return bytes;
    });
    this.#symbols = new Uint32Array(size);
    encoded.forEach((bytes, w) => {
      const start = this.#wordStart[w];
      for (let i = 0; i < bytes.length; i++) this.#symbols[start + i] = bytes[i] + firstByteId;
      for (let i = 1; i < bytes.length; i++) this.#add(this.#symbols[start + i - 1], this.#symbols[start + i], w, this.#wordCount[w]);
    });
    this.#enqueueFresh();
  }

  /** The most frequent pair, taken out of the queue; null when none is frequent enough. */
  takeBest(): [number, number] | null {
    for (let pair = this.#queue.pop(); pair !== undefined; pair = this.#queue.pop()) {
      const count = this.#counts[pair];
      if (count < MIN_COUNT) continue;
      if (count === this.#queued[pair]) return [Math.floor(this.#pairs[pair] / PAIR), this.#pairs[pair] % PAIR];
      this.#queued[pair] = count;
      this.#queue.push(pair);
    }
    return null;
  }

  /** Writes `merged` for every a, b, left to right, and moves the neighbours' counts along. */
  merge(a: number, b: number, merged: number): void {
    const symbols = this.#symbols;
    const pair = this.#index.get(a * PAIR + b)!;
    for (const w of this.#words[pair]) {
      const start = this.#wordStart[w];
      const end = start + this.#wordLength[w];
      const count = this.#wordCount[w];
      let to = start;
      for (let from = start; from < end; to++) {
        if (from + 1 >= end || symbols[from] !== a || symbols[from + 1] !== b) {
          symbols[to] = symbols[from++];
          continue;
        }
        if (to > start) {
          this.#add(symbols[to - 1], a, w, -count);
          this.#add(symbols[to - 1], merged, w, count);
        }
        if (from + 2 < end) {
          this.#add(b, symbols[from + 2], w, -count);
          this.#add(merged, symbols[from + 2], w, count);
        }
        symbols[to] = merged;
        from += 2;
      }
      this.#wordLength[w] = to - start;
    }
    this.#counts[pair] = 0;
    this.#words[pair] = [];
    this.#enqueueFresh();
  }

  #add(a: number, b: number, word: number, count: number): void {
    const key = a * PAIR + b;
    let pair = this.#index.get(key);
    if (pair === undefined) {
      pair = this.#pairs.push(key) - 1;
      this.#index.set(key, pair);
      this.#counts.push(0);
      this.#words.push([]);
      this.#queued.push(0);
      this.#fresh.push(pair);
    }
    this.#counts[pair] += count;
    const words = this.#words[pair];
    if (count > 0 && words[words.length - 1] !== word) words.push(word);
  }

  #enqueueFresh(): void {
    for (const pair of this.#fresh) {
      this.#queued[pair] = this.#counts[pair];
      this.#queue.push(pair);
    }
    this.#fresh = [];
  }
}
