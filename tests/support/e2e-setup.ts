/** Before the end-to-end tests: builds the page where needed and serves it once for all of them. */
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { DIST, ensurePage } from "../../src/cli/build.ts";
import { root } from "../../src/cli/paths.ts";
import { serveFolder } from "../../src/cli/server.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Address of the served build, with a slash at the end. */
    pageUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await ensurePage();
  const served = await serveFolder(join(root, DIST), 0);
  project.provide("pageUrl", served.url);
  return () => served.close();
}
