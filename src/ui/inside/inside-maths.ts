/** What the look-inside panel shows, worked out from the engine's numbers: rows, names, groups, places. Pure; draws nothing. */
import type { GradientNorms, InsideView } from "../../protocol/index.ts";
import { safeText } from "../shared/format.ts";

/** A piece as a label: its leading blank is dropped, and what would not show is made to. */
export function tokenLabel(text: string): string {
  const marked = text.replace(/\n/g, "⏎");
  const bare = marked.replace(/^ /, "");
  return safeText(bare.trim() === "" ? marked.replace(/ /g, "␣") : bare);
}

/** (P, P) of one head: row = the token that looks. */
export function headTable({ attention, heads, tokens }: InsideView, layer: number, head: number): Float32Array {
  const P = tokens.length;
  const at = (layer * heads + head) * P * P;
  return attention.subarray(at, at + P * P);
}

/** Where a row looks most, best first. */
export function topKeys(table: Float32Array, P: number, row: number, count: number): { readonly key: number; readonly p: number }[] {
  return Array.from(table.subarray(row * P, row * P + row + 1), (p, key) => ({ key, p })).sort((a, b) => b.p - a.p || a.key - b.key).slice(0, count);
}

/** Cells of a heat map in pixels: as large as the room allows, never too small for a label. */
export const cellSize = (P: number, room: number): number => Math.max(11, Math.min(44, Math.floor(room / Math.max(1, P))));

/** How strongly a weight is drawn. The root, since most weights are small and still differ. */
export const shade = (p: number): number => Math.sqrt(Math.max(0, Math.min(1, p)));

export interface Place {
  readonly row: number;
  readonly column: number;
}

/** Where an arrow key leads within rows x columns; null for any other key. */
export function moved({ row, column }: Place, key: string, rows: number, columns: number): Place | null {
  const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Home: [0, -columns], End: [0, columns] }[key];
  if (step === undefined) return null;
  const clamp = (value: number, count: number): number => Math.max(0, Math.min(count - 1, value));
  return { row: clamp(row + step[0]!, rows), column: clamp(column + step[1]!, columns) };
}

/** Depths of the lens by name; depth 0 is the embedding. */
export function depthName(depth: number, layers: number): string {
  return depth === 0 ? "embedding" : depth === layers ? `block ${depth}, the model` : `block ${depth}`;
}

export interface NormGroup {
  readonly name: string;
  readonly norm: number;
  readonly parts: GradientNorms["parts"];
}

/** Layer by layer in the order of the forward pass; each group's norm is the root of the sum of its parts' squares. */
export function normGroups(norms: GradientNorms): NormGroup[] {
  const nameOf = ({ layer, name }: GradientNorms["parts"][number]): string =>
    layer !== null ? `block ${layer + 1}` : /wte|wpe|embed/.test(name) ? "embedding" : "end";
  const layers = Math.max(0, ...norms.parts.map(({ layer }) => (layer ?? -1) + 1));
  const order = ["embedding", ...Array.from({ length: layers }, (_, layer) => `block ${layer + 1}`), "end"];
  return order.flatMap((name) => {
    const parts = norms.parts.filter((part) => nameOf(part) === name);
    return parts.length === 0 ? [] : [{ name: name === "end" ? "last norm, head" : name, norm: Math.hypot(...parts.map(({ norm }) => norm)), parts }];
  });
}
