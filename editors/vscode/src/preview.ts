/** The diagram beside the formula, drawn anew while one writes. */

import * as vscode from "vscode";
import { page, type Shown } from "./page";
import type { Server, Wanted } from "./server";

/** So long nothing must be typed, in milliseconds, before it is drawn anew. */
const PAUSE = 200;

/** What the page says: it is there, or something else was chosen. */
interface Said {
  readonly view?: string;
  readonly network?: string;
  readonly save?: true;
}

export class Preview implements vscode.Disposable {
  private panel: vscode.WebviewPanel | undefined;
  private uri: vscode.Uri | undefined;
  private wanted: Wanted = {};
  private timer: NodeJS.Timeout | undefined;
  private drawing: Promise<void> | undefined;
  private isStale = false;
  private readonly listeners: vscode.Disposable[];

  constructor(private readonly server: Server) {
    this.listeners = [
      vscode.workspace.onDidChangeTextDocument(({ document }) => this.changed(document)),
      // Another file may use the one that was saved.
      vscode.workspace.onDidSaveTextDocument(() => this.later()),
      vscode.window.onDidChangeActiveTextEditor((editor) => this.follow(editor?.document)),
      vscode.window.onDidChangeActiveColorTheme(() => this.later()),
    ];
  }

  /** What is asked for the diagram of a document: what this shows, if it is that one. */
  chosen(uri: vscode.Uri): Wanted {
    return this.uri?.toString() === uri.toString() ? this.wanted : { view: usual() };
  }

  /** The document that is shown, if that is open. */
  get shown(): vscode.Uri | undefined {
    return this.panel === undefined ? undefined : this.uri;
  }

  /** Opens it beside the formula that is being edited. */
  show(): void {
    const document = vscode.window.activeTextEditor?.document;
    if (document?.languageId !== "recform") {
      void vscode.window.showInformationMessage("Open a formula (a file .rf) first.");
      return;
    }
    if (this.panel === undefined) {
      this.panel = this.opened();
    } else {
      this.panel.reveal(undefined, true);
    }
    this.follow(document);
  }

  private opened(): vscode.WebviewPanel {
    const place = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
    const panel = vscode.window.createWebviewPanel("recform.preview", "Diagram", place, {
      enableScripts: true,
      localResourceRoots: [],
    });
    panel.webview.onDidReceiveMessage((said: Said) => this.heard(said));
    panel.onDidDispose(() => {
      this.panel = undefined;
      this.uri = undefined;
    });
    panel.webview.html = page();
    return panel;
  }

  private heard(said: Said): void {
    if (said.save) {
      void vscode.commands.executeCommand("recform.saveDiagram");
      return;
    }
    this.wanted = { ...this.wanted, ...said };
    void this.draw();
  }

  private follow(document: vscode.TextDocument | undefined): void {
    if (this.panel === undefined || document?.languageId !== "recform") {
      return;
    }
    if (this.uri?.toString() !== document.uri.toString()) {
      this.uri = document.uri;
      const { view = usual() } = this.wanted;
      this.wanted = { view };
      this.panel.title = `Diagram: ${document.uri.path.split("/").at(-1)}`;
    }
    void this.draw();
  }

  private changed(document: vscode.TextDocument): void {
    if (document.uri.toString() === this.uri?.toString()) {
      this.later();
    }
  }

  private later(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.draw(), PAUSE);
  }

  /** Draws it; while an answer is awaited, only that another one is wanted is kept. */
  private draw(): Promise<void> {
    this.isStale = true;
    this.drawing ??= this.drawn().finally(() => (this.drawing = undefined));
    return this.drawing;
  }

  private async drawn(): Promise<void> {
    while (this.isStale && this.panel !== undefined && this.uri !== undefined) {
      this.isStale = false;
      const shown = await this.asked(this.uri);
      await this.panel?.webview.postMessage(shown);
    }
  }

  private async asked(uri: vscode.Uri): Promise<Shown> {
    const wanted = { ...this.wanted, theme: theme() };
    try {
      return { ...(await this.server.picture(uri, wanted)), view: wanted.view ?? usual() };
    } catch (error) {
      return { problem: error instanceof Error ? error.message : String(error) };
    }
  }

  dispose(): void {
    clearTimeout(this.timer);
    vscode.Disposable.from(...this.listeners).dispose();
    this.panel?.dispose();
  }
}

function usual(): string {
  return vscode.workspace.getConfiguration("recform").get("preview.view", "step");
}

function theme(): "light" | "dark" {
  const { Dark, HighContrast } = vscode.ColorThemeKind;
  return [Dark, HighContrast].includes(vscode.window.activeColorTheme.kind) ? "dark" : "light";
}
