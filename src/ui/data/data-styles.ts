/** Layout of `data-dialog` and its parts. */
import { css } from "lit";

export const dataDialogStyles = css`
  dialog {
    width: min(54rem, 100% - 2rem);
    max-height: min(92dvh, 60rem);
  }
  h2:focus {
    outline: none;
  }
  .body {
    flex: 1;
    min-height: 0;
    overflow: auto;
    scrollbar-width: thin;
    padding: 0 var(--s5) var(--s4);
    display: grid;
    align-content: start;
    gap: var(--s4);
  }
  .aside {
    padding: var(--s2) var(--s3);
    border-left: 3px solid var(--warn);
    border-radius: var(--r-s);
    background: var(--sunken);
    font-size: var(--t-s);
    overflow-wrap: anywhere;
  }
  .problem {
    border-left-color: var(--bad);
  }
  progress {
    appearance: none;
    display: block;
    width: 100%;
    height: 0.7rem;
    border: 0;
    border-radius: 0.35rem;
    overflow: hidden;
    background: var(--sunken);
  }
  progress::-webkit-progress-bar {
    background: var(--sunken);
  }
  progress::-webkit-progress-value {
    background: var(--base);
    transition: inline-size var(--quick);
  }
  .reading {
    display: grid;
    gap: var(--s2);
    padding: var(--s5) 0;
  }
  @media (max-width: 760px) {
    dialog {
      width: 100%;
      max-width: 100%;
      max-height: 100dvh;
      border: 0;
      border-radius: 0;
      margin: auto 0 0;
    }
    header,
    footer,
    .body {
      padding-inline: var(--s3);
    }
    footer .says {
      flex-basis: 100%;
    }
    footer button {
      flex: 1 1 auto;
    }
  }
`;

export const dataFilesStyles = css`
  :host {
    display: grid;
    gap: var(--s2);
    min-width: 0;
  }
  li {
    display: grid;
    grid-template-columns: minmax(0, 1fr) auto;
    align-items: center;
    gap: 0 var(--s2);
    padding: var(--s1) 0;
    border-bottom: 1px solid var(--line);
  }
  ul {
    max-height: 30vh;
    overflow: auto;
    scrollbar-width: thin;
  }
  b {
    font-weight: 500;
    overflow-wrap: anywhere;
  }
  b + span {
    display: block;
  }
  .problem {
    grid-column: 1 / -1;
    margin: var(--s1) 0;
    padding: var(--s2) var(--s3);
    border-left: 3px solid var(--bad);
    border-radius: var(--r-s);
    background: var(--sunken);
    font-size: var(--t-s);
    overflow-wrap: anywhere;
  }
  h3 {
    font-size: var(--t-s);
    font-weight: 600;
    margin-bottom: var(--s1);
  }
  .sample {
    /* Four whole lines. */
    line-height: 1.5;
    max-height: calc(6em + var(--s2));
    overflow: auto;
    scrollbar-width: thin;
    padding: var(--s2) var(--s3);
    border-radius: var(--r-s);
    background: var(--sunken);
    font-size: var(--t-m);
  }
  .line {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: var(--s2) var(--s4);
    margin: var(--s2) 0;
    font-size: var(--t-s);
  }
  .line label {
    display: inline-flex;
    align-items: center;
    gap: var(--s2);
    max-width: 100%;
  }
  .line select {
    min-width: 0;
  }
  .rows {
    overflow: auto;
    scrollbar-width: thin;
    border: 1px solid var(--line);
    border-radius: var(--r-s);
  }
  table {
    border-collapse: collapse;
    font-size: var(--t-s);
  }
  th,
  td {
    padding: 0.25rem 0.6rem;
    text-align: left;
    vertical-align: top;
    max-width: 22rem;
    min-width: 4rem;
    overflow-wrap: anywhere;
  }
  th {
    font-weight: 600;
    border-bottom: 1px solid var(--line);
    white-space: nowrap;
  }
  .taken {
    background: var(--base-soft);
  }
`;

export const dataChoicesStyles = css`
  legend {
    padding: 0;
    font-size: var(--t-m);
    font-weight: 600;
  }
  .cards {
    display: grid;
    grid-template-columns: repeat(auto-fit, minmax(14.5rem, 1fr));
    gap: var(--s3);
    margin-top: var(--s2);
  }
  .cards label {
    --hue: var(--base);
    position: relative;
    display: flex;
    flex-direction: column;
    gap: 0.15rem;
    padding: var(--s3);
    border: 1px solid var(--line);
    border-top: 3px solid var(--hue);
    border-radius: var(--r-m);
    background: var(--raised);
    font-size: var(--t-s);
    color: var(--ink-2);
    cursor: pointer;
  }
  .cards label.finetune {
    --hue: var(--tuned);
  }
  .cards label.mixture {
    --hue: var(--ink-3);
  }
  .cards b {
    font-size: var(--t-m);
    font-weight: 600;
    color: var(--ink);
  }
  .cards input {
    position: absolute;
    opacity: 0;
    inset: 0;
    margin: 0;
    cursor: pointer;
  }
  .cards label:has(:checked) {
    border-color: var(--hue);
    box-shadow: inset 0 0 0 1px var(--hue);
  }
  .cards label:has(:focus-visible) {
    outline: 2px solid var(--focus);
    outline-offset: 2px;
  }
  .cards label:has(:disabled) {
    background: transparent;
    cursor: default;
  }
  .suggested {
    align-self: start;
    margin-bottom: 0.15rem;
    padding: 0.05rem 0.45rem;
    border-radius: 1rem;
    background: var(--base-soft);
    color: var(--ink-2);
    font-size: var(--t-xs);
  }
  .time {
    font-size: var(--t-l);
    font-weight: 500;
    color: var(--ink);
  }
  .line {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: var(--s2) var(--s4);
    margin-top: var(--s3);
    font-size: var(--t-s);
    color: var(--ink-2);
  }
  .line label {
    display: inline-flex;
    align-items: center;
    gap: var(--s2);
  }
  .line input[type="number"] {
    width: 7rem;
  }
  .why,
  .warning {
    margin-top: var(--s2);
    font-size: var(--t-s);
    color: var(--ink-2);
  }
  .warning {
    padding: var(--s2) var(--s3);
    border-left: 3px solid var(--warn);
    border-radius: var(--r-s);
    background: var(--sunken);
  }
`;
