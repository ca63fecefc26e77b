/** Zips: Node's zlib and the system's unzip as judges, and each hostile form refused. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { bytesSource, readZip, writeZip } from "../../src/store/index.ts";
import { crc32 } from "../../src/store/zip.ts";
import { codeOf, errorOf } from "./helpers.ts";

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const zipOf = (files: [string, Uint8Array][]): Uint8Array => Buffer.concat(writeZip(new Map(files)));
const read = (zip: Uint8Array, names: string[], cap?: number): ReturnType<typeof readZip> => readZip(bytesSource(zip), new Set(names), cap);

interface RawEntry { readonly name: string; readonly data: Uint8Array; readonly method?: number; readonly size?: number; readonly crc?: number; readonly flags?: number; readonly localName?: string }

/** A zip as another program would write it, field by field, faults included. */
function rawZip(entries: readonly RawEntry[], options: { readonly comment?: string; readonly count?: number; readonly sameOffset?: boolean } = {}): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let at = 0;
  for (const { name, data, method = 0, size = data.length, crc = crc32(data), flags = 0, localName = name } of entries) {
    const head = Buffer.alloc(30);
    head.writeUInt32LE(0x04034b50, 0);
    head.writeUInt16LE(method, 8);
    head.writeUInt16LE(Buffer.byteLength(localName), 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(flags, 8);
    entry.writeUInt16LE(method, 10);
    entry.writeUInt32LE(crc, 16);
    entry.writeUInt32LE(data.length, 20);
    entry.writeUInt32LE(size, 24);
    entry.writeUInt16LE(Buffer.byteLength(name), 28);
    entry.writeUInt32LE(options.sameOffset ? 0 : at, 42);
    local.push(head, Buffer.from(localName), Buffer.from(data));
    central.push(entry, Buffer.from(name));
    at += 30 + Buffer.byteLength(localName) + data.length;
  }
  const end = Buffer.alloc(22);
  const directory = Buffer.concat(central);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(options.count ?? entries.length, 8);
  end.writeUInt16LE(options.count ?? entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(at, 16);
  end.writeUInt16LE(options.comment?.length ?? 0, 20);
  return Buffer.concat([...local, directory, end, Buffer.from(options.comment ?? "")]);
}

const deflated = (name: string, text: string): RawEntry => ({ name, data: deflateRawSync(bytes(text)), method: 8, size: text.length, crc: crc32(bytes(text)) });

test("CRC-32 gives the published check value", () => {
  expect(crc32(bytes("123456789"))).toBe(0xcbf43926);
});

test("what is written reads back, empty files and non-ASCII content too", async () => {
  const files: [string, Uint8Array][] = [["config.json", bytes("{}")], ["empty", new Uint8Array(0)], ["é.txt", bytes("ü")]];
  const { files: back, ignored } = await read(zipOf(files), ["config.json", "empty", "é.txt"]);
  expect([...back]).toEqual(files);
  expect(ignored).toEqual([]);
});

test("the same files give the same bytes", () => {
  expect(zipOf([["a", bytes("x")]])).toEqual(zipOf([["a", bytes("x")]]));
});

const unzip = ((): boolean => {
  try {
    execFileSync("unzip", ["-v"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

test.skipIf(!unzip)("the system's unzip finds no fault in it (skipped where there is no unzip)", () => {
  const folder = mkdtempSync(join(tmpdir(), "nestling-zip-"));
  try {
    const path = join(folder, "x.zip");
    writeFileSync(path, zipOf([["config.json", bytes("{}")], ["model.safetensors", new Uint8Array(100_000).fill(7)]]));
    expect(execFileSync("unzip", ["-t", path], { encoding: "utf8" })).toContain("No errors detected");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("deflated entries, one folder around all, a comment and a Mac's extra folder are read", async () => {
  const zip = rawZip([deflated("tiny/config.json", "{ }".repeat(500)), { name: "tiny/b", data: bytes("B") }, { name: "__MACOSX/tiny/b", data: bytes("junk") }, { name: "tiny/", data: new Uint8Array(0) }], { comment: "made elsewhere" });
  const { files, ignored } = await read(zip, ["config.json"]);
  expect(new TextDecoder().decode(files.get("config.json"))).toBe("{ }".repeat(500));
  expect(ignored).toEqual(["b", "__MACOSX/tiny/b"]);
});

describe("hostile zips", () => {
  const fine: RawEntry = { name: "a", data: bytes("hello") };
  test.each([
    ["an empty file", Buffer.alloc(0)],
    ["no directory at the end", Buffer.alloc(100)],
    ["a cut-off end", rawZip([fine]).subarray(0, -1)],
    ["bytes behind the end", Buffer.concat([rawZip([fine]), Buffer.alloc(1)])],
    ["bytes before the start, so that every offset is wrong", Buffer.concat([Buffer.alloc(7), rawZip([fine])])],
    ["a path that climbs out", rawZip([fine, { ...fine, name: "../../etc/passwd" }])],
    ["an absolute path", rawZip([fine, { ...fine, name: "/a" }])],
    ["a backslash", rawZip([{ ...fine, name: "..\\a" }])],
    ["a drive letter", rawZip([{ ...fine, name: "c:a" }])],
    ["a NUL in a name", rawZip([{ ...fine, name: "a\0b" }])],
    ["an empty name", rawZip([{ ...fine, name: "" }])],
    ["one name twice", rawZip([fine, fine])],
    ["two entries over the same bytes", rawZip([fine, { ...fine, name: "b" }], { sameOffset: true })],
    ["an encrypted entry", rawZip([{ ...fine, flags: 1 }])],
    ["an unknown method", rawZip([{ ...fine, method: 12 }])],
    ["another name in the local header", rawZip([{ ...fine, localName: "b" }])],
    ["a wrong checksum", rawZip([{ ...fine, crc: 1 }])],
    ["a wrong size", rawZip([{ ...fine, size: 6 }])],
    ["more entries promised than there are", rawZip([fine], { count: 2 })],
    ["fewer entries promised than there are", rawZip([fine, { ...fine, name: "b" }], { count: 1 })],
    ["damaged deflate data", rawZip([{ name: "a", data: new Uint8Array(50).fill(0xff), method: 8, size: 100 }])],
    ["deflate data cut off", rawZip([{ name: "a", data: deflateRawSync(Buffer.alloc(5000, 1)).subarray(0, 8), method: 8, size: 5000 }])],
    ["deflate data that gives fewer bytes than promised", rawZip([{ ...deflated("a", "hello"), size: 50 }])],
  ])("%s is refused", async (_, zip) => {
    expect(await codeOf(() => read(zip, ["a", "b"]))).toBe("ZIP_FORMAT");
  });

  test("a bomb is stopped at the size it promised, and at the cap if it promises more", async () => {
    const packed = deflateRawSync(Buffer.alloc(30_000_000));
    expect(packed.length).toBeLessThan(40_000);
    const liar = rawZip([{ name: "a", data: packed, method: 8, size: 1000 }]);
    expect((await errorOf(() => read(liar, ["a"]))).details).toMatchObject({ expected: 1000 });
    const honest = rawZip([{ name: "a", data: packed, method: 8, size: 30_000_000 }]);
    expect((await errorOf(() => read(honest, ["a"], 1_000_000))).details).toMatchObject({ allowed: 1_000_000 });
  });

  test("what was not asked for is never unpacked", async () => {
    const bomb: RawEntry = { name: "bomb", data: new Uint8Array(50).fill(0xff), method: 8, size: 0xfffffffe };
    const { files, ignored } = await read(rawZip([fine, bomb]), ["a"]);
    expect([...files.keys()]).toEqual(["a"]);
    expect(ignored).toEqual(["bomb"]);
  });

  test("an archive that would pass 4 GiB is refused before it is made", async () => {
    const huge = { length: 0xffffffff } as unknown as Uint8Array;
    const error = await codeOf(() => writeZip(new Map([["a", new Proxy(huge, { get: (target, key) => (key === "length" ? target.length : undefined) })]])));
    expect(error).toBe("ZIP_FORMAT");
  });
});
