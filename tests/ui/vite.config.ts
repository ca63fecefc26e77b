/** Builds or serves the page with the stub engine, for screenshots and for the page's tests. */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const here = fileURLToPath(new URL(".", import.meta.url));

export default defineConfig({
  root: here,
  base: "./",
  publicDir: false,
  server: { fs: { allow: ["../.."] }, open: "/stub.html" },
  build: { target: "esnext", modulePreload: { polyfill: false }, assetsInlineLimit: 0, rollupOptions: { input: `${here}stub.html` }, emptyOutDir: true },
});
