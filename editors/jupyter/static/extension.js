/**
 * Colours of cells that start with %%rf, in JupyterLab 4 and Notebook 7, while one types.
 *
 * What a page of JupyterLab loads is a container of modules as webpack makes them; this one is
 * written by hand, so that nothing has to be built. Which words are what says the grammar that
 * VS Code has, too (static/recform.tmLanguage.json, a copy of what is in editors/vscode).
 */
(() => {
  const GRAMMAR = new URL("recform.tmLanguage.json", document.currentScript.src).href;
  /** Colours of JupyterLab's themes, by the start of what TextMate calls a word. */
  const COLOURS = {
    "comment.": "comment",
    "constant.numeric": "number",
    "entity.name": "def",
    "keyword.control": "keyword",
    "keyword.operator": "operator",
    "punctuation": "punctuation",
    "string.": "string",
    "support.function": "builtin",
    "variable.other.property": "property",
    "variable.other": "variable",
    "variable.parameter": "variable-2",
  };
  let shared = {};

  /** A module that JupyterLab shares with its extensions. */
  async function module(name) {
    const [version] = Object.values(shared[name] ?? {});
    if (version === undefined) throw new Error(`JupyterLab shares no ${name}`);
    return (await version.get())();
  }

  function look(scope) {
    const start = Object.keys(COLOURS).find((item) => scope.startsWith(item));
    const weight = start === "keyword.control" ? "bold" : "normal";
    // Those of the language of the notebook stand around these, with their letters.
    const letters = `font-weight: ${weight}; font-style: normal; text-decoration: none;`;
    return `color: var(--jp-mirror-editor-${COLOURS[start] ?? "variable"}-color); ${letters}`;
  }

  /** The rules of a grammar: a pattern, and the names of its groups; the first is the whole. */
  function rules(grammar) {
    return grammar.patterns.map(({ match, name, captures }) => ({
      pattern: new RegExp(match, "dmuy"),
      names: captures ? [, ...Object.entries(captures).reduce(named, [])] : [name],
    }));
  }

  function named(found, [number, { name }]) {
    found[Number(number) - 1] = name;
    return found;
  }

  /** The words of a line: where each starts and ends, and what it is. */
  function words(line, known) {
    const found = [];
    for (let at = 0; at < line.length; ) {
      const rule = known.find(({ pattern }) => {
        pattern.lastIndex = at;
        return pattern.test(line) && pattern.lastIndex > at;
      });
      if (rule === undefined) {
        at += 1;
        continue;
      }
      rule.pattern.lastIndex = at;
      const { indices } = rule.pattern.exec(line);
      rule.names.forEach((name, group) => {
        const [start, end] = indices[group] ?? [0, 0];
        if (name && start < end) found.push([start, end, name]);
      });
      at = indices[0][1];
    }
    return found;
  }

  async function plugin() {
    const answers = ["codemirror/state", "codemirror/view", "jupyterlab/codemirror"].map(
      (name) => module(`@${name}`),
    );
    const [{ Prec }, { Decoration, ViewPlugin }, lab] = await Promise.all(answers);
    const known = rules(await (await fetch(GRAMMAR)).json());

    function marks(text) {
      if (!/^\s*%%rf\b/.test(text.sliceString(0, 1000))) return Decoration.none;
      const found = [];
      for (let number = 1; number <= text.lines; number += 1) {
        const line = text.line(number);
        for (const [start, end, name] of words(line.text, known)) {
          const mark = Decoration.mark({ attributes: { style: look(name) } });
          found.push(mark.range(line.from + start, line.from + end));
        }
      }
      return Decoration.set(found);
    }

    class Colours {
      constructor(view) {
        this.marks = marks(view.state.doc);
      }

      update(change) {
        if (change.docChanged) this.marks = marks(change.state.doc);
      }
    }

    const coloured = ViewPlugin.fromClass(Colours, { decorations: (of) => of.marks });
    // Marks of higher precedence are the inner ones, and theirs is the colour that is seen.
    const extension = lab.EditorExtensionRegistry.createImmutableExtension(
      Prec.highest(coloured),
    );
    return {
      id: "recform:colours",
      description: "Colours of formulas in %%rf cells.",
      autoStart: true,
      requires: [lab.IEditorExtensionRegistry],
      activate: (_, extensions) => {
        extensions.addExtension({ name: "recform", factory: () => extension });
      },
    };
  }

  window._JUPYTERLAB ??= {};
  window._JUPYTERLAB.recform = {
    init: (scope) => {
      shared = scope;
    },
    // JupyterLab asks for ./extension.
    get: async (name) => {
      const found = name === "./words" ? { rules, words } : await plugin();
      return () => found;
    },
  };
})();
