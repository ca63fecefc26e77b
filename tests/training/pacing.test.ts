/** Submits cut to measure: nothing lost, nothing moved, none longer than foretold. Pure; `pacing.gpu.test.ts` runs them. */
import { describe, expect, it } from "vitest";
import type { AnyKernel, Command, Launch, Program } from "../../src/device/types.ts";
import { FULL_MS, Pace, ROOM_MS } from "../../src/training/pacing.ts";

/** A kernel whose work is its one dim. */
const kernel = { name: "work", bindings: {}, dims: { size: "u32" }, cost: ({ size }: { size: number }) => ({ flops: size, bytes: 0 }), variants: [], meaning: () => {} } as unknown as AnyKernel;
const programOf = (...works: readonly number[]): Program => ({ label: "program", launches: works.map((size): Launch => ({ label: "", kernel, variant: 0, views: [], dims: [size] })), destroy: () => {} });
const fill: Command = { kind: "fill", view: null as never, value: 0 };

/** A device that does `rate` work in a millisecond. */
function paceAt(rate: number, limitMs: number): Pace {
  const pace = new Pace();
  for (let i = 0; i < 60; i++) pace.observe(rate * 10, 10);
  pace.limitMs = limitMs;
  return pace;
}

/** Which launches of the program each submit runs. */
const launchesOf = (submits: readonly (readonly Command[])[]): number[][] =>
  submits.map((submit) => submit.flatMap((command) => (command.kind === "run" ? Array.from({ length: command.count ?? command.program.launches.length }, (_, i) => (command.first ?? 0) + i) : [])));

describe("the pace of submits", () => {
  it("cuts a program where the next launch would pass the limit, and no launch twice or never", () => {
    const program = programOf(10, 10, 10, 25, 40, 1);
    const submits = paceAt(1, 30).submits([fill, { kind: "run", program }]);
    expect(launchesOf(submits)).toEqual([[0, 1, 2], [3], [4], [5]]);
    expect(submits[0]![0]).toBe(fill);
  });

  it("is one submit where everything fits, programs and fills in their order", () => {
    const [micro, update] = [programOf(1, 2), programOf(3)];
    expect(paceAt(1, FULL_MS).submits([fill, { kind: "run", program: micro }, { kind: "run", program: update }])).toEqual([[fill, { kind: "run", program: micro }, { kind: "run", program: update }]]);
    expect(paceAt(1, 30).submits([])).toEqual([]);
  });

  it("lets a program begin in the submit that the one before left room in", () => {
    const [micro, update] = [programOf(20, 20), programOf(5, 20)];
    expect(paceAt(1, 30).submits([{ kind: "run", program: micro }, { kind: "run", program: update }]).map((submit) => submit.length)).toEqual([1, 2, 1]);
  });

  it("keeps parts of a program parts: a run of some launches is cut within them", () => {
    const program = programOf(10, 10, 10, 10);
    expect(launchesOf(paceAt(1, 15).submits([{ kind: "run", program, first: 1, count: 2 }]))).toEqual([[1], [2]]);
  });

  it("believes at once that a device has become slower, and by and by that it has become faster", () => {
    const program = programOf(...Array.from({ length: 100 }, () => 10));
    const pace = paceAt(10, ROOM_MS);
    const count = (): number => pace.submits([{ kind: "run", program }]).length;
    expect(count()).toBe(4); // 300 of 1,000 a submit
    pace.observe(100, 100);
    expect(count()).toBe(34);
    pace.observe(1000, 100);
    expect(count()).toBeGreaterThan(4);
    for (let i = 0; i < 60; i++) pace.observe(1000, 100);
    expect(count()).toBe(4);
    pace.observe(0, 100);
    pace.observe(100, 0);
    expect(count()).toBe(4);
  });
});
