/** Layout of the page: one screen without scrolling on a laptop, two columns on a tablet, tabs on a phone. */
import { css } from "lit";

export const appStyles = css`
  :host {
    display: flex;
    flex-direction: column;
    min-height: 100dvh;
  }
  :host(.dragging)::after {
    content: "Drop texts to train on, or a model (.zip) to open";
    position: fixed;
    inset: var(--s4);
    z-index: 9;
    display: grid;
    place-content: center;
    border: 2px dashed var(--base);
    border-radius: var(--r-l);
    background: color-mix(in oklab, var(--paper) 88%, transparent);
    font: 500 var(--t-xl) / 1.3 var(--serif);
    pointer-events: none;
  }
  main {
    flex: 1;
    min-height: 0;
    display: grid;
    gap: var(--s3);
    padding: 0 var(--s4) var(--s4);
  }
  main.run {
    grid-template: auto minmax(0, 1fr) / 15.5rem minmax(0, 1fr) 27rem;
    grid-template-areas: "strip strip strip" "recipe middle says";
  }
  main.start {
    grid-template: minmax(0, 1fr) / minmax(0, 1fr) 30rem;
    grid-template-areas: "start says";
  }
  transport-strip {
    grid-area: strip;
  }
  start-panel {
    grid-area: start;
  }
  .recipe {
    grid-area: recipe;
  }
  .middle {
    grid-area: middle;
  }
  .says {
    grid-area: says;
  }
  .recipe,
  .middle,
  .says {
    display: flex;
    flex-direction: column;
    gap: var(--s3);
    min-height: 0;
    min-width: 0;
  }
  recipe-panel,
  .run ask-panel {
    flex: 1 1 0;
  }
  .start ask-panel {
    flex: 1 1 0;
  }
  learning-panel {
    flex: 1 1 60%;
  }
  batch-view {
    flex: 0 0 13.2rem;
  }
  next-word {
    flex: 0 0 auto;
  }
  samples-timeline {
    flex: 0 0 12.2rem;
  }
  .dead {
    margin: 0 var(--s4) var(--s3);
    padding: var(--s3) var(--s4);
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: var(--s2) var(--s4);
    border: 1px solid var(--line);
    border-left: 3px solid var(--bad);
    border-radius: var(--r-m);
    background: var(--raised);
  }
  .dead p {
    flex: 1 1 20rem;
  }
  .dead code {
    font: 500 var(--t-xs) / 1.4 var(--mono);
    color: var(--ink-3);
  }
  @media (min-width: 1181px) and (min-height: 640px) {
    :host {
      height: 100dvh;
    }
  }
  @media (max-width: 1180px) {
    main.run {
      grid-template: auto auto auto / minmax(0, 1fr) minmax(0, 1fr);
      grid-template-areas: "strip strip" "middle middle" "recipe says";
    }
    main.start {
      grid-template: auto auto / minmax(0, 1fr);
      grid-template-areas: "start" "says";
    }
    learning-panel {
      min-height: 28rem;
    }
    .says ask-panel {
      min-height: 24rem;
    }
    samples-timeline {
      min-height: 12rem;
    }
  }
  @media (max-width: 760px) {
    :host {
      padding-bottom: calc(7.6rem + env(safe-area-inset-bottom));
    }
    :host(.idle) {
      padding-bottom: calc(4rem + env(safe-area-inset-bottom));
    }
    main.run,
    main.start {
      display: flex;
      flex-direction: column;
      padding: 0 var(--s3) var(--s3);
    }
    main:not(.watch) .on-watch,
    main:not(.ask) .on-ask,
    main:not(.recipe-tab) .on-recipe {
      display: none;
    }
    .recipe,
    .middle,
    .says {
      display: contents;
    }
    samples-timeline {
      order: 1;
    }
    next-word {
      order: 2;
    }
    batch-view {
      order: 3;
      flex: none;
    }
    reading-meter {
      order: 4;
    }
  }
  @media (min-width: 761px) {
    phone-bar {
      display: none;
    }
  }
`;
