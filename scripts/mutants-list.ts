/** The faults that `npm run test:mutants` plants: each is one that the suite must notice. */
import type { Mutant } from "./mutants.ts";

export const mutants: readonly Mutant[] = [
  {
    name: "the worker's guard lets any path pass",
    file: "src/engine/expose.ts",
    find: 'if (type === "message" && !isAllowed((event as MessageEvent).data)) {',
    replace: 'if (type === "message" && !isAllowed({ type: "RELEASE" })) {',
    tests: ["tests/engine/expose.test.ts"],
  },
  {
    name: "the server follows links out of its folder",
    file: "src/cli/server.ts",
    find: "const inside = file.startsWith(root + sep);",
    replace: "const inside = file !== root;",
    tests: ["tests/cli/server.test.ts"],
  },
];
