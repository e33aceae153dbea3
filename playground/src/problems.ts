/** Mistakes as the terminal shows them, with buttons for what mends them. */

import type { Diagnostic, Fix } from "./answers";
import { element } from "./dom";
import type { FormulaEditor } from "./editor";

export class Problems {
  private shown: readonly Diagnostic[] = [];

  constructor(
    private readonly place: HTMLElement,
    private readonly editor: FormulaEditor,
  ) {}

  show(found: readonly Diagnostic[], fixes: readonly Fix[] = []): void {
    this.shown = found;
    this.place.replaceChildren(
      ...found.map((item, number) =>
        this.card(
          item,
          fixes.filter((fix) => fix.mends === number),
        ),
      ),
    );
    this.place.hidden = found.length === 0;
  }

  /** Adds the buttons, which are known later than the mistakes. */
  mend(fixes: readonly Fix[]): void {
    if (fixes.length) this.show(this.shown, fixes);
  }

  private card(item: Diagnostic, fixes: readonly Fix[]): HTMLElement {
    const card = problem(item);
    const { range } = item;
    const buttons = element("div", "buttons");
    if (range !== null) {
      buttons.append(button("Go to the place", () => this.editor.go(...range)));
    }
    for (const fix of fixes) {
      const mend = button(fix.title, () => this.editor.replace(fix.start, fix.end, fix.text));
      mend.classList.add("fix");
      buttons.append(mend);
    }
    if (buttons.childElementCount) card.append(buttons);
    return card;
  }
}

/** One mistake: its code and message, then the lines of the file with marks. */
export function problem(item: Diagnostic): HTMLElement {
  const [head = "", ...lines] = item.text.trimEnd().split("\n");
  const pre = element("pre", "");
  for (const line of lines) pre.append(...excerpt(line), "\n");
  pre.tabIndex = 0;
  pre.setAttribute("aria-label", "Where");
  const words = element("p", "head", element("strong", "code", head.slice(0, head.indexOf(":"))));
  words.append(head.slice(head.indexOf(":")));
  return element("article", `problem ${item.severity}`, words, ...(lines.length ? [pre] : []));
}

/** A line of an excerpt, in the parts that have looks of their own. */
function excerpt(line: string): (Node | string)[] {
  const hint = /^(\s*= )(hint: .*)$/.exec(line);
  if (hint) return [element("span", "gutter", hint[1] ?? ""), element("span", "hint", hint[2] ?? "")];
  const marks = /^(\s*\|)(\s*)([\^-]+.*)$/.exec(line);
  if (marks) {
    const [, gutter = "", space = "", mark = ""] = marks;
    const look = mark.startsWith("^") ? "mark" : "other";
    return [element("span", "gutter", gutter), space, element("span", look, mark)];
  }
  const source = /^(\s*\d* \|)(.*)$/.exec(line);
  if (source) return [element("span", "gutter", source[1] ?? ""), source[2] ?? ""];
  return [element("span", "gutter", line)];
}

export function button(label: string, pressed: () => void): HTMLButtonElement {
  const result = document.createElement("button");
  result.type = "button";
  result.textContent = label;
  result.addEventListener("click", pressed);
  return result;
}
