/** Styles of the step profile: one colour a kind of work, the same in flame chart, memory map and table. */
import { css } from "lit";

export const profileStyles = css`
  dialog {
    width: 100%;
    border: 0;
  }
  .status {
    min-height: 1.6em;
    margin: var(--s1) 0 var(--s3);
    font-size: var(--t-s);
    color: var(--ink-2);
  }
  .status.bad {
    color: var(--bad);
  }
  .head {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: var(--s2) var(--s3);
    margin-top: var(--s4);
  }
  h3 {
    font-size: var(--t-m);
    font-weight: 600;
  }
  .legend {
    display: flex;
    flex-wrap: wrap;
    gap: var(--s1) var(--s3);
    margin-left: auto;
    font-size: var(--t-xs);
    color: var(--ink-2);
  }
  .legend i {
    display: inline-block;
    width: 0.7rem;
    height: 0.7rem;
    margin-right: 0.35rem;
    border-radius: 0.15rem;
  }
  svg {
    display: block;
    width: 100%;
    margin-top: var(--s2);
    font: 500 11px var(--sans);
  }
  svg text {
    fill: var(--ink);
    pointer-events: none;
  }
  svg rect {
    stroke: var(--panel);
    stroke-width: 1;
  }
  svg g:focus-visible {
    outline: none;
  }
  svg g:focus-visible rect,
  svg .on rect {
    stroke: var(--ink);
    stroke-width: 2;
  }
  .module {
    fill: var(--sunken);
    background: var(--sunken);
  }
  .matmul {
    fill: light-dark(oklch(0.8 0.09 172), oklch(0.45 0.08 172));
    background: light-dark(oklch(0.8 0.09 172), oklch(0.45 0.08 172));
  }
  .attention {
    fill: light-dark(oklch(0.82 0.1 55), oklch(0.5 0.1 55));
    background: light-dark(oklch(0.82 0.1 55), oklch(0.5 0.1 55));
  }
  .norms {
    fill: light-dark(oklch(0.83 0.08 260), oklch(0.48 0.09 260));
    background: light-dark(oklch(0.83 0.08 260), oklch(0.48 0.09 260));
  }
  .loss {
    fill: light-dark(oklch(0.84 0.1 20), oklch(0.5 0.11 20));
    background: light-dark(oklch(0.84 0.1 20), oklch(0.5 0.11 20));
  }
  .optimizer {
    fill: light-dark(oklch(0.86 0.1 105), oklch(0.5 0.08 105));
    background: light-dark(oklch(0.86 0.1 105), oklch(0.5 0.08 105));
  }
  .other {
    fill: light-dark(oklch(0.84 0.02 90), oklch(0.42 0.02 90));
    background: light-dark(oklch(0.84 0.02 90), oklch(0.42 0.02 90));
  }
  .detail {
    min-height: 3.2em;
    margin-top: var(--s2);
    font-size: var(--t-s);
    color: var(--ink-2);
    font-variant-numeric: tabular-nums;
  }
  .parts {
    display: grid;
    grid-template-columns: minmax(0, 1fr) minmax(0, 1fr);
    gap: var(--s4) var(--s6);
    align-items: start;
  }
  .scroll {
    max-width: 100%;
  }
  table {
    width: 100%;
    margin-top: var(--s2);
  }
  th:first-child,
  td:first-child {
    text-align: left;
  }
  @media (max-width: 1000px) {
    dialog {
      padding: var(--s3);
    }
    .parts {
      grid-template-columns: minmax(0, 1fr);
    }
    .legend {
      margin-left: 0;
    }
  }
`;
