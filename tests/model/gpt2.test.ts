/** GPT-2 on the CPU device's textbook functions, against transformers. */
import { describe } from "vitest";
import { createCpuDevice } from "../../src/device/cpu/cpu-device.ts";
import { parityTests } from "../support/parity.ts";

const POISON = 0x7fc00000;

describe("GPT-2 on the CPU device, textbook functions, poisoned memory", () => {
  parityTests("gpt2", async () => createCpuDevice({ poison: POISON }), { poison: POISON });
});
