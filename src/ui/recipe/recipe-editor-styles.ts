/** Layout of `recipe-editor`. */
import { css } from "lit";

export const recipeEditorStyles = css`
  dialog {
    width: min(60rem, 100% - 2rem);
    height: min(92dvh, 60rem);
  }
  header {
    padding-bottom: var(--s2);
  }
  .came {
    margin: 0 var(--s5) var(--s2);
    padding: var(--s2) var(--s3);
    font-size: var(--t-s);
    border-left: 3px solid var(--base);
    background: var(--base-soft);
    border-radius: var(--r-s);
  }
  .came.refused {
    border-left-color: var(--bad);
    background: none;
    color: var(--bad);
  }
  recipe-cost {
    padding: 0 var(--s5) var(--s3);
    border-bottom: 1px solid var(--line);
  }
  .fields {
    flex: 1;
    min-height: 0;
    overflow: auto;
    scrollbar-width: thin;
    padding: var(--s3) var(--s5) var(--s5);
    outline: none;
  }
  section {
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(min(21rem, 100%), 1fr));
    gap: 0 var(--s6);
    align-items: start;
    margin-bottom: var(--s4);
  }
  section > :is(h3, .method, .problem) {
    grid-column: 1 / -1;
  }
  h3 {
    display: flex;
    align-items: center;
    justify-content: space-between;
    min-height: 2.15rem;
    font-size: var(--t-s);
    font-weight: 600;
    border-bottom: 1px solid var(--line);
    margin-bottom: var(--s1);
  }
  .method {
    padding: 0.35rem 0 0.35rem var(--s2);
  }
  .method b {
    display: block;
    font: 500 var(--t-s) / 1.4 var(--mono);
    margin-bottom: var(--s1);
  }
  .problem {
    color: var(--bad);
    font-size: var(--t-s);
  }
  .add {
    display: flex;
    flex-wrap: wrap;
    gap: var(--s2);
  }
  @media (max-width: 760px) {
    dialog {
      width: 100%;
      max-width: 100%;
      height: 100dvh;
      max-height: 100dvh;
      border: 0;
      border-radius: 0;
    }
    header,
    footer,
    .fields {
      padding-inline: var(--s3);
    }
    header .file {
      order: 5;
    }
    .came,
    recipe-cost {
      margin-inline: 0;
      padding-inline: var(--s3);
    }
    footer .says {
      flex-basis: 100%;
    }
  }
`;
