/** A kernel's text as a link and as a file: what goes out comes back, and what a stranger sends is refused by field. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { deflateRawSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NestlingError } from "../../src/core/errors.ts";
import { createCpuDevice } from "../../src/device/cpu/cpu-device.ts";
import { shippedKernels } from "../../src/bench/lab-list.ts";
import { MOST_KERNEL_TEXT, type KernelText } from "../../src/protocol/kernel-lab.ts";
import { checkKernel, isKernelLink, MOST_KERNEL_FILE_BYTES, notPlain, readKernelFile, readKernelLink, writeKernelFile, writeKernelLink } from "../../src/protocol/kernel-link.ts";
import { MOST_LINK_BYTES } from "../../src/protocol/recipe-link.ts";

const source = readFileSync(fileURLToPath(new URL("../../shaders/softmax.wgsl", import.meta.url)), "utf8");
const softmax: KernelText = { kernel: "softmax", variant: "thread-per-row", source };
const kernels = shippedKernels(createCpuDevice({}));
const utf8 = (value: unknown): Uint8Array => new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
const link = (value: unknown, version = "1"): string => `#kernel=${version}.${deflateRawSync(utf8(value)).toString("base64url")}`;
const file = (changes: Record<string, unknown>): Uint8Array => utf8({ format: "nestling-kernel", version: 1, ...softmax, ...changes });

async function refusal(read: () => unknown): Promise<NestlingError> {
  const found = await Promise.resolve().then(read).then(() => null, (error: unknown) => error);
  expect(found).toBeInstanceOf(NestlingError);
  expect((found as NestlingError).code).toBe("LINK_INVALID");
  return found as NestlingError;
}

describe("a kernel's text", () => {
  it.each(kernels.flatMap(({ name, variants }) => variants.map((variant) => [`${name}/${variant.name}`, { kernel: name, variant: variant.name, source: variant.source }] as const)))("%s travels in a link and in a file", async (_name, text) => {
    const written = await writeKernelLink(text);
    expect(written.length).toBeLessThanOrEqual(MOST_LINK_BYTES);
    expect(isKernelLink(written)).toBe(true);
    expect(checkKernel(await readKernelLink(written), kernels)).toEqual(text);
    expect(readKernelFile(utf8(writeKernelFile(text)))).toEqual(text);
    expect(notPlain(text.source)).toBe("");
    expect(text.source.length).toBeLessThan(MOST_KERNEL_TEXT / 4);
  });

  it("comes back whatever plain letters it has", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "grapheme", minLength: 1, maxLength: 300 }), async (text) => {
        fc.pre(notPlain(text) === "");
        const given = { ...softmax, source: text };
        expect(await readKernelLink(await writeKernelLink(given))).toEqual(given);
        expect(readKernelFile(utf8(writeKernelFile(given)))).toEqual(given);
      }),
      { numRuns: 200 },
    );
  });

  it("is refused as a link past 8 KB, with the file as the way out", async () => {
    const noise = Array.from({ length: 9000 }, (_, i) => Math.imul(i + 1, 0x9e3779b1).toString(36)).join("").slice(0, 60_000);
    expect((await refusal(() => writeKernelLink({ ...softmax, source: noise }))).message).toMatch(/8192 are allowed\. Save it as a file/);
    expect(readKernelFile(utf8(writeKernelFile({ ...softmax, source: noise }))).source).toBe(noise);
  });
});

describe("a stranger's link", () => {
  it.each<[string, string, string, RegExp]>([
    ["of a megabyte", `#kernel=1.${"A".repeat(1_000_000)}`, "link", /8192 are allowed/],
    ["of another version", link(softmax, "2"), "version", /reads version 1/],
    ["without a version", "#kernel=", "version", /reads version 1/],
    ["of letters that no link has", "#kernel=1.%%%", "link", /letters/],
    ["that was cut short", link(softmax).slice(0, -60), "link", /lost or changed/],
    ["that is not deflated", `#kernel=1.${Buffer.from("hello hello hello").toString("base64url")}`, "link", /lost or changed/],
    ["that unpacks to megabytes", link({ ...softmax, source: " ".repeat(4_000_000) }), "source", /unpacks to more than/],
    ["with a text past its limit", link({ ...softmax, source: " ".repeat(MOST_KERNEL_TEXT + 1) }), "source", /65537 characters; 65536 are allowed/],
    ["that is no JSON", link("{"), "link", /no readable text/],
    ["that is a list", link([softmax]), "kernel", /must hold an object/],
    ["that holds null", link("null"), "kernel", /must hold an object/],
    ["with a field more", link({ ...softmax, url: "https://x" }), "kernel", /has a field "url"/],
    ["with __proto__", link(`{"__proto__":{"polluted":1},"kernel":"softmax","variant":"a","source":"x"}`), "kernel", /has a field "__proto__"/],
    ["without a text", link({ kernel: "softmax", variant: "a" }), "source", /must be a text/],
    ["whose text is a number", link({ ...softmax, source: 3 }), "source", /source is 3/],
    ["whose text is empty", link({ ...softmax, source: "" }), "source", /must be a text/],
    ["whose kernel is markup", link({ ...softmax, kernel: "<img src=x>" }), "kernel", /must be a name/],
    ["whose variant is a list", link({ ...softmax, variant: ["a"] }), "variant", /must be a name/],
    ["whose kernel is nested deeper than a stack", link(`{"source":"x","variant":"a","kernel":${"[".repeat(100_000)}${"]".repeat(100_000)}}`), "kernel", /kernel is a list/],
    ["that turns the order of letters", link({ ...softmax, source: "let a = 1; // \u202e b" }), "source", /U\+202E in line 1/],
    ["with a zero byte", link({ ...softmax, source: "a\nb\u0000" }), "source", /U\+0000 in line 2/],
    ["with half a character", link(`{"kernel":"softmax","variant":"a","source":"\\ud800"}`), "source", /half of a character/],
  ])("%s is refused by field", async (_what, fragment, field, message) => {
    const error = await refusal(() => readKernelLink(fragment));
    expect(error.details["field"]).toBe(field);
    expect(error.message).toMatch(message);
    expect(error.message).toContain("Nothing was compiled");
    expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
  });

  it("that names no kernel or variant of this page is refused, with what there is", async () => {
    expect((await refusal(() => checkKernel({ ...softmax, kernel: "nothing" }, kernels))).details["field"]).toBe("kernel");
    expect((await refusal(() => checkKernel({ ...softmax, variant: "nothing" }, kernels))).message).toContain("workgroup-per-row");
    expect((await refusal(() => checkKernel({ ...softmax, kernel: "constructor" }, kernels))).details["field"]).toBe("kernel");
  });
});

describe("a stranger's file", () => {
  it.each<[string, Uint8Array, string, RegExp]>([
    ["too large", new Uint8Array(MOST_KERNEL_FILE_BYTES + 1), "file", /are allowed/],
    ["of bytes that are no text", Uint8Array.of(0xff, 0xfe, 0x80), "file", /no readable text/],
    ["of another format", file({ format: "nestling-bench" }), "format", /must be "nestling-kernel"/],
    ["of another version", file({ version: 2 }), "version", /version is 2; this page reads version 1/],
    ["of a version as text", file({ version: "1" }), "version", /reads version 1/],
    ["with a field more", file({ autorun: true }), "kernel", /has a field "autorun"/],
    ["with a text past its limit", file({ source: "x".repeat(MOST_KERNEL_TEXT + 1) }), "source", /65536 are allowed/],
    ["that is null", utf8("null"), "format", /format is missing/],
  ])("%s is refused by field", async (_what, bytes, field, message) => {
    const error = await refusal(() => readKernelFile(bytes));
    expect(error.details["field"]).toBe(field);
    expect(error.message).toMatch(message);
  });
});
