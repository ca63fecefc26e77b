/** Layout of `examples-dialog`. */
import { css } from "lit";

export const examplesStyles = css`
  dialog {
    margin: auto;
    width: min(54rem, 96vw);
    max-height: 92vh;
    padding: 0 var(--s5) var(--s4);
    color: var(--ink);
    background: var(--panel);
    border: 1px solid var(--line);
    border-radius: var(--r-l);
  }
  header,
  footer {
    position: sticky;
    z-index: 1;
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    justify-content: space-between;
    gap: var(--s2);
    padding: var(--s3) 0;
    background: var(--panel);
  }
  header {
    top: 0;
  }
  footer {
    margin-top: var(--s3);
  }
  footer {
    bottom: calc(-1 * var(--s4));
    border-top: 1px solid var(--line);
  }
  h2 {
    font-size: var(--t-l);
    font-weight: 600;
  }
  h3 {
    margin-top: var(--s3);
    font-size: var(--t-s);
    font-weight: 600;
  }
  .rows {
    margin-top: var(--s3);
    max-height: 38vh;
    overflow: auto;
    scrollbar-width: thin;
  }
  .row > .long {
    grid-column: 2 / -1;
    line-height: 1.4;
    text-align: left;
    color: var(--bad);
  }
  .row {
    display: grid;
    grid-template-columns: 1.6rem 1fr 1fr 2.2rem;
    align-items: start;
    gap: var(--s2);
    margin-bottom: var(--s1);
  }
  .head {
    font-size: var(--t-s);
    font-weight: 400;
  }
  .row > span {
    line-height: 2.15rem;
  }
  .row textarea {
    field-sizing: content;
    min-width: 0;
    min-height: 2.15rem;
    max-height: 9rem;
    padding-block: 0.35rem;
    resize: none;
  }
  .tools {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: var(--s2) var(--s3);
  }
  .said {
    flex: 1 1 14rem;
  }
  .pieces {
    margin: var(--s1) 0;
    min-height: 2.6em;
    overflow-wrap: anywhere;
    white-space: pre-wrap;
  }
  .pieces .read {
    color: var(--ink-3);
  }
  .pieces .learned .marker {
    color: var(--ink-2);
  }
  .pieces .learned {
    background: color-mix(in oklab, var(--tuned) 16%, transparent);
    border-radius: 3px;
  }
`;
