/** What `import ... from "vitest"` means in Chromium: Vitest's own runner and matchers, which need no Node. */
import { addCustomEqualityTesters, ASYMMETRIC_MATCHERS_OBJECT, customMatchers, getState, JestAsymmetricMatchers, JestChaiExpect, JestExtend, setState } from "@vitest/expect";
import { GLOBAL_EXPECT } from "@vitest/expect";
import * as chai from "chai";

export { afterAll, afterEach, beforeAll, beforeEach, describe, it, test } from "@vitest/runner";

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);

/** `JestExtend` puts this on chai; chai's types do not know it. */
const extend = (on: object, more: object): void => (chai.expect as unknown as { extend(on: object, more: object): void }).extend(on, more);

const matcher = ((value: unknown, message?: string) => chai.expect(value, message)) as unknown as Chai.ExpectStatic & Record<string, unknown>;
Object.assign(matcher, chai.expect, (globalThis as Record<symbol, object>)[ASYMMETRIC_MATCHERS_OBJECT as unknown as symbol]);
setState({ assertionCalls: 0, isExpectingAssertions: false, isExpectingAssertionsError: null, expectedAssertionsNumber: null, expectedAssertionsNumberErrorGen: null }, matcher as never);
Object.assign(matcher, {
  getState: () => getState(matcher as never),
  setState: (state: object) => setState(state, matcher as never),
  extend: (more: object) => extend(matcher, more),
  addEqualityTesters: addCustomEqualityTesters,
});
extend(matcher, customMatchers);
Object.defineProperty(globalThis, GLOBAL_EXPECT, { value: matcher, writable: true, configurable: true });

export const expect = matcher;
