/** Dialogs of the page: the drawer from the right, and what stands in it. */
import { css } from "lit";

export const drawerStyles = css`
  dialog {
    position: fixed;
    inset: 0 0 0 auto;
    width: min(30rem, 100%);
    max-width: none;
    height: 100dvh;
    max-height: none;
    margin: 0;
    padding: var(--s4) var(--s5) var(--s6);
    border: 0;
    border-left: 1px solid var(--line);
    background: var(--panel);
    color: var(--ink);
    box-shadow: var(--float);
    overflow: auto;
    scrollbar-width: thin;
  }
  dialog::backdrop {
    background: light-dark(oklch(0.3 0.02 80 / 0.22), oklch(0 0 0 / 0.5));
  }
  dialog[open] {
    animation: slide-in var(--quick) ease-out;
  }
  @keyframes slide-in {
    from {
      transform: translateX(1.5rem);
      opacity: 0;
    }
  }
  header {
    display: flex;
    align-items: center;
    gap: var(--s2);
    margin-bottom: var(--s2);
  }
  h2 {
    font-size: var(--t-xl);
    font-weight: 600;
    margin-right: auto;
  }
  .none {
    margin-top: var(--s6);
    color: var(--ink-3);
    text-align: center;
  }
  ul {
    margin-top: var(--s3);
  }
  li {
    margin-left: calc(var(--depth) * 1.1rem);
    padding: var(--s3) 0;
    border-top: 1px solid var(--line);
  }
  .name {
    display: flex;
    flex-wrap: wrap;
    align-items: baseline;
    gap: 0 var(--s2);
    overflow-wrap: anywhere;
  }
  .name i {
    width: 0.6rem;
    height: 0.6rem;
    border-radius: 50%;
    background: var(--hue);
  }
  .name b {
    font-weight: 600;
  }
  .name span,
  li p {
    font-size: var(--t-s);
    color: var(--ink-3);
  }
  .actions {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: var(--s1);
    margin-top: var(--s2);
  }
  .refused {
    margin-top: var(--s2);
    color: var(--bad);
    overflow-wrap: anywhere;
  }
  .confirm span {
    flex: 1 1 100%;
    font-size: var(--t-s);
  }
`;
