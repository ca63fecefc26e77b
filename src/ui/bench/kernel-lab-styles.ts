/** Layout of the kernel lab. */
import { css } from "lit";

export const kernelLabStyles = css`
  :host {
    display: grid;
    gap: var(--s3);
  }
  .row {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: var(--s2) var(--s3);
  }
  .row label {
    display: inline-flex;
    align-items: center;
    gap: var(--s2);
    min-width: 0;
  }
  .lead,
  .small {
    max-width: 75ch;
    color: var(--ink-2);
  }
  .header {
    margin: 0;
    padding: var(--s1) var(--s3);
    overflow: auto;
    border-left: 3px solid var(--line-strong);
    font: 400 var(--t-s) / 1.3rem var(--mono);
    color: var(--ink-2);
  }
  .foreign {
    display: grid;
    gap: var(--s2);
    justify-items: start;
    padding: var(--s3) var(--s4);
    background: var(--tuned-soft);
    border: 1px solid var(--tuned);
    border-radius: var(--r-m);
  }
  .foreign p {
    max-width: 75ch;
  }
  .errors {
    display: grid;
    gap: var(--s1);
  }
  .errors button {
    height: auto;
    padding: var(--s1) var(--s2);
    justify-content: start;
    text-align: left;
    white-space: pre-wrap;
    overflow-wrap: anywhere;
    font: 400 var(--t-s) / 1.4 var(--mono);
    color: var(--bad);
  }
`;
