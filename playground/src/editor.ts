/** The formula: an editor with colours, mistakes, what is known of a place, proposals. */

import {
  autocompletion,
  closeBrackets,
  type Completion,
  type CompletionContext,
  type CompletionResult,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { python } from "@codemirror/lang-python";
import { bracketMatching, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, setDiagnostics } from "@codemirror/lint";
import { EditorState, type Extension, StateEffect, StateField } from "@codemirror/state";
import {
  Decoration,
  type DecorationSet,
  drawSelection,
  EditorView,
  highlightActiveLine,
  hoverTooltip,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import type { Colour, Diagnostic, Proposal } from "./answers";
import type { Desk } from "./desk";
import { markdown } from "./markdown";

const setColours = StateEffect.define<readonly Colour[]>();

/** A mark of byte order, which a file may start with, is no part of its text. */
const unmarked = EditorState.transactionFilter.of((change) =>
  change.docChanged && change.newDoc.sliceString(0, 1) === "\ufeff"
    ? [change, { changes: { from: 0, to: 1 }, sequential: true }]
    : change,
);

/** Words by what they are, as Python says; they move with the text until it says more. */
const coloured = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, transaction) {
    let result = marks.map(transaction.changes);
    for (const effect of transaction.effects) {
      if (!effect.is(setColours)) continue;
      const size = transaction.state.doc.length;
      const known = effect.value.filter(([start, end]) => start < end && end <= size);
      result = Decoration.set(
        known.map(([start, end, kind]) =>
          Decoration.mark({ class: `rf-${kind}` }).range(start, end),
        ),
      );
    }
    return result;
  },
  provide: (field) => EditorView.decorations.from(field),
});

const LOOK = EditorView.theme({
  "&": { height: "100%", fontSize: "14px", backgroundColor: "var(--paper)", color: "var(--ink)" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55" },
  ".cm-content": { caretColor: "var(--ink)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-gutters": { backgroundColor: "var(--paper)", color: "var(--muted)", border: "none" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--line)" },
  "&.cm-focused": { outline: "none" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground":
    { backgroundColor: "var(--chosen)" },
  ".cm-tooltip": {
    backgroundColor: "var(--raised)",
    color: "var(--ink)",
    border: "1px solid var(--edge)",
    borderRadius: "6px",
  },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": {
    backgroundColor: "var(--accent)",
    color: "var(--on-accent)",
  },
});

const PYTHON_LOOK = HighlightStyle.define([
  { tag: tags.keyword, class: "rf-keyword" },
  { tag: [tags.comment, tags.docString], class: "rf-comment" },
  { tag: tags.string, class: "rf-string" },
  { tag: [tags.number, tags.bool, tags.null], class: "rf-number" },
  { tag: tags.definition(tags.className), class: "rf-class" },
  { tag: [tags.function(tags.variableName), tags.function(tags.propertyName)], class: "rf-function" },
  { tag: tags.className, class: "rf-class" },
]);

/** What all editors of the page have. */
const COMMON: Extension = [lineNumbers(), drawSelection(), LOOK, keymap.of(defaultKeymap)];

export class FormulaEditor {
  private readonly view: EditorView;

  constructor(parent: HTMLElement, desk: () => Desk, changed: () => void) {
    this.view = new EditorView({
      parent,
      extensions: [
        COMMON,
        history(),
        keymap.of(historyKeymap),
        highlightActiveLine(),
        bracketMatching(),
        closeBrackets(),
        coloured,
        unmarked,
        lintGutter(),
        hoverTooltip(async (_, position) => {
          const found = await desk().ask("hover", { at: position });
          if (!found.text) return null;
          const create = (): { dom: HTMLElement } => ({ dom: markdown(found.text) });
          return { pos: found.start, end: found.end, create };
        }),
        autocompletion({ override: [(context) => proposals(context, desk())] }),
        EditorView.contentAttributes.of({ "aria-label": "Formula", tabindex: "0" }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) changed();
        }),
      ],
    });
  }

  get text(): string {
    return this.view.state.doc.toString();
  }

  set text(text: string) {
    const length = this.view.state.doc.length;
    this.view.dispatch({ changes: { from: 0, to: length, insert: text }, selection: { anchor: 0 } });
  }

  colour(colours: readonly Colour[]): void {
    this.view.dispatch({ effects: setColours.of(colours) });
  }

  mark(found: readonly Diagnostic[]): void {
    const size = this.view.state.doc.length;
    const shown = found.flatMap((item) => {
      const [from, to] = item.range ?? [0, 0];
      if (to > size) return [];
      const message = `${item.message} [${item.code}]`;
      return [{ from, to, severity: item.severity, message }];
    });
    this.view.dispatch(setDiagnostics(this.view.state, shown));
  }

  replace(from: number, to: number, insert: string): void {
    if (to <= this.view.state.doc.length) this.view.dispatch({ changes: { from, to, insert } });
    this.view.focus();
  }

  go(from: number, to: number): void {
    if (to > this.view.state.doc.length) return;
    this.view.dispatch({ selection: { anchor: from, head: to }, scrollIntoView: true });
    this.view.focus();
  }
}

async function proposals(
  context: CompletionContext,
  desk: Desk,
): Promise<CompletionResult | null> {
  const word = context.matchBefore(/[A-Za-z]\w*/);
  if (word === null && !context.explicit) return null;
  const found = await desk.ask("complete", { at: context.pos });
  if (found.proposals.length === 0) return null;
  const from = word?.from ?? context.pos;
  return { from, options: found.proposals.map(option), validFor: /^\w*$/ };
}

function option(item: Proposal): Completion {
  const shown: Completion = {
    label: item.label,
    detail: item.detail,
    apply: item.insert,
    boost: -item.rank,
  };
  return item.page ? { ...shown, info: () => markdown(item.page) } : shown;
}

/** The generated code, to be read. */
export class CodeView {
  private readonly view: EditorView;

  constructor(parent: HTMLElement) {
    this.view = new EditorView({
      parent,
      extensions: [
        COMMON,
        python(),
        syntaxHighlighting(PYTHON_LOOK),
        EditorState.readOnly.of(true),
        EditorView.contentAttributes.of({ "aria-label": "Generated code", tabindex: "0" }),
      ],
    });
  }

  get text(): string {
    return this.view.state.doc.toString();
  }

  set text(text: string) {
    if (text === this.text) return;
    const length = this.view.state.doc.length;
    this.view.dispatch({ changes: { from: 0, to: length, insert: text } });
  }
}
