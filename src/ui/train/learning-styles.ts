/** Layout of `learning-panel`. */
import { css } from "lit";

export const learningStyles = css`
  .tools {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: var(--s1) var(--s2);
    font-size: var(--t-s);
    color: var(--ink-3);
  }
  .smooth {
    display: flex;
    align-items: center;
    gap: var(--s2);
  }
  .smooth input {
    width: 3.6rem;
  }
  .title {
    display: flex;
    flex-wrap: wrap;
    align-items: baseline;
    gap: 0 var(--s3);
    font-size: var(--t-s);
  }
  .whole {
    min-height: 0;
    padding: 0 var(--s1);
    font-size: var(--t-xs);
    text-decoration: underline;
  }
  .key {
    display: inline-flex;
    flex-wrap: wrap;
    gap: 0 var(--s3);
    margin-left: auto;
    color: var(--ink-2);
  }
  .key i {
    display: inline-block;
    position: relative;
    width: 1.1rem;
    height: 0.55rem;
    margin-right: 0.35rem;
  }
  .key .stroke::before,
  .key .ring::before {
    content: "";
    position: absolute;
    inset: calc(50% - 1px) 0 auto;
    border-top: 2px solid var(--swatch);
  }
  .key .ring::before {
    border-top: 1px solid color-mix(in oklab, var(--swatch) 40%, transparent);
  }
  .key .dashed::before {
    border-top-style: dashed;
  }
  .key .band {
    background: color-mix(in oklab, var(--swatch) 25%, transparent);
  }
  .key .ring::after {
    content: "";
    position: absolute;
    inset: 0 calc(50% - 0.28rem);
    background: var(--panel);
    border: 1.5px solid var(--swatch);
    border-radius: 50%;
  }
  .big {
    flex: 1 1 12rem;
    min-height: 11rem;
  }
  .row {
    display: grid;
    grid-template-columns: repeat(4, 1fr);
    gap: var(--s2);
    margin-top: var(--s2);
  }
  .row button {
    display: grid;
    grid-template-columns: 1fr auto;
    align-items: baseline;
    gap: 0 var(--s1);
    padding: var(--s2) var(--s2) var(--s1);
    border-color: var(--line);
    background: transparent;
    text-align: left;
    font-weight: 400;
    min-height: 0;
  }
  .row b {
    font-weight: 600;
  }
  .row span {
    color: var(--ink-3);
    font-size: var(--t-xs);
    overflow: hidden;
    text-overflow: ellipsis;
  }
  .row line-chart {
    grid-column: 1 / -1;
    min-height: 2.4rem;
    height: 2.4rem;
  }
  .empty {
    flex: 1;
    display: grid;
    place-content: center;
    text-align: center;
    color: var(--ink-3);
    min-height: 11rem;
  }
  @media (max-width: 760px) {
    .row {
      grid-template-columns: repeat(2, 1fr);
    }
    .big {
      min-height: 15rem;
    }
  }
`;
