/** What is printed on a terminal with colours, as elements. */

import { element } from "./dom";

const LOOKS: Record<string, string> = {
  "1": "bold",
  "2": "dim",
  "3": "italic",
  "4": "underline",
  "31": "red",
  "32": "green",
  "33": "yellow",
  "34": "blue",
  "35": "magenta",
  "36": "cyan",
};

export function printed(text: string): DocumentFragment {
  const result = document.createDocumentFragment();
  let look: string[] = [];
  for (const [number, part] of text.split(/\x1b\[([\d;]*)m/).entries()) {
    if (number % 2 === 0) {
      if (part) result.append(look.length ? element("span", look.join(" "), part) : part);
      continue;
    }
    for (const code of part.split(";")) {
      const name = LOOKS[code];
      if (code === "0" || code === "") look = [];
      else if (name !== undefined) look = [...look, `ansi-${name}`];
    }
  }
  return result;
}
