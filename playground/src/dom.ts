/** Small helpers for elements of the page. */

export function byId<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${kind.name} ${id}`);
  return found;
}

/** An element with a class and with what is in it. */
export function element(
  tag: string,
  look: string,
  ...inside: (Node | string)[]
): HTMLElement {
  const result = document.createElement(tag);
  if (look) result.className = look;
  result.append(...inside);
  return result;
}

/** Offers a file to be kept. */
export function download(name: string, text: string, type: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
