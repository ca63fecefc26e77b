import { afterAll, describe, expect, it } from "vitest";
import { drawKey, siteNumber } from "../../src/core/random.ts";
import { dropout } from "../../src/kernels/dropout.ts";
import { checkKernel, printFigures, runKernel, ulps, values } from "../support/kernel-harness.ts";
import { CLASSES, SIZES, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

const site = siteNumber("h.0.attn");
const key = Uint32Array.from(drawKey(1234, "dropout", 17, 2));

describe("dropout", () => {
  it.each(CLASSES)("drops what the judge drops and scales the rest, at every size, values %s", async (valueClass) => {
    for (const [i, size] of SIZES.entries()) {
      const reports = await checkKernel(dropout, {
        dims: { size, site: site + i, p: [0.1, 0.2, 0.5, 0.9][i % 4]! },
        inputs: { inp: values(valueClass, size), key },
        outputs: { out: size },
        bound: ({ outputs }) => ({ out: ulps(outputs["out"]!, 4) }), // a division and 1 - p
      });
      expect(reports).toHaveLength(1);
    }
  }, TIMEOUT_MS);

  it("gives back its input, bit for bit, at p = 0", async () => {
    const inp = values("normal", 1000);
    const { out } = await runKernel(dropout, { dims: { size: 1000, site, p: 0 }, inputs: { inp, key }, outputs: { out: 1000 } });
    expect(new Float32Array(out!.buffer)).toEqual(inp);
  }, TIMEOUT_MS);

  it("drops the share p, and other elements for another key and another site", async () => {
    const size = 20_000;
    const ones = new Float32Array(size).fill(1);
    const mask = async (k: Uint32Array, s: number): Promise<boolean[]> => {
      const { out } = await runKernel(dropout, { dims: { size, site: s, p: 0.3 }, inputs: { inp: ones, key: k }, outputs: { out: size } });
      return Array.from(new Float32Array(out!.buffer), (y) => y === 0);
    };
    const base = await mask(key, site);
    const others = [await mask(Uint32Array.from(drawKey(1234, "dropout", 18, 2)), site), await mask(key, site + 1)];
    for (const dropped of [base, ...others]) {
      expect(Math.abs(dropped.filter(Boolean).length / size - 0.3)).toBeLessThan(5 * Math.sqrt(0.21 / size));
    }
    for (const other of others) {
      const both = other.filter((dropped, i) => dropped && base[i]).length / size;
      expect(Math.abs(both - 0.09)).toBeLessThan(5 * Math.sqrt(0.09 * 0.91 / size));
    }
  }, TIMEOUT_MS);
});
