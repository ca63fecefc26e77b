/** 64 MB of one's own, from file to batches, in a heap of 96 MB. Two gigabytes are `tests/nightly/two-gigabytes.nightly.test.ts`. */
import { expect, it } from "vitest";
import { runFlatMemory } from "../support/run-flat-memory.ts";

const MB = 2 ** 20;

it("takes in 64 MB, trains a tokenizer, makes tokens and draws batches in memory that does not hold them", async () => {
  const small = await runFlatMemory(8, "char", "text", 96);
  const large = await runFlatMemory(64, "char", "text", 96);
  expect(large.characters).toBeGreaterThan(63.9 * MB);
  // Nothing is lost: every character is one token of one part.
  expect(large.trainTokens + large.validationTokens).toBe(large.characters);
  // Text and tokens in memory would be 64 MB and 256 MB. What a garbage collector leaves lying is bounded by the heap.
  expect(large.peakBytes).toBeLessThan(160 * MB);
  expect(large.peakBytes - small.peakBytes).toBeLessThan(64 * MB);
}, 120_000);
