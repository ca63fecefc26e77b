/** A pipeline's outcome as a tree of lines: each node with what it was measured at, its parent's number beside it, and what it forgot. Pure. */
import type { MetricRow } from "../protocol/index.ts";

export interface TreeNode {
  readonly id: string;
  readonly parent: string | null;
  readonly steps: number;
  readonly seconds: number;
  /** Evaluations of its stage, the first before its first step. */
  readonly rows: readonly Partial<MetricRow>[];
}

const two = (value: number): string => value.toFixed(3);
const change = (before: number, after: number): string => `${two(before)} -> ${two(after)} (${after >= before ? "+" : ""}${two(after - before)})`;

/** What a node's stage was for, and what it cost, from its own first and last evaluation. */
export function evaluationLines({ rows }: TreeNode): string[] {
  const evaluated = rows.filter((row) => row["val/loss"] !== undefined);
  const [first, last] = [evaluated[0], evaluated.at(-1)];
  if (first === undefined || last === undefined) return ["not evaluated"];
  const of = (name: string, value: (row: Partial<MetricRow>) => number | undefined): string[] => {
    const [before, after] = [value(first), value(last)];
    return before === undefined || after === undefined ? [] : [`${name} ${change(before, after)}`];
  };
  const quiz = rows.filter((row) => row.quiz_right !== undefined);
  return [
    ...of("held-out loss", (row) => row["val/loss"]),
    ...of("held-out pairs preferred", (row) => row["val/preferred"]),
    ...(quiz.length === 0 ? [] : [`world questions right ${quiz.length > 1 ? `${quiz[0]!.quiz_right} -> ` : ""}${quiz.at(-1)!.quiz_right} of ${quiz.at(-1)!.quiz_total}`]),
    ...Object.keys(last["val/earlier"] ?? {}).flatMap((domain) => of(`forgetting, loss of "${domain}"`, (row) => row["val/earlier"]?.[domain])),
  ];
}

/** Parents before children, a child under its parent. */
export function treeLines(nodes: readonly TreeNode[]): string[] {
  const lines: string[] = [];
  const walk = (node: TreeNode, depth: number): void => {
    const indent = "   ".repeat(depth);
    lines.push(`${indent}${depth === 0 ? "" : "+- "}${node.id}: ${node.steps} steps, ${node.seconds.toFixed(1)} s`);
    for (const line of evaluationLines(node)) lines.push(`${indent}      ${line}`);
    for (const child of nodes.filter(({ parent }) => parent === node.id)) walk(child, depth + 1);
  };
  for (const root of nodes.filter(({ parent }) => parent === null)) walk(root, 0);
  return lines;
}
