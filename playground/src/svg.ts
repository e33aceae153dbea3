/** A picture, taken over element by element: a link holds a formula that somebody wrote. */

const SVG = "http://www.w3.org/2000/svg";
const ELEMENTS = new Set(["svg", "title", "desc", "style", "g", "path", "text", "tspan"]);

export function picture(source: string): SVGElement {
  const root = new DOMParser().parseFromString(source, "image/svg+xml").documentElement;
  if (!(root instanceof SVGElement)) throw new Error("Python drew no picture");
  for (const element of [root, ...root.querySelectorAll("*")]) {
    const handlers = [...element.attributes].filter(({ name }) => /^on|href$/i.test(name));
    if (element.namespaceURI !== SVG || !ELEMENTS.has(element.localName) || handlers.length) {
      throw new Error(`a picture has no ${element.localName}`);
    }
  }
  return document.importNode(root, true);
}
