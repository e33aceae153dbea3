/**
 * What the extension and its client of the protocol need of VS Code, which is not here: documents,
 * events, diagnostics and a webview that can be looked at. All else is there, and does nothing.
 */
"use strict";

const { pathToFileURL, fileURLToPath } = require("node:url");

class Disposable {
  constructor(end = () => {}) {
    this.dispose = end;
  }
  static from(...all) {
    return new Disposable(() => all.forEach((item) => item.dispose()));
  }
}

class EventEmitter {
  listeners = new Set();
  event = (listen, self) => {
    const bound = self === undefined ? listen : listen.bind(self);
    this.listeners.add(bound);
    return new Disposable(() => this.listeners.delete(bound));
  };
  fire(said) {
    return Promise.all([...this.listeners].map((listen) => listen(said)));
  }
  dispose() {
    this.listeners.clear();
  }
}

class Uri {
  constructor(href) {
    const url = new URL(href);
    this.href = url.href;
    this.scheme = url.protocol.slice(0, -1);
    this.path = decodeURIComponent(url.pathname);
    this.fsPath = this.scheme === "file" ? fileURLToPath(url) : this.path;
  }
  static file = (name) => new Uri(pathToFileURL(name).href);
  static parse = (text) => new Uri(text);
  with({ path }) {
    return Uri.file(path);
  }
  toString() {
    return this.href;
  }
}

class Position {
  constructor(line, character) {
    Object.assign(this, { line, character });
  }
}

class Range {
  constructor(a, b, c, d) {
    [this.start, this.end] = c === undefined ? [a, b] : [new Position(a, b), new Position(c, d)];
  }
}

class Diagnostic {
  constructor(range, message, severity) {
    Object.assign(this, { range, message, severity });
  }
}

class CancellationTokenSource {
  constructor() {
    const ended = new EventEmitter();
    this.token = { isCancellationRequested: false, onCancellationRequested: ended.event };
  }
  cancel() {}
  dispose() {}
}

/** A class, or an enumeration, of which nothing is asked here. */
function anything() {
  class Anything {
    constructor(...given) {
      this.given = given;
    }
    append() {
      return this;
    }
  }
  return new Proxy(Anything, {
    get: (target, name) => (name in target ? target[name] : /^[A-Z]/.test(name) ? new Anything() : 0),
  });
}

/** A namespace: what is not given does nothing. */
function space(given) {
  return new Proxy(given, {
    get(target, name) {
      if (!(name in target)) {
        target[name] = () => new Disposable();
      }
      return target[name];
    },
  });
}

/** The module, and what a test may do with it. */
function made({ folder, settings = {}, trusted = true }) {
  const events = {};
  const event = (name) => (events[name] ??= new EventEmitter()).event;
  const commands = new Map();
  const seen = { errors: [], information: [], written: new Map(), panels: [], diagnostics: new Map() };
  const answers = { error: [], save: undefined };
  const documents = [];

  const configuration = (section) => ({
    get: (name, usual) => settings[section ? `${section}.${name}` : name] ?? usual,
    inspect: () => undefined,
    has: () => false,
  });
  const channel = () => space({ error() {}, info() {}, append() {}, appendLine() {}, dispose() {} });

  const window = {
    activeTextEditor: undefined,
    visibleTextEditors: [],
    activeColorTheme: { kind: 2 },
    tabGroups: space({ all: [], onDidChangeTabs: event("tabs") }),
    createOutputChannel: channel,
    showErrorMessage: async (text) => {
      seen.errors.push(text);
      return answers.error.shift();
    },
    showInformationMessage: async (text) => void seen.information.push(text),
    showSaveDialog: async (options) => answers.save?.(options),
    createWebviewPanel: (kind, title) => {
      const received = new EventEmitter();
      const ended = new EventEmitter();
      const panel = {
        kind,
        title,
        messages: [],
        say: (said) => received.fire(said),
        reveal() {},
        dispose: () => ended.fire(),
        onDidDispose: ended.event,
        webview: {
          html: "",
          onDidReceiveMessage: received.event,
          postMessage: async (message) => {
            panel.messages.push(message);
            panel.heard?.();
            return true;
          },
        },
      };
      seen.panels.push(panel);
      return panel;
    },
    onDidChangeActiveTextEditor: event("editor"),
    onDidChangeActiveColorTheme: event("theme"),
  };

  const workspace = {
    isTrusted: trusted,
    textDocuments: documents,
    notebookDocuments: [],
    workspaceFolders: [{ uri: Uri.file(folder), name: "folder", index: 0 }],
    getConfiguration: configuration,
    fs: { writeFile: async (uri, data) => void seen.written.set(uri.fsPath, Buffer.from(data)) },
    onDidOpenTextDocument: event("open"),
    onDidChangeTextDocument: event("change"),
    onDidSaveTextDocument: event("save"),
    onDidCloseTextDocument: event("close"),
    onDidChangeConfiguration: event("configuration"),
    onDidGrantWorkspaceTrust: event("trust"),
  };

  const languages = {
    match: ([filter], document) => (filter.language === document.languageId ? 10 : 0),
    createDiagnosticCollection: () =>
      space({
        set: (uri, found) => {
          seen.diagnostics.set(uri.toString(), found);
          events.diagnostics?.fire(uri);
        },
        delete: (uri) => seen.diagnostics.delete(uri.toString()),
        clear: () => seen.diagnostics.clear(),
      }),
  };

  const own = {
    __esModule: true,
    version: "1.91.0",
    Disposable,
    EventEmitter,
    Uri,
    Position,
    Range,
    Diagnostic,
    CancellationTokenSource,
    ViewColumn: { Beside: -2 },
    ColorThemeKind: { Light: 1, Dark: 2, HighContrast: 3, HighContrastLight: 4 },
    DiagnosticSeverity: { Error: 0, Warning: 1, Information: 2, Hint: 3 },
    env: space({ appName: "test", language: "en", clipboard: { writeText: async (text) => void (seen.copied = text) } }),
    window: space(window),
    workspace: space(workspace),
    languages: space(languages),
    extensions: space({}),
    commands: space({
      registerCommand: (name, run) => {
        commands.set(name, run);
        return new Disposable(() => commands.delete(name));
      },
      executeCommand: async (name, ...given) => commands.get(name)?.(...given),
    }),
  };
  const classes = {};
  const rest = new Proxy(classes, {
    get: (_, name) => (/^[A-Z]/.test(String(name)) ? (classes[name] ??= anything()) : undefined),
  });
  const vscode = Object.assign(Object.create(rest), own);

  /** A document as the editor has it; `write` is what a user does. */
  async function open(name, text) {
    const document = {
      uri: Uri.file(name),
      fileName: name,
      languageId: "recform",
      version: 1,
      isClosed: false,
      text,
      getText: () => document.text,
      async write(next) {
        document.text = next;
        document.version += 1;
        const contentChanges = [{ text: next, range: new Range(0, 0, 0, 0), rangeLength: 0 }];
        await events.change.fire({ document, contentChanges, reason: undefined });
      },
    };
    documents.push(document);
    window.activeTextEditor = { document };
    await events.open?.fire(document);
    await events.editor?.fire(window.activeTextEditor);
    return document;
  }

  /** The next time that a document has been checked, and what is wrong with it. */
  function diagnosed(document) {
    return new Promise((resolve) => {
      const listening = event("diagnostics")((uri) => {
        if (uri.toString() === document.uri.toString()) {
          listening.dispose();
          resolve(seen.diagnostics.get(uri.toString()));
        }
      });
    });
  }

  /** The next message that a webview gets. */
  function told(panel) {
    return new Promise((resolve) => {
      panel.heard = () => resolve(panel.messages.at(-1));
    });
  }

  return { vscode, seen, answers, settings, events, commands, open, diagnosed, told };
}

module.exports = { made };
