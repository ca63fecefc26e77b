/** Styles that the parts of the look-inside panel share. */
import { css } from "lit";

export const insideStyles = css`
  :host {
    display: flex;
    flex-direction: column;
    min-width: 0;
    gap: var(--s2);
  }
  .head {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: var(--s1) var(--s3);
  }
  h3 {
    font-size: var(--t-m);
    font-weight: 600;
    margin-right: auto;
  }
  .why {
    font-size: var(--t-s);
    color: var(--ink-3);
    max-width: 60ch;
  }
  .scroll {
    overflow: auto;
    scrollbar-width: thin;
    max-width: 100%;
    min-height: 0;
  }
  .readout {
    min-height: 2.9em;
    font-size: var(--t-s);
    color: var(--ink-2);
  }
  .readout b,
  .token {
    font-family: var(--serif);
    font-weight: 500;
    color: var(--ink);
  }
  button.small {
    min-height: 1.8rem;
    padding: 0 var(--s2);
    font-size: var(--t-xs);
    font-weight: 400;
    color: var(--ink-3);
  }
  table {
    border-collapse: collapse;
    font-size: var(--t-s);
    font-variant-numeric: tabular-nums;
  }
  th,
  td {
    padding: 0.15rem 0.45rem;
    text-align: right;
    white-space: nowrap;
    border-bottom: 1px solid var(--line);
    font-weight: 400;
  }
  th {
    color: var(--ink-2);
  }
  th.token {
    font-size: var(--t-s);
  }
`;

/** Of the heat map. */
export const mapStyles = css`
  .map {
    display: grid;
    grid-template-columns: max-content max-content;
    width: max-content;
    color: var(--hue, var(--base));
  }
  /* On the field: the scrolling box would cut a ring around the whole map. */
  .map:focus-visible {
    outline: none;
  }
  .map:focus-visible .field {
    outline: 2px solid var(--focus);
    outline-offset: -1px;
  }
  .rows,
  .columns {
    display: grid;
    font: 400 calc(min(var(--cell) * 0.72, 0.86rem)) / 1 var(--serif);
    color: var(--ink-2);
  }
  .rows {
    grid-auto-rows: var(--cell);
    align-items: center;
    justify-items: end;
    padding-right: 0.35rem;
  }
  .columns {
    grid-column: 2;
    grid-auto-flow: column;
    grid-auto-columns: var(--cell);
    align-items: end;
    justify-items: center;
    padding-bottom: 0.35rem;
  }
  .columns span {
    writing-mode: vertical-rl;
    transform: rotate(180deg);
    max-height: 6.5rem;
  }
  .rows span {
    max-width: 7rem;
  }
  .rows span,
  .columns span {
    overflow: hidden;
    white-space: nowrap;
  }
  .on {
    color: var(--ink);
    font-weight: 700;
  }
  .field {
    position: relative;
    border: 1px solid var(--line-strong);
    background: var(--raised);
    width: max-content;
    height: max-content;
  }
  canvas {
    display: block;
  }
  .field i {
    position: absolute;
    left: calc(var(--column) * var(--cell));
    top: calc(var(--row) * var(--cell));
    width: var(--cell);
    height: var(--cell);
    outline: 2px solid var(--ink);
    pointer-events: none;
  }
  label {
    display: inline-flex;
    align-items: center;
    gap: var(--s2);
  }
`;
