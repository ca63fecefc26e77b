/** The report of a run: what it shows, and that nothing a model or a person wrote becomes markup in it. */
import { describe, expect, it } from "vitest";
import { escapeHtml, reportHtml, type ReportData } from "../../src/cli/report-html.ts";
import type { MetricRow } from "../../src/protocol/index.ts";
import { presetByName } from "../../src/protocol/presets.ts";

const recipe = presetByName("first-light")!;
const row = (globalStep: number, stageIndex: number, more: Partial<MetricRow>): MetricRow => ({ stageIndex, step: globalStep, globalStep, tokens: globalStep * 64, trainMs: globalStep, ...more });
const data = (more: Partial<ReportData> = {}): ReportData => ({
  recipe,
  summary: { recipe: recipe.name, seed: 1, backend: "cpu", device: "CPU", outcome: "finished", stages: [{ stage: "Pre-training", steps: 9, train_ms: 65_000 }], "train/loss": 1.25, quiz_right: 41, quiz_total: 50, wall_ms: 1, checkpoints: [] },
  rows: [...Array.from({ length: 2000 }, (_, i) => row(i + 1, 0, { "train/loss": i === 777 ? 50 : 5, lr: 1e-3 })), row(2001, 1, { "train/loss": 2, "val/loss": 3, "val/old_loss": 2.5 })],
  samples: [{ stageIndex: 0, step: 9, globalStep: 9, tokens: 9, prompt: "Once", text: "upon" }],
  answers: [{ prompt: "Who?", expected: "Dora.", base: "and", tuned: "Dora." }],
  ...more,
});

describe("reportHtml", () => {
  it("shows curves with the stage border and a spike of one step, samples, answers, figures and the recipe", () => {
    const html = reportHtml(data());
    expect(html.match(/<svg /g)).toHaveLength(2);
    expect(html.match(/class="border"/g)!.length).toBeGreaterThan(0);
    // The highest point of the loss stands at the top edge of its chart.
    expect(html).toMatch(/points="[^"]*,18\.0 /);
    for (const text of ["41 of 50", "9 steps in 1:05 of training", "held-out, old text, Fine-tuning", "<td>upon</td>", "<td>Dora.</td>", "&#34;vocab_size&#34;: 1024"]) expect(html).toContain(text);
  });

  it("draws every chart over the same steps, and a ring in the legend where rings are drawn", () => {
    // The rate was measured over 2,000 of 3,000 steps: its line ends where these do, not at the right edge (884) with the loss.
    const html = reportHtml(data({ rows: [...data().rows, ...Array.from({ length: 999 }, (_, i) => row(2002 + i, 1, { "train/loss": 2 }))] }));
    const lastX = (title: string): number => Number(html.split(title)[1]!.match(/<polyline points="[^"]*?([\d.]+),[\d.]+"/)![1]);
    expect(lastX("<b>Loss, nats a token</b>")).toBeCloseTo(884 - (1000 / 3000) * 828, -1);
    expect(lastX("<b>Learning rate</b>")).toBeCloseTo(884 - (1000 / 3000) * 828, -1);
    const ticks = [...html.matchAll(/<svg [^>]*>(.*?)<\/svg>/g)].map(([, svg]) => [...svg!.matchAll(/<text x="([\d.]+)" y="252"/g)].map(([, x]) => x).join(" "));
    expect(new Set(ticks).size).toBe(1);
    expect(html).toContain('<i style="border:1.5px solid var(--dim);border-radius:50%"></i>held-out, Fine-tuning');
    expect(html).toContain('<i style="background:var(--base)"></i>train, Pre-training');
  });

  it("shows a run of one step: a point where a line would need two, and whole steps on the axis", () => {
    const html = reportHtml(data({ rows: [row(1, 0, { "train/loss": 5, lr: 1e-3 })] }));
    const [loss] = [...html.matchAll(/<svg [^>]*>(.*?)<\/svg>/g)].map(([, svg]) => svg!);
    expect(loss).toMatch(/<circle cx="884\.0" cy="18\.0" r="3" style="fill:var\(--base\)/);
    expect([...loss!.matchAll(/y="252"[^>]*>([^<]*)</g)].map(([, text]) => text)).toEqual(["0", "1"]);
  });

  it("lets no text become markup, and asks for nothing", () => {
    const evil = '<img src=x onerror=alert(1)>"\'&\u202e';
    const html = reportHtml(data({
      recipe: { ...recipe, name: evil, stages: recipe.stages.map((stage) => ({ ...stage, name: evil })) },
      samples: [{ stageIndex: 0, step: 1, globalStep: 1, tokens: 1, prompt: evil, text: `</td></table><script>${evil}` }], answers: [{ prompt: evil, tuned: evil }],
    }));
    expect(html).not.toMatch(/<img|<script|\u202e/);
    expect(html).toContain("default-src 'none'");
    expect(escapeHtml("a<b>&\"'\u0007")).toBe("a&#60;b&#62;&#38;&#34;&#39;\u00b7");
  });

  it("says that a recipe which reads a person's own text needs that text again", () => {
    expect(reportHtml(data())).toContain("--recipe FILE</code> repeats this run.");
    const stages = recipe.stages.map((stage) => ({ ...stage, data: [{ corpus: "own:0123456789abcdef", weight: 1 }] }));
    expect(reportHtml(data({ recipe: { ...recipe, stages } }))).toContain("--recipe FILE --text YOUR-FILE</code> repeats this run from the same text.");
  });

  it("says what is missing of a run that ended at once", () => {
    const html = reportHtml(data({ rows: [], samples: [], answers: [] }));
    for (const text of ["No step was measured.", "None: the run did not finish.", "None was taken."]) expect(html).toContain(text);
  });
});
