/** The little Markdown that Python writes: paragraphs, lists, code, bold, rules. */

import { element } from "./dom";

export function markdown(text: string): HTMLElement {
  const page = element("div", "page");
  for (const [number, part] of text.split(/^```\w*\n([\s\S]*?)^```$/m).entries()) {
    if (number % 2 === 1) page.append(element("pre", "", part.trimEnd()));
    else page.append(...part.split(/\n{2,}/).filter((item) => item.trim()).map(paragraph));
  }
  return page;
}

function paragraph(text: string): HTMLElement {
  const lines = text.trim().split("\n");
  if (text.trim() === "---") return element("hr", "");
  if (!lines.every((line) => /^(- | {2})/.test(line))) return element("p", "", ...runs(lines.join(" ")));
  const items = text.trim().replace(/^- /, "").split(/\n- /);
  return element("ul", "", ...items.map((item) => element("li", "", ...runs(item.replaceAll("\n", " ")))));
}

function runs(text: string): (Node | string)[] {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part) => {
    if (part.startsWith("`") && part.length > 2) return element("code", "", part.slice(1, -1));
    if (part.startsWith("**") && part.length > 4) return element("strong", "", part.slice(2, -2));
    return part;
  });
}
