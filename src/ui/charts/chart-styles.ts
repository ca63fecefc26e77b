/** Layout of `line-chart`. */
import { css } from "lit";

export const chartStyles = css`
  :host {
    position: relative;
    min-height: 3rem;
    overflow: hidden;
  }
  .plot {
    position: absolute;
    inset: 0;
  }
  :host(:not([compact])) .plot {
    touch-action: pan-y;
  }
  .u-select {
    background: color-mix(in oklch, var(--ink) 10%, transparent);
  }
  .u-cursor-x {
    border-right: 1px solid var(--line-strong) !important;
  }
  .readout {
    position: absolute;
    top: var(--s2);
    right: var(--s2);
    pointer-events: none;
    background: color-mix(in oklch, var(--panel) 92%, transparent);
    border: 1px solid var(--line);
    border-radius: var(--r-s);
    padding: var(--s2) var(--s3);
    font-size: var(--t-s);
    display: grid;
    grid-template-columns: auto auto;
    gap: 0.1rem var(--s3);
  }
  .readout .x {
    grid-column: 1 / -1;
    color: var(--ink-3);
  }
  .readout i {
    display: inline-block;
    width: 0.6rem;
    height: 0.2rem;
    border-radius: 1px;
    background: var(--swatch);
    margin-right: 0.4rem;
    vertical-align: middle;
  }
  .readout b {
    font-weight: 600;
    text-align: right;
  }
`;
