/** What a run shows while it trains: samples for the timeline, the batch row, the next word, the quiz. It changes no weight and no draw. */
import { nextWordView, batchRowView, promptRow, rowOf } from "./views.ts";
import { answer } from "./answer.ts";
import { scoreQuiz, scoresQuiz, promptIds, type QuizScore } from "./quiz.ts";
import { knobsAt } from "../training/schedule.ts";
import type { Run } from "./run.ts";
import type { StageData } from "./stage-data.ts";
import type { Stage } from "../protocol/recipe.ts";
import { stepsOf } from "../protocol/stage-steps.ts";

const BATCH_VIEW_MS = 1000;
const NEXT_WORD_MS = 500;
/** The quiz costs about as much as some steps: between the ends of a stage it waits this long. */
const QUIZ_MS = 10_000;
const NEXT_WORDS = 12;
const SAMPLE_TOKENS = 48;
const OPENINGS = { world: "Once upon a time", plays: "The King", other: "The " } as const;

/** Whether a stage trains on turns of a conversation: then it is asked in the template. */
const answers = ({ kind }: Stage): boolean => kind === "sft" || kind === "dpo";

export class RunLooks {
  watched: string | null = null;
  #batchMs = 0;
  #nextWordMs = 0;
  #quizMs = -Infinity;

  constructor(
    readonly run: Run,
    readonly data: Pick<StageData, "question">,
  ) {}

  get hasQuiz(): boolean {
    return scoresQuiz(this.run.recipe, this.run.options.origin?.recipe);
  }

  async sample(): Promise<void> {
    const { run } = this;
    const { stage, trainer, tokenizer } = run;
    const { question } = this.data;
    const chat = answers(stage) && question !== undefined;
    const corpora = stage.data.map(({ corpus }) => corpus);
    const prompt = chat ? question : corpora.some((id) => id === "stories" || id === "world") ? OPENINGS.world : corpora.includes("plays") ? OPENINGS.plays : OPENINGS.other;
    let text = "";
    // A knob acts from the step after it was turned, so a sample of the very step does not depend on which came first.
    await answer(trainer!.ask, tokenizer!, { prompt, chat, temperature: knobsAt(stage, trainer!.step - 1).temperature, top_k: 40, top_p: 1, max_new_tokens: SAMPLE_TOKENS, seed: run.recipe.seed },
      (token) => { if (!token.special) text += token.text; }, () => false, run.options.breathe);
    const sample = {
      stageIndex: run.stageIndex, step: trainer!.step, globalStep: run.globalStep,
      tokens: run.tokensBefore(run.stageIndex) + trainer!.step * run.tokensPerStep(stage), prompt, text,
    };
    run.options.files.note("sample", run.globalStep, sample);
    run.emit({ type: "sample", sample });
  }

  /** At the end of every stage; while fine-tuning also at its start, and then when the last one is a while ago. */
  async quiz(): Promise<QuizScore | null> {
    const { run } = this;
    const { trainer, stage } = run;
    const chat = answers(stage);
    // Tuned on running text it never saw the template.
    const template = chat && this.data.question !== undefined;
    const due = trainer!.step >= stepsOf(stage) || (chat && (trainer!.step === 0 || run.options.now() - this.#quizMs >= QUIZ_MS));
    if (!trainer!.quiz || !due) return null;
    const score = await scoreQuiz(trainer!.quiz, run.tokenizer!, template, run.options.breathe);
    this.#quizMs = run.options.now();
    return score;
  }

  /** Between two steps: whatever view is due. */
  async whileTraining(): Promise<void> {
    const now = this.run.options.now();
    if (now - this.#batchMs >= BATCH_VIEW_MS) {
      this.#batchMs = now;
      await this.batch();
    }
    if (this.watched !== null && now - this.#nextWordMs >= NEXT_WORD_MS) {
      this.#nextWordMs = now;
      await this.nextWord();
    }
  }

  /** Both views of the step just taken, for a run that stands still. */
  async now(): Promise<void> {
    await this.batch();
    await this.nextWord();
  }

  /** The first row of the batch of the step just taken, as the model sees it now. */
  async batch(): Promise<void> {
    const { trainer, tokenizer, stage, stageIndex } = this.run;
    if (!trainer || !tokenizer || trainer.step === 0) return;
    const row = rowOf(trainer.data.train(trainer.step - 1, 0, stage.batch_size, trainer.programs.T), 0);
    this.run.emit({ type: "batch", row: batchRowView(row, await trainer.probabilities(row), tokenizer, stageIndex, trainer.step) });
  }

  async nextWord(): Promise<void> {
    const { trainer, tokenizer } = this.run;
    if (!trainer || !tokenizer || this.watched === null) return;
    const prompt = this.watched;
    const { row, last } = promptRow(promptIds(tokenizer, prompt, false), trainer.programs.T);
    const V = tokenizer.vocabSize;
    const probs = (await trainer.probabilities(row)).subarray(last * V, (last + 1) * V);
    this.run.emit({ type: "nextWord", view: nextWordView(prompt, trainer.step, probs, tokenizer, NEXT_WORDS) });
  }
}
