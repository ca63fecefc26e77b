/** The run's log: order, crashes at every byte, and every flipped bit. */
import { expect, test } from "vitest";
import { MemoryStorage, RunLog } from "../../src/store/index.ts";
import type { LogRecord } from "../../src/store/index.ts";
import { decodeRecords, encodeRecords } from "../../src/store/run-log.ts";

const PATH = "runs/a/log.bin";
const record = (globalStep: number): LogRecord => ({ globalStep, type: "metrics", value: { "train/loss": 4 - globalStep / 10, text: "é\u2028" } });
const records = (count: number): LogRecord[] => Array.from({ length: count }, (_, i) => record(i + 1));

test("records come back in order, over several appends and a reopening", async () => {
  const storage = new MemoryStorage();
  const { log } = await RunLog.open(storage, PATH);
  await Promise.all([log.append(records(2)), log.append([record(3)]), log.append([])]);
  const again = await RunLog.open(storage, PATH);
  expect(again.records).toEqual(records(3));
  expect(again.notice).toBeNull();
  await again.log.append([record(4)]);
  expect((await RunLog.open(storage, PATH)).records).toEqual(records(4));
  expect((await RunLog.open(storage, PATH)).log.bytes).toBe((await storage.read(PATH)).length);
});

test("resuming from a checkpoint drops the records past its step, for good", async () => {
  const storage = new MemoryStorage();
  await (await RunLog.open(storage, PATH)).log.append(records(9));
  const resumed = await RunLog.open(storage, PATH, 5);
  expect(resumed.records).toEqual(records(5));
  expect(resumed.notice).toBeNull();
  await resumed.log.append([{ ...record(6), type: "other" }]);
  expect((await RunLog.open(storage, PATH)).records).toEqual([...records(5), { ...record(6), type: "other" }]);
});

test("cut off at any byte, the whole records before it are kept and appending goes on after them", async () => {
  const whole = encodeRecords(records(3));
  const { ends } = decodeRecords(whole);
  for (let cut = 0; cut < whole.length; cut++) {
    const storage = new MemoryStorage();
    await storage.publish(PATH, whole.slice(0, cut));
    const { log, records: kept, notice } = await RunLog.open(storage, PATH);
    const expected = ends.filter((end) => end <= cut).length;
    expect(kept).toEqual(records(expected));
    expect(notice === null).toBe(cut === 0 || ends.includes(cut));
    await log.append([record(99)]);
    expect((await RunLog.open(storage, PATH)).records).toEqual([...records(expected), record(99)]);
  }
});

test("every flipped bit is seen: the records before it stay, none is changed", () => {
  const whole = encodeRecords(records(3));
  const { ends } = decodeRecords(whole);
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const flipped = whole.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    const before = ends.filter((end) => end <= bit >> 3).length;
    expect(decodeRecords(flipped).records).toEqual(records(before));
  }
});

test("an append that failed half-way is written over by the next", async () => {
  const storage = new MemoryStorage();
  const { log } = await RunLog.open(storage, PATH);
  await log.append([record(1)]);
  const whole = storage.append.bind(storage);
  storage.append = async (path, offset, bytes) => {
    await whole(path, offset, bytes.slice(0, 11));
    throw new Error("torn");
  };
  await expect(log.append([record(2)])).rejects.toThrow("torn");
  storage.append = whole;
  await log.append([record(3)]);
  expect((await RunLog.open(storage, PATH)).records).toEqual([record(1), record(3)]);
});

test("a record over 1 MiB is refused before anything is written", async () => {
  const storage = new MemoryStorage();
  const { log } = await RunLog.open(storage, PATH);
  expect(() => log.append([{ globalStep: 1, type: "x", value: "x".repeat(1 << 20) }])).toThrow(RangeError);
  expect(await storage.list("")).toEqual([]);
});
