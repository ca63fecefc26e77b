/** Styles that several components share: controls, labels, text helpers. Tokens live in `page.css`; layout stays with each component. */
import { css } from "lit";

/** Box model, inherited type, focus ring and helpers; every component starts with this. */
export const base = css`
  :host {
    box-sizing: border-box;
    display: block;
    min-width: 0;
  }
  :host([hidden]) {
    display: none;
  }
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  :focus-visible {
    outline: 2px solid var(--focus);
    outline-offset: 2px;
  }
  h1,
  h2,
  h3,
  p,
  dl,
  dd,
  ol,
  ul {
    margin: 0;
    padding: 0;
  }
  ol,
  ul {
    list-style: none;
  }
  .visually-hidden {
    position: absolute;
    width: 1px;
    height: 1px;
    margin: -1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  .quiet {
    color: var(--ink-3);
  }
  .small {
    font-size: var(--t-s);
  }
  svg {
    display: block;
    flex: none;
  }
`;

/** Buttons, fields, selects, sliders: native controls in the page's own dress. */
export const controls = css`
  button,
  input,
  select,
  textarea {
    font: inherit;
    font-variant-numeric: tabular-nums;
    color: inherit;
  }
  button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: var(--s2);
    min-height: 2.15rem;
    padding: 0 var(--s3);
    border: 1px solid var(--line-strong);
    border-radius: var(--r-s);
    background: var(--raised);
    font-size: var(--t-s);
    font-weight: 500;
    white-space: nowrap;
    cursor: pointer;
    transition:
      background var(--quick),
      border-color var(--quick);
  }
  button:hover:not(:disabled) {
    border-color: var(--ink-3);
  }
  button:active:not(:disabled) {
    background: var(--sunken);
  }
  button:disabled {
    color: var(--ink-3);
    border-color: var(--line);
    background: transparent;
    cursor: default;
  }
  button.primary {
    background: var(--ink);
    border-color: var(--ink);
    color: var(--panel);
  }
  button.primary:hover:not(:disabled) {
    background: color-mix(in oklch, var(--ink) 88%, var(--base));
  }
  button.primary:disabled {
    background: var(--sunken);
    border-color: var(--line);
    color: var(--ink-3);
  }
  button.plain {
    border-color: transparent;
    background: transparent;
  }
  button.plain:hover:not(:disabled) {
    background: var(--sunken);
  }
  button.icon {
    width: 2.15rem;
    padding: 0;
  }
  button.danger {
    color: var(--bad);
  }
  input[type="text"],
  input[type="number"],
  select,
  textarea {
    min-height: 2.15rem;
    padding: 0 var(--s3);
    border: 1px solid var(--line-strong);
    border-radius: var(--r-s);
    background: var(--raised);
    font-size: var(--t-s);
    max-width: 100%;
  }
  :is(input, select)[aria-invalid="true"] {
    border-color: var(--bad);
  }
  textarea {
    padding: var(--s2) var(--s3);
    line-height: 1.45;
    resize: vertical;
  }
  ::placeholder {
    color: var(--ink-3);
    opacity: 1;
  }
  input[type="range"] {
    accent-color: var(--ink-2);
    margin: 0;
  }
  input[type="checkbox"] {
    accent-color: var(--ink);
    margin: 0;
  }
  label {
    font-size: var(--t-s);
  }
  kbd {
    font: 500 var(--t-xs) / 1 var(--sans);
    color: var(--ink-3);
    border: 1px solid var(--line);
    border-radius: 0.28rem;
    padding: 0.16em 0.36em;
    background: transparent;
  }
  /* One choice of a few: radio inputs as a quiet row. */
  fieldset {
    border: 0;
    margin: 0;
    padding: 0;
    min-width: 0;
  }
  fieldset.choice {
    display: inline-flex;
    border: 1px solid var(--line);
    border-radius: var(--r-s);
    background: var(--sunken);
    padding: 2px;
    margin: 0;
  }
  .choice label {
    position: relative;
    padding: 0.2rem 0.6rem;
    border-radius: calc(var(--r-s) - 2px);
    color: var(--ink-2);
    cursor: pointer;
    white-space: nowrap;
  }
  .choice input {
    position: absolute;
    inset: 0;
    opacity: 0;
    margin: 0;
    cursor: pointer;
  }
  .choice label:has(input:checked) {
    background: var(--raised);
    color: var(--ink);
    box-shadow: 0 0 0 1px var(--line);
  }
  .choice label:has(input:focus-visible) {
    outline: 2px solid var(--focus);
    outline-offset: 1px;
  }
  @media (pointer: coarse) {
    button,
    select,
    input[type="text"],
    input[type="number"] {
      min-height: 2.6rem;
    }
    button.icon {
      width: 2.6rem;
    }
  }
`;

/** Text a model wrote, or reads. */
export const voice = css`
  .voice {
    font-family: var(--serif);
    font-size: var(--t-l);
    line-height: 1.5;
    font-variant-numeric: normal;
    overflow-wrap: anywhere;
    white-space: pre-wrap;
  }
  .marker {
    font: 500 var(--t-xs) / 1 var(--mono);
    color: var(--ink-3);
    border: 1px solid var(--line);
    border-radius: 0.3rem;
    padding: 0.1em 0.35em;
    white-space: nowrap;
  }
`;

/** A dialog as a sheet: a head and a foot that stand, and a body between them that scrolls. How large it is stays with each. */
export const sheet = css`
  dialog {
    margin: auto;
    padding: 0;
    overflow: hidden;
    color: var(--ink);
    background: var(--panel);
    border: 1px solid var(--line);
    border-radius: var(--r-l);
    box-shadow: var(--float);
  }
  dialog[open] {
    display: flex;
    flex-direction: column;
  }
  dialog::backdrop {
    background: light-dark(oklch(0.3 0.02 80 / 0.22), oklch(0 0 0 / 0.5));
  }
  header,
  footer {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: var(--s2);
    padding: var(--s3) var(--s5);
  }
  header h2 {
    margin-right: auto;
    font-size: var(--t-l);
    font-weight: 600;
  }
  footer {
    border-top: 1px solid var(--line);
  }
  footer .says {
    flex: 1 1 12rem;
    font-size: var(--t-s);
    color: var(--ink-2);
  }
`;

/** The line that opens what is folded away. */
export const disclosure = css`
  summary {
    width: fit-content;
    padding: var(--s1) 0;
    font-size: var(--t-s);
    color: var(--ink-2);
    cursor: pointer;
  }
`;

/** A problem's code, and the row of its ways out. */
export const remedies = css`
  .tools {
    display: flex;
    flex-wrap: wrap;
    gap: var(--s2);
    margin-top: var(--s2);
  }
  code {
    font: 500 var(--t-xs) / 1.4 var(--mono);
    color: var(--ink-2);
  }
`;

/** A component that is one panel of the page, and fills the place it is given. */
export const panelHost = css`
  :host {
    display: flex;
    min-height: 0;
  }
  panel-frame {
    flex: 1;
  }
`;

/** Tables of numbers; a column of class `text` reads from the left. */
export const numberTable = css`
  table {
    border-collapse: collapse;
    font-size: var(--t-s);
    font-variant-numeric: tabular-nums;
  }
  th,
  td {
    padding: 0.2rem var(--s2);
    text-align: right;
    white-space: nowrap;
    border-bottom: 1px solid var(--line);
  }
  .text {
    text-align: left;
  }
  .scroll {
    overflow: auto;
    scrollbar-width: thin;
  }
`;

/** Work that takes a while: how far it is, and in a line what came of it. */
export const working = css`
  progress {
    flex: 1 1 8rem;
    accent-color: var(--base);
  }
  .status {
    min-height: 1.5em;
    font-size: var(--t-s);
    color: var(--ink-2);
  }
  .bad {
    color: var(--bad);
  }
  .good {
    color: var(--good);
  }
`;
