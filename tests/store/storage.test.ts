/** Storage in memory against the common contract; the notices and errors where no storage can be had. */
import { expect, test } from "vitest";
import { MemoryStorage, openOpfsStorage, openStorage } from "../../src/store/index.ts";
import { storageError } from "../../src/store/storage.ts";
import { codeOf, errorOf } from "./helpers.ts";
import { checkStorage } from "./storage-contract.ts";

test("storage in memory keeps the contract that OPFS keeps", async () => {
  expect(await checkStorage(new MemoryStorage())).toHaveLength(9);
});

test("a quota is refused with the numbers, and what was there stays", async () => {
  const storage = new MemoryStorage(100);
  await storage.publish("a", new Uint8Array(60).fill(1));
  expect(await codeOf(() => storage.publish("b", new Uint8Array(41)))).toBe("STORAGE_FULL");
  expect(await codeOf(() => storage.publish("a", new Uint8Array(101)))).toBe("STORAGE_FULL");
  const writer = await storage.create("c");
  await writer.write(new Uint8Array(30));
  expect(await codeOf(() => writer.write(new Uint8Array(30)))).toBe("STORAGE_FULL");
  await writer.abort();
  expect([...(await storage.read("a"))]).toEqual(Array(60).fill(1));
  expect(await storage.estimate()).toMatchObject({ usageBytes: 60, quotaBytes: 100 });
});

test("without OPFS the engine is told what is missing, and gets memory with a notice", async () => {
  const error = await errorOf(() => openOpfsStorage());
  expect(error.code).toBe("STORAGE_MISSING");
  expect(error.details["lacking"]).toContain("Web Locks");
  const { storage, notice } = await openStorage();
  expect(storage.kind).toBe("memory");
  expect(notice).toMatchObject({ code: "STORAGE_MISSING" });
});

test.each([
  ["QuotaExceededError", "STORAGE_FULL"],
  ["NoModificationAllowedError", "STORAGE_LOCKED"],
  ["NotFoundError", "CKPT_MISSING"],
  ["SecurityError", "STORAGE_MISSING"],
  ["InvalidStateError", "STORAGE_MISSING"],
])("the browser's %s becomes %s", (name, code) => {
  expect(storageError(new DOMException("why", name), "runs/a/x").code).toBe(code);
});
