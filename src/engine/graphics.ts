/** What the browser gives away of its own exact version and of the driver under it. Times and fast paths are remembered for these alone. */

/** WebGL's name of the graphics; it names the card, and often the driver with its version, where WebGPU keeps silent. Null where there is no WebGL. */
export function rendererName(): string | null {
  if (typeof OffscreenCanvas === "undefined") return null;
  const gl = new OffscreenCanvas(1, 1).getContext("webgl");
  const names = gl?.getExtension("WEBGL_debug_renderer_info");
  const renderer: unknown = gl && names ? gl.getParameter(names.UNMASKED_RENDERER_WEBGL) : null;
  gl?.getExtension("WEBGL_lose_context")?.loseContext();
  return typeof renderer === "string" && renderer !== "" ? renderer : null;
}

/** User-Agent Client Hints (W3C Community Group report), which TypeScript's DOM does not know. */
interface ClientHints {
  getHighEntropyValues(hints: readonly string[]): Promise<{ readonly fullVersionList?: readonly { readonly brand: string; readonly version: string }[]; readonly platformVersion?: string }>;
}

/** The browser's whole version and the system's, where it tells: the user agent has the first of four numbers alone. */
async function exactVersion(): Promise<string> {
  const hints = (globalThis.navigator as { userAgentData?: ClientHints } | undefined)?.userAgentData;
  if (!hints) return "";
  const { fullVersionList = [], platformVersion = "" } = await hints.getHighEntropyValues(["fullVersionList", "platformVersion"]);
  // Browsers shuffle the list, and put a brand in it that means nothing.
  return [...fullVersionList.filter(({ brand }) => !/not.?a.?brand/i.test(brand)).map(({ brand, version }) => `${brand} ${version}`).sort(), platformVersion].join(", ");
}

/** One text that changes when the browser, the system or the graphics driver does, as far as the page may know. Never rejects. */
export async function graphicsIdentity(): Promise<string> {
  return [await exactVersion().catch(() => ""), rendererName() ?? ""].join(" | ");
}
