type Child = Node | string | undefined | false;

/** The element of the document that has this id. @throws TypeError when there is none of that kind: the page is broken. */
export function byId<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new TypeError(`#${id} is not there`);
  return found;
}

/** An element with properties and content. Text is only ever text: nothing here, nor anywhere in the page, reads markup. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  Object.assign(element, properties);
  element.append(...children.filter((child) => child !== undefined && child !== false));
  return element;
}

/** A symbol of the document's sheet, for the eye only. */
export function icon(name: string, className = 'icon'): SVGSVGElement {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('class', className);
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  use.setAttribute('href', `#i-${name}`);
  svg.append(use);
  return svg;
}

/** A button that says what it does, and, to who cannot see the row it stands in, to what. */
export function button(
  words: string,
  about: string,
  symbol: string,
  press: () => void,
  className = 'quiet',
): HTMLButtonElement {
  const made = make(
    'button',
    { type: 'button', className },
    icon(symbol),
    words,
    make('span', { className: 'unseen' }, ` ${about}`),
  );
  made.addEventListener('click', press);
  return made;
}

/** Puts children in place of others and keeps the focus where it was, when what had it is named the same (`data-focus`). */
export function replaceRows(list: HTMLElement, rows: readonly HTMLElement[], fallback: HTMLElement): void {
  const focused = document.activeElement;
  const had = focused instanceof HTMLElement && list.contains(focused) ? focused.dataset['focus'] : undefined;
  list.replaceChildren(...rows);
  if (had === undefined) return;
  const again = [...list.querySelectorAll<HTMLElement>('[data-focus]')].find(
    (each) => each.dataset['focus'] === had,
  );
  (again ?? fallback).focus();
}
