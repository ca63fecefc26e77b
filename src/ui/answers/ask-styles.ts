/** Layout of `ask-panel`. */
import { css } from "lit";

export const askStyles = css`
  :host {
    container-type: inline-size;
  }
  /* Where the panel is low it scrolls; no line of it is squeezed. */
  .asked,
  form,
  .under,
  .settings {
    flex: none;
  }
  .asked {
    display: flex;
    align-items: start;
    gap: var(--s2);
    min-height: 2.15rem;
  }
  .asked .voice {
    flex: 1;
    line-height: 1.45;
    /* A long question scrolls in its place, so that answers and input stay in view. */
    max-height: 4.4em;
    overflow: auto;
    scrollbar-width: thin;
    overflow-wrap: anywhere;
  }
  .asked button {
    color: var(--ink-3);
  }
  .answers {
    flex: 1;
    display: grid;
    grid-template-columns: 1fr 1fr;
    gap: var(--s2);
    min-height: 6.5rem;
    margin: var(--s2) 0 var(--s3);
  }
  @container (max-width: 330px) {
    .answers {
      grid-template-columns: 1fr;
    }
  }
  form {
    display: flex;
    gap: var(--s2);
  }
  form input {
    flex: 1;
    min-width: 0;
  }
  .under {
    display: flex;
    align-items: start;
    gap: var(--s1);
    margin-top: var(--s2);
  }
  /* As many as fit, each of them whole. */
  .chips {
    flex: 1;
    display: flex;
    flex-wrap: wrap;
    gap: var(--s1);
    max-height: 1.7rem;
    overflow: hidden;
  }
  @container (min-width: 430px) {
    .chips {
      max-height: none;
    }
  }
  .chip {
    display: inline-block;
    white-space: nowrap;
    min-height: 1.7rem;
    padding: 0 0.6rem;
    border-radius: 1rem;
    border-color: var(--line);
    background: transparent;
    font-weight: 400;
    font-size: var(--t-xs);
    color: var(--ink-2);
    max-width: 100%;
    overflow: hidden;
    text-overflow: ellipsis;
  }
  .chip.end {
    flex: none;
    color: var(--ink-3);
  }
  .settings {
    scroll-margin: var(--s4);
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(6.2rem, 1fr));
    gap: var(--s2);
    margin-top: var(--s2);
  }
  .settings label {
    display: grid;
    gap: 0.15rem;
    font-size: var(--t-xs);
    color: var(--ink-3);
  }
  .settings input {
    width: 100%;
    color: var(--ink);
  }
`;
