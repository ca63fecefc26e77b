/** Two gigabytes of one's own, from file to batches: memory stays what it is for 64 MB. Needs 4 GB of disk in the temporary folder. */
import { expect, it } from "vitest";
import { runFlatMemory } from "../support/run-flat-memory.ts";

const MB = 2 ** 20;
const HEAP_MB = 192;

it.each([
  ["plain text with byte-pair tokens", "bpe", "text"],
  ["gzip with characters", "char", "gzip"],
] as const)("takes in 2 GB in a heap of 192 MB: %s", async (_, tokenizer, form) => {
  const small = await runFlatMemory(64, tokenizer, form, HEAP_MB);
  const large = await runFlatMemory(2048, tokenizer, form, HEAP_MB);
  for (const [name, { peakBytes, rssBytes, seconds, trainTokens }] of Object.entries({ "64 MB": small, "2 GB": large })) {
    console.log(`figure: ${form} ${tokenizer} ${name}: peak heap and buffers = ${(peakBytes / MB).toFixed(0)} MB, resident = ${(rssBytes / MB).toFixed(0)} MB, ` +
      `taken in ${seconds.takeIn} s, tokenizer ${seconds.tokenizer} s, tokens ${seconds.tokens} s, 400 batches ${seconds.batches} s, ${trainTokens} training tokens`);
  }
  expect(large.characters).toBeGreaterThan(2047 * MB);
  if (tokenizer === "char") expect(large.trainTokens + large.validationTokens).toBe(large.characters);
  expect(large.peakBytes).toBeLessThan((HEAP_MB + 96) * MB);
  expect(large.peakBytes - small.peakBytes).toBeLessThan(96 * MB);
});
