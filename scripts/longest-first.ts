/** The order of test files: the longest first, so that no core waits at the end for one that began late. */
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Those that take over 40 s on two cores, the longest first. A name that is gone does no harm. */
const LONGEST = ["ui/axe.e2e", "ui/page.e2e", "e2e/train.e2e", "e2e/journey-learns.e2e", "e2e/gpu-tests.e2e", "naga/naga", "promises/determinism.gpu", "kernels/matmul.gpu", "promises/smallest-device.gpu"];

const rank = ({ moduleId }: TestSpecification): number => {
  const place = LONGEST.findIndex((name) => moduleId.includes(`/tests/${name}.test.`));
  return place < 0 ? LONGEST.length : place;
};

export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => rank(a) - rank(b));
  }
}
