/** The bar at the top: name, views, models, the device and why it was taken, keys, theme. */
import { LitElement, css, html, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { DeviceReport } from "../protocol/index.ts";
import { formatBytes, safeName } from "./shared/format.ts";
import * as icons from "./shared/icons.ts";
import { base, controls } from "./shared/shared-styles.ts";

export type ViewName = "train" | "labs" | "bench";
export type ThemeChoice = "system" | "light" | "dark";

/**
 * @fires choose-view - {detail: ViewName}
 * @fires show-models
 * @fires copy-link
 * @fires show-keys
 * @fires next-theme
 */
@customElement("app-bar")
export class AppBar extends LitElement {
  static override styles = [
    base,
    controls,
    css`
      :host {
        display: flex;
        align-items: center;
        gap: var(--s2) var(--s4);
        padding: var(--s2) var(--s4);
      }
      .name {
        display: flex;
        align-items: center;
        gap: var(--s2);
        font: 600 1.22rem / 1 var(--serif);
        letter-spacing: -0.01em;
      }
      nav {
        display: flex;
        gap: 2px;
        margin-left: var(--s3);
        margin-right: auto;
      }
      nav button {
        border: 0;
        background: transparent;
        color: var(--ink-3);
        font-size: var(--t-m);
        position: relative;
      }
      nav button:hover {
        color: var(--ink);
      }
      nav button[aria-current="page"] {
        color: var(--ink);
        font-weight: 600;
      }
      nav button[aria-current="page"]::after {
        content: "";
        position: absolute;
        inset: auto var(--s3) 0.15rem;
        height: 2px;
        border-radius: 1px;
        background: var(--base);
      }
      .device {
        max-width: 21rem;
        color: var(--ink-2);
        font-weight: 400;
      }
      .device span {
        overflow: hidden;
        text-overflow: ellipsis;
      }
      [popover] {
        position: fixed;
        inset: 3.2rem var(--s4) auto auto;
        width: min(24rem, calc(100% - 2 * var(--s4)));
        margin: 0;
        padding: var(--s4);
        border: 1px solid var(--line);
        border-radius: var(--r-m);
        background: var(--raised);
        color: var(--ink-2);
        box-shadow: var(--float);
        font-size: var(--t-s);
      }
      [popover] b {
        color: var(--ink);
        font-size: var(--t-m);
      }
      [popover] p + p,
      [popover] dl {
        margin-top: var(--s2);
      }
      dl {
        display: grid;
        grid-template-columns: 1fr auto;
        gap: 0.1rem var(--s3);
        color: var(--ink-3);
      }
      @media (max-width: 900px) {
        .device {
          max-width: 9rem;
        }
      }
      @media (max-width: 760px) {
        :host {
          flex-wrap: wrap;
          padding: var(--s2) var(--s3);
          column-gap: var(--s1);
        }
        nav {
          order: 5;
          margin: 0;
          flex: 1 1 100%;
        }
        nav button {
          min-height: 2.2rem;
          padding: 0 var(--s2);
        }
        nav button[aria-current="page"]::after {
          inset-inline: var(--s2);
        }
        .name {
          margin-right: auto;
        }
        .keys,
        .words {
          display: none;
        }
        .device {
          max-width: min(7.4rem, 25%);
        }
      }
      @media (max-width: 380px) {
        .device span {
          position: absolute;
          width: 1px;
          clip-path: inset(50%);
        }
      }
    `,
  ];

  @property() view: ViewName = "train";
  @property({ attribute: false }) device: DeviceReport | undefined;
  @property() theme: ThemeChoice = "system";
  @property({ type: Number }) models = 0;
  /** The engine is gone. */
  @property({ type: Boolean }) dead = false;

  override render(): unknown {
    const views: readonly [ViewName, string][] = [["train", "Train"], ["labs", "Labs"], ["bench", "Bench"]];
    const icon = { system: icons.system, light: icons.sun, dark: icons.moon }[this.theme];
    const themeWords = { system: "Theme follows the system", light: "Light theme", dark: "Dark theme" }[this.theme];
    return html`
      <span class="name">${icons.mark()} Nestling</span>
      <nav aria-label="Views">
        ${views.map(([view, name]) => html`<button aria-current=${view === this.view ? "page" : "false"} data-testid="view-${view}" @click=${() => this.emit("choose-view", view)}>${name}</button>`)}
      </nav>
      <button class="plain" data-testid="show-models" title="Models (M)" @click=${() => this.emit("show-models")}>${icons.tree()}<span class="words">Models</span>${this.models > 0 ? html`<span class="quiet">${this.models}</span>` : nothing}</button>
      <button class="plain device" data-testid="device" popovertarget="why" title="What it runs on, and why">${icons.chip()}<span>${this.device === undefined ? (this.dead ? "no device" : "looking for a device") : safeName(this.device.name)}</span></button>
      <button class="plain icon" aria-label="Copy a link to this recipe" title="Copy a link to this recipe" data-testid="copy-link" @click=${() => this.emit("copy-link")}>${icons.link()}</button>
      <button class="plain icon keys" aria-label="Keyboard" title="Keyboard (?)" @click=${() => this.emit("show-keys")}>${icons.keyboard()}</button>
      <button class="plain icon" aria-label="${themeWords}; change" title="${themeWords} (T)" data-testid="theme" @click=${() => this.emit("next-theme")}>${icon()}</button>
      <div popover id="why" data-testid="device-why">${this.why()}</div>
    `;
  }

  private why(): unknown {
    const { device } = this;
    if (device === undefined) return html`<p>${this.dead ? "The engine is not running." : "The engine is still choosing."}</p>`;
    const limits: readonly [string, number | undefined][] = [
      ["largest buffer", device.limits["maxBufferSize"] ?? device.limits["maxBufferBytes"]],
      ["largest binding", device.limits["maxStorageBufferBindingSize"] ?? device.limits["maxBindingBytes"]],
    ];
    return html`
      <p><b>${safeName(device.name)}</b></p>
      <p>${device.why}</p>
      ${device.fallbackAdapter ? html`<p>This is a software adapter: correct, and slow.</p>` : nothing}
      <dl>
        ${limits.map(([name, bytes]) => (bytes === undefined || !Number.isFinite(bytes) ? nothing : html`<dt>${name}</dt><dd>${formatBytes(bytes)}</dd>`))}
      </dl>
      ${device.features.length > 0 ? html`<p class="quiet">${device.features.join(", ")}</p>` : nothing}
    `;
  }

  private emit(name: string, detail?: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "app-bar": AppBar;
  }
}
