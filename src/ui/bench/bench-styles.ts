/** Layout of the bench view. */
import { css } from "lit";

export const benchStyles = css`
  :host {
    display: block;
    padding: var(--s4) var(--s4) var(--s6);
    max-width: 84rem;
    margin: 0 auto;
    width: 100%;
  }
  h1 {
    font: 500 var(--t-2xl) / 1.15 var(--serif);
    letter-spacing: -0.015em;
  }
  .head {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: var(--s2) var(--s4);
    margin-bottom: var(--s2);
  }
  fieldset.choice {
    gap: 0;
  }
  .lead {
    margin: var(--s2) 0 var(--s4);
    max-width: 70ch;
    color: var(--ink-2);
  }
  form {
    display: grid;
    gap: var(--s3);
    padding: var(--s4);
    background: var(--panel);
    border: 1px solid var(--line);
    border-radius: var(--r-l);
  }
  fieldset {
    display: flex;
    flex-wrap: wrap;
    gap: var(--s2) var(--s4);
    border: 0;
    padding: 0;
    margin: 0;
  }
  legend {
    float: left;
    margin-right: var(--s3);
    font-weight: 600;
  }
  label {
    display: inline-flex;
    align-items: center;
    gap: var(--s1);
  }
  .sizes input {
    width: 5rem;
  }
  .summary {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: var(--s2) var(--s4);
  }
  .go {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: var(--s2) var(--s3);
  }
  h2 {
    margin: var(--s5) 0 var(--s2);
    font-size: var(--t-l);
    font-weight: 600;
  }
  table {
    width: 100%;
  }
  tr.chosen td {
    font-weight: 600;
  }
  tr.aa td {
    color: var(--ink-3);
  }
  .faster {
    color: var(--good);
  }
  .slower {
    color: var(--bad);
  }
  @media (max-width: 760px) {
    legend {
      float: none;
      width: 100%;
    }
  }
  roofline-plot {
    display: block;
    max-width: 48rem;
  }
`;
