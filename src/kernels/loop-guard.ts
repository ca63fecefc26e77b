/**
 * A bound on every loop of a kernel's text, for texts that nobody has tried yet: an endless loop holds a GPU until the system resets
 * it. Reads WGSL by its tokens, which is enough: WGSL has no macros and no strings. No kernel, and nothing that trains.
 */
import { NestlingError } from "../core/errors.ts";
import type { AnyKernel, AnyVariant, DimValues } from "../device/types.ts";
import guard from "../../shaders/lib/loop-guard.wgsl?raw";

/** What waits for other invocations, or speaks to them: all of them must get there. */
const TOGETHER = /^(workgroupBarrier|storageBarrier|textureBarrier|workgroupUniformLoad|subgroup\w*|quad\w*)$/;
const TOKEN = /[\p{L}_][\p{L}\p{M}\p{N}_]*|[{}()]/gu;

/** Loops and functions of one text. No kernel has a tenth of it, and each is looked through as a whole. */
const MOST_PARTS = 500;

/** The guard's own binding; its one u32 is 0, or the number of the loop in which an invocation's turns were up, counted from 1 and from the end. */
export const GUARD = "guard_ended";

export interface GuardedText {
  readonly wgsl: string;
  /** By number: the line of its keyword in the text as it was, from 1. */
  readonly lines: readonly number[];
}

interface Token {
  readonly text: string;
  readonly at: number;
}

interface Loop {
  readonly at: number;
  /** Just behind the brace that opens its body. */
  readonly body: number;
  readonly from: number;
  /** Token index past its end. */
  until: number;
}

/** Comments as spaces, so that places stay; block comments nest. */
function withoutComments(text: string): string {
  const out = text.split("");
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const two = text.slice(i, i + 2);
    if (depth === 0 && two === "//") {
      for (; i < text.length && !/[\n\v\f\r\u0085\u2028\u2029]/.test(text[i]!); i++) out[i] = " ";
    } else if (two === "/*" || (two === "*/" && depth > 0)) {
      depth += two === "/*" ? 1 : -1;
      out[i] = out[++i] = " ";
    } else if (depth > 0 && text[i] !== "\n") out[i] = " ";
  }
  return out.join("");
}

/** Index of the token that closes what the one at `open` opens; the last where nothing does. */
function closing(tokens: readonly Token[], open: number): number {
  const [up, down] = tokens[open]!.text === "{" ? ["{", "}"] : ["(", ")"];
  let depth = 0;
  for (let i = open; i < tokens.length; i++) {
    if (tokens[i]!.text === up) depth++;
    else if (tokens[i]!.text === down && --depth === 0) return i;
  }
  return tokens.length - 1;
}

function nextBrace(tokens: readonly Token[], from: number): number {
  for (let i = from; i < tokens.length; i++) if (tokens[i]!.text === "{") return i;
  return -1;
}

/** Names of the text's own functions that wait for other invocations, directly or through one another. */
function waitingFunctions(tokens: readonly Token[]): ReadonlySet<string> {
  const bodies = new Map<string, Set<string>>();
  tokens.forEach(({ text }, i) => {
    if (text !== "fn" || tokens[i + 1] === undefined) return;
    const open = nextBrace(tokens, i + 1);
    if (open >= 0) bodies.set(tokens[i + 1]!.text, new Set(tokens.slice(open, closing(tokens, open) + 1).map((token) => token.text)));
  });
  const waiting = new Set<string>();
  for (let found = -1; found !== waiting.size; ) {
    found = waiting.size;
    for (const [name, words] of bodies) if ([...words].some((word) => TOGETHER.test(word) || waiting.has(word))) waiting.add(name);
  }
  return waiting;
}

function loopsOf(tokens: readonly Token[]): Loop[] {
  return tokens.flatMap(({ text, at }, i): Loop[] => {
    if (text !== "for" && text !== "while" && text !== "loop") return [];
    // A header holds no braces; that of `for` is in parentheses.
    const from = text === "for" && tokens[i + 1]?.text === "(" ? closing(tokens, i + 1) : i;
    const open = nextBrace(tokens, from + 1);
    return open < 0 ? [] : [{ at, body: tokens[open]!.at + 1, from: i, until: closing(tokens, open) + 1 }];
  });
}

/**
 * The text with every loop bounded, to be compiled behind the constants that the guard needs. Lines stay where they were.
 * @param alone every loop counts for itself: for texts that the shared count keeps from compiling
 * @param binding of the guard; left open where nothing is compiled
 * @throws NestlingError COMMAND past 500 loops and functions
 */
export function guardLoops(source: string, alone = false, binding?: number): GuardedText {
  const bare = withoutComments(source);
  const tokens = [...bare.matchAll(TOKEN)].map(({ 0: text, index }): Token => ({ text, at: index }));
  const parts = tokens.filter(({ text }) => /^(fn|for|while|loop)$/.test(text)).length;
  if (parts > MOST_PARTS) throw new NestlingError("COMMAND", `This text has ${parts} loops and functions; ${MOST_PARTS} are allowed. Leave some of them out.`, { seen: parts, allowed: MOST_PARTS });
  const waiting = waitingFunctions(tokens);
  const loops = loopsOf(tokens);
  const inserts: { readonly at: number; readonly text: string }[] = [];
  loops.forEach(({ at, body, from, until }, i) => {
    // Told is the highest number: the first in the text.
    const number = `${loops.length - i}u`;
    if (alone || tokens.slice(from, until).some(({ text }) => TOGETHER.test(text) || waiting.has(text))) {
      const turns = `guard_turns_${i + 1}`;
      inserts.push({ at, text: `var ${turns} = 0u; ` });
      inserts.push({ at: body, text: ` if (${turns} >= GUARD_BARRIER_TURNS) { guard_tells(${number}); break; } ${turns} += 1u; ` });
    } else inserts.push({ at: body, text: ` if (guard_ends(${number})) { break; } ` });
  });
  let wgsl = "";
  let done = 0;
  for (const { at, text } of inserts.toSorted((a, b) => a.at - b.at)) {
    wgsl += source.slice(done, at) + text;
    done = at;
  }
  // As a number: not every compiler takes a constant's name there.
  const end = binding === undefined ? guard : guard.replace("@binding(GUARD_BINDING)", `@binding(${binding})`);
  return { wgsl: `${wgsl}${source.slice(done)}\n${end}`, lines: loops.map(({ at }) => source.slice(0, at).split("\n").length).toReversed() };
}

/** A kernel of one variant: `index` of this one, with another text. Names, bindings and workgroups stay. */
export function withText(kernel: AnyKernel, index: number, wgsl: string): AnyKernel {
  const variants = kernel.variants.map((variant, i): AnyVariant => (i === index ? { ...variant, wgsl } : variant));
  return { ...kernel, variants };
}

/** Threads of a workgroup, where its text says no other number. */
const THREADS = 64;
const MOST_TURNS = 1 << 20;

/**
 * Turns that no sound text comes near at these dims, and that an endless one is through with in a second or so: 64 times the operations of
 * an invocation, and 16 times the largest side of anything, for kernels that look for what they add.
 */
function turnsFor(kernel: AnyKernel, variant: AnyVariant, dims: DimValues): { readonly GUARD_TURNS: number; readonly GUARD_BARRIER_TURNS: number } {
  const side = Math.max(256, ...Object.entries(dims).flatMap(([name, size]) => (name === "size" ? [] : [size])));
  const operations = kernel.cost(dims).flops / (THREADS * Math.max(1, variant.workgroups(dims)));
  return { GUARD_TURNS: Math.ceil(Math.min(MOST_TURNS, Math.max(16 * side, 64 * operations))), GUARD_BARRIER_TURNS: Math.ceil(4 * side) };
}

/** As `withText`, every loop bounded, with one more binding behind the kernel's own that tells which was ended. */
export function withGuardedText(kernel: AnyKernel, index: number, source: string, alone = false): { readonly kernel: AnyKernel; readonly lines: readonly number[] } {
  const { wgsl, lines } = guardLoops(source, alone, Object.keys(kernel.bindings).length);
  const own = kernel.variants[index]!;
  const variant: AnyVariant = { ...own, wgsl, constants: (dims) => ({ ...own.constants?.(dims), ...turnsFor(kernel, own, dims) }) };
  return { kernel: { ...kernel, variants: kernel.variants.map((each, i) => (i === index ? variant : each)), bindings: { ...kernel.bindings, [GUARD]: "readwrite:u32" } }, lines };
}
