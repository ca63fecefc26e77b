/** Layout of `start-panel`. */
import { css } from "lit";

export const startStyles = css`
  :host {
    container-type: inline-size;
    overflow: auto;
    scrollbar-width: thin;
    background: var(--panel);
    border: 1px solid var(--line);
    border-radius: var(--r-l);
    box-shadow: var(--lift);
    padding: clamp(1.2rem, 4cqi, 2.6rem) clamp(1.1rem, 4.5cqi, 3rem);
  }
  .note {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    justify-content: space-between;
    gap: var(--s2) var(--s4);
    margin-bottom: var(--s4);
    padding: var(--s2) var(--s3);
    border-left: 3px solid var(--base);
    border-radius: var(--r-s);
    background: var(--base-soft);
    font-size: var(--t-s);
  }
  h1 {
    font: 500 clamp(1.7rem, 4.4cqi, 2.7rem) / 1.12 var(--serif);
    letter-spacing: -0.015em;
    text-wrap: balance;
    max-width: 22ch;
  }
  .lead {
    margin-top: var(--s3);
    font: 400 var(--t-l) / 1.55 var(--serif);
    color: var(--ink-2);
    max-width: 38rem;
    text-wrap: pretty;
  }
  .cards {
    display: grid;
    grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr));
    gap: var(--s4);
    margin: var(--s5) 0;
  }
  .card {
    --hue: var(--base);
    display: flex;
    flex-direction: column;
    border: 1px solid var(--line);
    border-top: 3px solid var(--hue);
    border-radius: var(--r-m);
    background: var(--raised);
    padding: var(--s4) var(--s4) var(--s4);
  }
  .card.tune {
    --hue: var(--tuned);
  }
  .card h2 {
    font-size: var(--t-l);
    font-weight: 600;
  }
  .card p {
    color: var(--ink-2);
    font-size: var(--t-s);
    margin-top: var(--s1);
    text-wrap: pretty;
  }
  .time {
    margin-top: auto;
    padding: var(--s4) 0 var(--s3);
    min-height: 6rem;
  }
  .time b {
    display: block;
    font-size: var(--t-xl);
    font-weight: 500;
    letter-spacing: -0.01em;
    color: var(--ink);
  }
  .time span {
    display: block;
    line-height: 1.45;
    margin-top: 0.15rem;
    color: var(--ink-3);
    font-size: var(--t-xs);
  }
  .ways {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0 var(--s4);
  }
  .card button {
    align-self: start;
    min-height: 2.6rem;
    padding: 0 var(--s5);
    font-size: var(--t-m);
  }
  .card button.own {
    padding: 0;
    white-space: normal;
    text-align: left;
    font-size: var(--t-s);
    text-decoration: underline;
  }
  .local {
    margin-top: var(--s5);
    font-size: var(--t-s);
  }
`;
