/** What people read is exact: units, rounding at the borders between units, and the words for a loss. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  NONE, browserName, choiceText, formatBytes, formatClock, formatCount, formatDuration, formatFigure, formatLoss, formatPercent, formatShort, formatSmall, heldOutText, plural, readingTimeMs, safeName,
} from "../../../src/ui/shared/format.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365.25 * DAY;

describe("formatDuration", () => {
  it.each([
    [0, "0.0 s"], [840, "0.8 s"], [9_949, "9.9 s"], [9_950, "10 s"], [42_400, "42 s"], [59_499, "59 s"], [59_500, "1 min"], [80_000, "1 min 20 s"],
    [HOUR - 501, "59 min 59 s"], [HOUR - 499, "1 h 00 min"], [3 * HOUR + 5 * MINUTE, "3 h 05 min"], [DAY - 1, "1 day"], [2 * DAY + 4 * HOUR, "2 days 4 h"],
    [332 * DAY, "332 days"], [1.5 * YEAR, "1.5 years"], [3170 * YEAR, "3,170 years"], [2.5e6 * YEAR, "2.50 million years"], [-5, "0.0 s"],
  ])("writes %d ms as %s", (ms, text) => expect(formatDuration(ms)).toBe(text));

  it("never writes NaN, Infinity or an undefined unit", () => {
    fc.assert(fc.property(fc.double(), (ms) => !/NaN|Infinity|undefined/.test(formatDuration(ms))));
  });

  it("never shows 60 of a smaller unit", () => {
    fc.assert(fc.property(fc.double({ min: 0, max: 100 * DAY, noNaN: true }), (ms) => !/\b(60 s|60 min|24 h)\b/.test(formatDuration(ms))));
  });
});

describe("formatClock", () => {
  it.each([[0, "0:00"], [42_000, "0:42"], [725_000, "12:05"], [3_599_400, "59:59"], [3_599_600, "1 h 00 min"]])("writes %d ms as %s", (ms, text) =>
    expect(formatClock(ms)).toBe(text),
  );
});

describe("formatShort", () => {
  it.each([
    [0, "0"], [9_999, "9,999"], [9_999.6, "10.0 k"], [12_400, "12.4 k"], [999_400, "999 k"], [999_600, "1.00 M"], [10_100_000, "10.1 M"], [300e9, "300 G"], [1.5e12, "1.50 T"],
  ])("writes %d as %s", (value, text) => expect(formatShort(value)).toBe(text));

  it("stays within half of the last digit shown", () => {
    const scale = { "": 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12 } as const;
    fc.assert(
      fc.property(fc.double({ min: 0, max: 9e14, noNaN: true }), (value) => {
        const [digits, unit = ""] = formatShort(value).replace(/,/g, "").split(" ") as [string, keyof typeof scale | undefined];
        const decimals = digits.split(".")[1]?.length ?? 0;
        return Math.abs(Number(digits) * scale[unit] - value) <= 0.5001 * 10 ** -decimals * scale[unit];
      }),
    );
  });
});

describe("formatBytes", () => {
  it.each([[999, "999 B"], [1000, "1.00 kB"], [668_000, "668 kB"], [999_600, "1.00 MB"], [4_010_000, "4.01 MB"], [40e9, "40.0 GB"]])("writes %d bytes as %s, in decimal units", (bytes, text) =>
    expect(formatBytes(bytes)).toBe(text),
  );
});

describe("numbers that are not there", () => {
  it.each([["loss", formatLoss], ["count", formatCount], ["percent", formatPercent], ["rate", formatSmall], ["bytes", formatBytes], ["clock", formatClock]])("are a dash: %s", (_name, format) => {
    expect(format(undefined)).toBe(NONE);
    expect(format(NaN)).toBe(NONE);
    expect(format(Infinity)).toBe(NONE);
  });
});

describe("choiceText", () => {
  it.each([
    [Math.log(6), "bpe", "like choosing among 6 pieces"], [Math.log(65), "char", "like choosing among 65 characters"], [Math.log(4096), "bpe", "like choosing among 4,096 pieces"],
    [Math.log(2.4), "bpe", "like choosing among 2.4 pieces"], [0, "char", "like choosing among 1 character"], [-0.1, "char", "like choosing among 1 character"],
  ] as const)("turns a loss of %d nats (%s) into e to the loss: %s", (loss, kind, text) => expect(choiceText(loss, kind)).toBe(text));

  it("says nothing of a loss that is no number", () => expect(choiceText(NaN, "bpe")).toBe(""));
});

describe("small ones", () => {
  it.each([[0.006, "0.006"], [0.00038712, "0.000387"], [5e-5, "5.0e-5"], [12_345, "1.2e4"], [0, "0"]])("formatSmall writes %d as %s", (value, text) => expect(formatSmall(value)).toBe(text));
  it.each([[0.42, "42%"], [0.0994, "9.9%"], [0.0996, "10%"], [0.0001, "<0.1%"], [0, "0.0%"], [1, "100%"]])("formatPercent writes %d as %s", (value, text) => expect(formatPercent(value)).toBe(text));
  it("plural adds an s to every count but one", () => expect([0, 1, 2].map((n) => plural(n, "piece"))).toEqual(["0 pieces", "1 piece", "2 pieces"]));
  it("readingTimeMs reads 250 words in a minute", () => expect(readingTimeMs(15_000)).toBe(HOUR));
});

describe("safeName", () => {
  it("makes controls and bidi marks visible", () => expect(safeName("a\u202eb\nc")).toBe("a\u00b7b\u00b7c"));
  it("cuts at 80 characters, counting an emoji as one", () => {
    const cut = [...safeName("\u{1f426}".repeat(10_000))];
    expect(cut).toHaveLength(80);
    expect(cut[79]).toBe("\u2026");
  });
  it("leaves an ordinary name alone", () => expect(safeName("first-light, tuned")).toBe("first-light, tuned"));
});

describe("heldOutText", () => {
  it("says where a loss was measured only where that is another step than the checkpoint's", () => {
    expect(heldOutText({})).toBe("");
    expect(heldOutText({ valLoss: 1.338 })).toBe(`held-out loss ${formatLoss(1.338)}`);
    expect(heldOutText({ valLoss: 6.247, valStep: 1200 })).toBe(`held-out loss ${formatLoss(6.247)} at step 1,200`);
  });
});

describe("browserName", () => {
  const agent = (engine: string): string => `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) ${engine} Safari/537.36`;

  it.each([
    [agent("Chrome/156.0.0.0"), "Chrome 156"], [agent("HeadlessChrome/156.0.0.0"), "Chrome 156, headless"], [agent("Chrome/156.0.0.0 Edg/155.1.2"), "Edge 155"],
    ["Mozilla/5.0 (X11; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox 140"], ["node", "node"], ["a\u202eb", "a\u00b7b"], ["", ""],
  ])("%s is %s", (text, name) => {
    expect(browserName(text)).toBe(name);
  });
});

describe("formatFigure", () => {
  it.each([[0, "0"], [0.01234, "0.0123"], [4.567, "4.57"], [9_994, "9990"], [9_999, "10,000"], [20_345, "20,300"], [-20_345, "-20,300"], [1e-7, "1.0e-7"], [undefined, NONE], [NaN, NONE]] as const)("%s is %s", (value, text) => {
    expect(formatFigure(value)).toBe(text);
  });
});
