/** Layout of `recipe-form`. */
import { css } from "lit";

export const recipeFormStyles = css`
  :host {
    border-top: 1px solid var(--line);
    padding-top: var(--s4);
  }
  .presets {
    display: grid;
    grid-template-columns: repeat(auto-fit, minmax(11.5rem, 1fr));
    gap: var(--s2);
  }
  .presets label {
    position: relative;
    display: block;
    padding: var(--s2) var(--s3);
    border: 1px solid var(--line);
    border-radius: var(--r-s);
    cursor: pointer;
    font-size: var(--t-xs);
    color: var(--ink-3);
    line-height: 1.4;
  }
  .presets b {
    display: block;
    color: var(--ink);
    font-size: var(--t-s);
    font-weight: 600;
  }
  .presets input {
    position: absolute;
    opacity: 0;
    inset: 0;
    margin: 0;
    cursor: pointer;
  }
  .presets label:hover {
    border-color: var(--line-strong);
  }
  .presets label:has(:checked) {
    border-color: var(--ink-2);
    box-shadow: inset 0 0 0 1px var(--ink-2);
  }
  .presets label:has(:focus-visible) {
    outline: 2px solid var(--focus);
    outline-offset: 2px;
  }
  details {
    margin-top: var(--s2);
  }
  .line {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: var(--s2) var(--s4);
    margin-top: var(--s4);
    font-size: var(--t-s);
    color: var(--ink-2);
  }
  .seed {
    display: inline-flex;
    align-items: center;
    gap: var(--s2);
  }
  .seed input {
    width: 6.5rem;
  }
  .problem {
    color: var(--bad);
    font-size: var(--t-s);
  }
  .method {
    align-items: baseline;
  }
  .method recipe-method {
    flex: 1 1 18rem;
  }
  .paste {
    margin-top: var(--s3);
    display: grid;
    gap: var(--s2);
    justify-items: start;
  }
  .paste textarea {
    width: 100%;
    min-height: 7rem;
  }
`;
