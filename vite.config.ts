/**
 * How the page is built: one index.html, one worker, the texts and the WebAssembly kernels beside them. What is served
 * in development differs from the build in one thing: no policy is sent (the development server needs inline scripts).
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";
import { ISOLATION_HEADERS, META_POLICY } from "./src/cli/headers.ts";
import { corpusPath, serializeCorpus } from "./src/data/corpora/index.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
/** Kernels with and without fused multiply-add, for one thread and for several: `src/engine/choose-device.ts` takes what the browser can. */
const WASM = ["kernels.wasm", "kernels-relaxed.wasm", "kernels-shared.wasm", "kernels-relaxed-shared.wasm"] as const;
const WASM_FOLDER = join(here, "src/kernels/wasm/build");

interface Asset {
  readonly name: string;
  readonly type: string;
  readonly source: string | Uint8Array;
}

/** The texts, and `corpora/index.json` that lists them with their sizes. */
async function corpora(): Promise<Asset[]> {
  const { packCorpora } = await import("./src/data/corpora/pack.ts");
  const packs = (await packCorpora()).map((pack) => ({ ...pack, text: serializeCorpus(pack.documents) }));
  const list = packs.map(({ id, title, description, documents, text }) => ({ id, title, description, documents: documents.length, bytes: Buffer.byteLength(text) }));
  return [
    ...packs.map(({ id, text }) => ({ name: corpusPath(id), type: "text/plain; charset=utf-8", source: text })),
    { name: "corpora/index.json", type: "application/json", source: `${JSON.stringify(list, null, 2)}\n` },
  ];
}

async function assets(): Promise<Asset[]> {
  const kernels = await Promise.all(WASM.map(async (name) => ({ name, type: "application/wasm", source: await readFile(join(WASM_FOLDER, name)) })));
  return [...(await corpora()), ...kernels];
}

/** Texts and kernels, at fixed names beside the page: in the build as files, in development as answers. */
function assetFiles(): Plugin {
  let made: Promise<Asset[]> | null = null;
  return {
    name: "nestling-assets",
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const path = (request.url ?? "").split("?")[0].slice(1);
        if (!WASM.some((name) => name === path) && !path.startsWith("corpora/")) return next();
        made ??= assets();
        made.then((list) => {
          const asset = list.find(({ name }) => name === path);
          if (!asset) return next();
          response.setHeader("content-type", asset.type);
          response.end(asset.source);
        }, next);
      });
    },
    async generateBundle() {
      for (const { name, source } of await assets()) this.emitFile({ type: "asset", fileName: name, source });
    },
  };
}

/** Writes the policy into the built page, for hosts that let nobody set headers. */
function policyMeta(): Plugin {
  return {
    name: "nestling-policy",
    apply: "build",
    transformIndexHtml: {
      order: "post",
      handler: () => [{ tag: "meta", attrs: { "http-equiv": "Content-Security-Policy", content: META_POLICY }, injectTo: "head-prepend" }],
    },
  };
}

/** Puts the command line's hook (src/cli/page.ts) before the page's own script; it sleeps unless a driver opens `#cli`. */
function driverHook(): Plugin {
  return {
    name: "nestling-driver-hook",
    transformIndexHtml: {
      order: "pre",
      handler: () => [{ tag: "script", attrs: { type: "module", src: "/src/cli/page.ts" }, injectTo: "head-prepend" }],
    },
  };
}

export default defineConfig({
  root: here,
  base: "./",
  plugins: [assetFiles(), policyMeta(), driverHook()],
  build: {
    target: "esnext",
    // A policy of 'self' allows neither inline scripts nor data: fonts and styles.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    // Packing the texts takes its seconds, and says so at every build otherwise.
    rolldownOptions: { checks: { pluginTimings: false } },
  },
  worker: { format: "es" },
  // What lets the CPU backend have threads; the rest of the headers would break the development server.
  server: { headers: ISOLATION_HEADERS },
  preview: { headers: ISOLATION_HEADERS },
});
