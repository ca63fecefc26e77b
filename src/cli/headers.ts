/**
 * The security headers of the built page, as one list: the server sends them, the build writes the policy into
 * index.html, the tests compare. It is not a server.
 */

const DIRECTIVES = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "object-src 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types lit-html app-worker",
] as const;

/** The policy as a page's `<meta>` can hold it: `frame-ancestors` works in a header only. */
export const META_POLICY = DIRECTIVES.join("; ");

/** The policy as every response carries it, worker scripts included: a page's `<meta>` does not cover its worker. */
export const HEADER_POLICY = [...DIRECTIVES, "frame-ancestors 'none'"].join("; ");

/** What makes a page cross-origin isolated: memory that threads share, and a sharper `performance.now()`. The page works without. */
export const ISOLATION_HEADERS = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-resource-policy": "same-origin",
} as const;

/** Header names in lower case with their values. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": HEADER_POLICY,
  ...ISOLATION_HEADERS,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), screen-wake-lock=(self), fullscreen=(self)",
};
