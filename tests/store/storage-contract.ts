/**
 * What every storage must do, as plain steps that throw, so that the same text runs in Node over memory and in Chromium over
 * OPFS. It is given an empty storage. No test framework here.
 */
import { NestlingError } from "../../src/core/errors.ts";
import type { Storage } from "../../src/store/storage.ts";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);

function same(found: unknown, expected: unknown, what: string): void {
  if (JSON.stringify(found) !== JSON.stringify(expected)) throw new Error(`${what}: found ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`);
}

async function code(act: () => Promise<unknown>): Promise<string> {
  try {
    await act();
    return "none";
  } catch (error) {
    return error instanceof NestlingError ? error.code : `untyped: ${String(error)}`;
  }
}

/** Names of the behaviours that held; throws at the first that does not. */
export async function checkStorage(storage: Storage): Promise<string[]> {
  const held: string[] = [];
  const behaviour = async (name: string, body: () => Promise<void>): Promise<void> => {
    await body();
    held.push(name);
  };

  await behaviour("a file written in pieces reads back whole and in ranges", async () => {
    const writer = await storage.create("runs/a/x.bin");
    const piece = bytes("hello ");
    await writer.write(piece);
    piece.fill(0); // the caller may reuse its buffer
    await writer.write(bytes("world"));
    await writer.write(new Uint8Array(0));
    await writer.close();
    same(text(await storage.read("runs/a/x.bin")), "hello world", "whole");
    same(text(await storage.read("runs/a/x.bin", 6, 9)), "wor", "range");
    same(text(await storage.read("runs/a/x.bin", 9, 99)), "ld", "range past the end");
    same((await storage.read("runs/a/x.bin", 11, 12)).length, 0, "range behind the end");
  });
  await behaviour("an open file is read in windows by several readers at once, and stays readable until each is closed", async () => {
    const one = await storage.open("runs/a/x.bin");
    const two = await storage.open("runs/a/x.bin");
    const into = new Uint8Array(5);
    same([one.bytes, one.read(6, into), text(into)], [11, 5, "world"], "window");
    one.close();
    one.close();
    same([two.read(9, into), text(into.subarray(0, 2)), two.read(11, into)], [2, "ld", 0], "window past the end");
    two.close();
    same(await code(() => storage.open("runs/a/none.bin")), "CKPT_MISSING", "absent");
  });
  await behaviour("an aborted file is gone", async () => {
    const writer = await storage.create("runs/a/gone.bin");
    await writer.write(bytes("half"));
    await writer.abort();
    await writer.abort();
    same(await code(() => storage.read("runs/a/gone.bin")), "CKPT_MISSING", "read");
  });
  await behaviour("publishing replaces a longer content by a shorter one", async () => {
    await storage.publish("runs/a/m.json", bytes("first, longer"));
    await storage.publish("runs/a/m.json", bytes("second"));
    same(text(await storage.read("runs/a/m.json")), "second", "content");
  });
  await behaviour("appending cuts to the offset first, and refuses one past the end", async () => {
    await storage.append("runs/a/log.bin", 0, bytes("abcdef"));
    await storage.append("runs/a/log.bin", 3, bytes("XYZ!"));
    same(text(await storage.read("runs/a/log.bin")), "abcXYZ!", "content");
    await storage.append("runs/a/log.bin", 2, new Uint8Array(0));
    same(text(await storage.read("runs/a/log.bin")), "ab", "cut");
    same(await code(() => storage.append("runs/a/log.bin", 5, bytes("x"))), "CKPT_MISSING", "past the end");
  });
  await behaviour("a listing is deep, sorted, and of one folder only", async () => {
    await storage.publish("runs/ab/m.json", bytes("{}"));
    same((await storage.list("runs")).map((f) => `${f.path} ${f.bytes}`), ["runs/a/log.bin 2", "runs/a/m.json 6", "runs/a/x.bin 11", "runs/ab/m.json 2"], "all runs");
    same((await storage.list("runs/a")).length, 3, "one run");
    same(await storage.list("nothing"), [], "no such folder");
    same((await storage.list("")).length, 4, "everything");
  });
  await behaviour("a deleted file is gone, and deleting it again is no error", async () => {
    await storage.delete("runs/a/x.bin");
    await storage.delete("runs/a/x.bin");
    await storage.delete("runs/none/x.bin");
    same(await code(() => storage.read("runs/a/x.bin")), "CKPT_MISSING", "read");
  });
  await behaviour("names that people chose never become paths", async () => {
    for (const path of ["../x", "/x", "a//b", "", "a/../../x", "a\\b", "con:", "a b", "é", "a/./b", "x".repeat(200), "1/2/3/4/5/6/7"]) {
      same(await code(() => storage.publish(path, bytes("x"))), "STORAGE_MISSING", path);
      same(await code(() => storage.create(path)), "STORAGE_MISSING", path);
      same(await code(() => storage.append(path, 0, bytes("x"))), "STORAGE_MISSING", path);
    }
  });
  await behaviour("a lock is exclusive, can be waited for, and is free after release", async () => {
    const lock = await storage.lock("run:a");
    same(await code(() => storage.lock("run:a")), "STORAGE_LOCKED", "second holder");
    same(await code(() => storage.lock("run:a", 30)), "STORAGE_LOCKED", "second holder after waiting");
    const other = await storage.lock("run:b");
    const waiting = storage.lock("run:a", 5000);
    await lock.release();
    await (await waiting).release();
    await (await storage.lock("run:a")).release();
    await other.release();
  });
  return held;
}
