/** What a step costs grows as it should: by the recordings' own counts, layer by layer and token by token. Nothing is timed. */
import { describe, expect, it } from "vitest";
import { dimsOf } from "../../src/device/launch.ts";
import { microConfigOf, microPrograms, type FamilyName } from "../support/micro.ts";

interface Counted {
  readonly launches: number;
  readonly flops: number;
  readonly bytes: number;
}

/** Of forward, backward and update together, all kernels or some. */
function counted(family: FamilyName, model: { readonly n_layer?: number; readonly block_size?: number }, of: (kernel: string) => boolean = () => true): Counted {
  const { recordings } = microPrograms({ family, model: { ...microConfigOf(family), ...model } });
  const launches = recordings.filter(({ name }) => name === "micro" || name === "update").flatMap((recording) => recording.launches).filter(({ kernel }) => of(kernel.name));
  const costs = launches.map((recorded) => recorded.kernel.cost(dimsOf({ ...recorded, variant: 0, views: [] })));
  return { launches: launches.length, flops: costs.reduce((sum, { flops }) => sum + flops, 0), bytes: costs.reduce((sum, { bytes }) => sum + bytes, 0) };
}

const FIGURES = ["launches", "flops", "bytes"] as const;
const attends = (kernel: string): boolean => kernel.startsWith("attention");

describe.each(["gpt2", "llama"] as const)("a step of %s", (family) => {
  it("is linear in layers: each one adds the same launches, operations and bytes", () => {
    const [one, two, three, nine] = [1, 2, 3, 9].map((n_layer) => counted(family, { n_layer }));
    for (const figure of FIGURES) {
      const layer = two![figure] - one![figure];
      expect(layer, figure).toBeGreaterThan(0);
      expect(three![figure] - two![figure], figure).toBe(layer);
      expect(nine![figure] - one![figure], figure).toBe(8 * layer);
    }
  });

  it("is linear in the context but for attention, which is quadratic: launches stay, operations and bytes a token stay", () => {
    // Updates cost the same whatever the context: position weights aside, what differs between contexts is a token's.
    const at = (block_size: number, of: (kernel: string) => boolean): Counted => counted(family, { block_size }, (kernel) => of(kernel) && !/adamw|sumSquares|prepareUpdate|recordMetrics/.test(kernel));
    const [T, twice, four] = [64, 128, 256].map((block_size) => at(block_size, (kernel) => !attends(kernel)));
    expect([twice!.launches, four!.launches]).toEqual([T!.launches, T!.launches]);
    for (const figure of ["flops", "bytes"] as const) {
      // A token costs the same; what is read once whatever the context, such as weights, makes bytes grow by less.
      const [first, second] = [twice![figure] - T![figure], four![figure] - twice![figure]];
      expect(second / first, figure).toBeCloseTo(2, 1);
    }
    const [short, long, longer] = [64, 128, 256].map((block_size) => at(block_size, attends).flops);
    const growth = (longer! - long!) / (long! - short!);
    // All of it quadratic would be 4, all linear 2.
    expect(growth).toBeGreaterThan(3.5);
    expect(growth).toBeLessThanOrEqual(4);
  });
});
