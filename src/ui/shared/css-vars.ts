/**
 * A Lit directive that sets custom properties on an element through the CSSOM. Not `styleMap`: that one writes the style
 * attribute on first render, which the page's `style-src 'self'` refuses.
 */
import { noChange } from "lit";
import type { ElementPart, PartInfo } from "lit/directive.js";
import { Directive, directive, PartType } from "lit/directive.js";

class CssVarsDirective extends Directive {
  constructor(part: PartInfo) {
    super(part);
    if (part.type !== PartType.ELEMENT) throw new Error("cssVars stands in an element's tag, as in <div ${cssVars({...})}>");
  }

  render(_values: Readonly<Record<`--${string}`, string | number>>): unknown {
    return noChange;
  }

  override update(part: ElementPart, [values]: [Readonly<Record<`--${string}`, string | number>>]): unknown {
    const { style } = part.element as HTMLElement;
    for (const [name, value] of Object.entries(values)) style.setProperty(name, String(value));
    return noChange;
  }
}

export const cssVars = directive(CssVarsDirective);
