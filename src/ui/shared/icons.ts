/** Line drawings for buttons, 20 units square, drawn for this page. Always beside or behind a text label. */
import type { TemplateResult } from "lit";
import { svg } from "lit";

type Icon = () => TemplateResult;

function draw(body: TemplateResult): TemplateResult {
  return svg`<svg width="18" height="18" viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">${body}</svg>`;
}

export const play: Icon = () => draw(svg`<path d="M6.2 4.2v11.6L16 10z" fill="currentColor" />`);
export const pause: Icon = () => draw(svg`<path d="M7 4.5v11M13 4.5v11" stroke-width="2.6" />`);
export const step: Icon = () => draw(svg`<path d="M5 4.8v10.4L12.6 10z" fill="currentColor" /><path d="M15.4 4.8v10.4" stroke-width="2" />`);
export const stop: Icon = () => draw(svg`<rect x="5" y="5" width="10" height="10" rx="1.6" fill="currentColor" />`);
export const expand: Icon = () => draw(svg`<path d="M12 4h4v4M8 16H4v-4M16 4l-4.6 4.6M4 16l4.6-4.6" />`);
export const close: Icon = () => draw(svg`<path d="M5 5l10 10M15 5L5 15" />`);
export const download: Icon = () => draw(svg`<path d="M10 3.5v9M6.4 9l3.6 3.6L13.6 9M4 16.5h12" />`);
export const open: Icon = () => draw(svg`<path d="M10 13V4M6.4 7.4L10 3.8l3.6 3.6M4 16.5h12" />`);
export const trash: Icon = () => draw(svg`<path d="M4 6h12M8 6V4h4v2M6 6l.7 10h6.6L14 6" />`);
export const tree: Icon = () => draw(svg`<circle cx="5" cy="5" r="1.8" /><circle cx="15" cy="9" r="1.8" /><circle cx="15" cy="15.5" r="1.8" /><path d="M5 7v6a2.5 2.5 0 0 0 2.5 2.5h5.6M5 7a2 2 0 0 0 2 2h6" />`);
export const sun: Icon = () => draw(svg`<circle cx="10" cy="10" r="3.2" /><path d="M10 2.8v1.6M10 15.6v1.6M2.8 10h1.6M15.6 10h1.6M4.9 4.9L6 6M14 14l1.1 1.1M15.1 4.9L14 6M6 14l-1.1 1.1" />`);
export const moon: Icon = () => draw(svg`<path d="M15.8 12.3A6.6 6.6 0 0 1 7.7 4.2a6.6 6.6 0 1 0 8.1 8.1z" />`);
export const system: Icon = () => draw(svg`<circle cx="10" cy="10" r="6.4" /><path d="M10 3.6a6.4 6.4 0 0 1 0 12.8z" fill="currentColor" />`);
export const again: Icon = () => draw(svg`<path d="M15.6 8A6 6 0 1 0 16 11.2M15.9 3.9V8h-4.1" />`);
export const send: Icon = () => draw(svg`<path d="M10 16V4.6M5.2 9.2L10 4.4l4.8 4.8" />`);
export const keyboard: Icon = () => draw(svg`<rect x="2.5" y="5" width="15" height="10" rx="1.8" /><path d="M5.6 8.2h.01M8.6 8.2h.01M11.6 8.2h.01M14.6 8.2h.01M6.6 11.8h6.8" />`);
export const link: Icon = () => draw(svg`<path d="M8.600 11.400a3.200 3.200 0 0 0 4.500 0l2.600-2.600a3.200 3.200 0 0 0-4.500-4.500l-1 1M11.400 8.600a3.200 3.200 0 0 0-4.500 0l-2.600 2.600a3.200 3.200 0 0 0 4.500 4.500l1-1" />`);
export const chip: Icon = () => draw(svg`<rect x="5.5" y="5.5" width="9" height="9" rx="1.4" /><path d="M8 2.8v2.7M12 2.8v2.7M8 14.5v2.7M12 14.5v2.7M2.8 8h2.7M2.8 12h2.7M14.5 8h2.7M14.5 12h2.7" />`);

/** The mark: an egg in a nest. */
export const mark: Icon = () => svg`<svg width="26" height="26" viewBox="0 0 26 26" fill="none" aria-hidden="true">
  <path d="M13 4.2c3 0 5 4.1 5 7.1a5 5 0 0 1-10 0c0-3 2-7.1 5-7.1z" fill="var(--tuned)" />
  <path d="M3 13.4c1.2 5.4 5.2 8.4 10 8.4s8.800-3 10-8.400M5.400 14.300c1.800 2.900 4.500 4.300 7.600 4.300s5.800-1.400 7.600-4.300" stroke="var(--base)" stroke-width="1.9" stroke-linecap="round" />
</svg>`;
