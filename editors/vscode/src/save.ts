/** A diagram as a file. */

import * as vscode from "vscode";
import type { Preview } from "./preview";
import type { Server } from "./server";

/** The format that each ending names: those that `recform render` knows and people keep. */
const FORMATS = {
  svg: "SVG",
  pdf: "PDF",
  png: "PNG",
  tikz: "TikZ, to \\input",
  tex: "LaTeX, a document",
  mmd: "Mermaid",
  dot: "DOT",
};

/** Asks where to, and writes the diagram of the formula that is shown, or edited. */
export async function saveDiagram(server: Server, preview: Preview): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  const edited = editor?.document.languageId === "recform" ? editor.document.uri : undefined;
  const uri = edited ?? preview.shown;
  if (uri === undefined) {
    void vscode.window.showInformationMessage("Open a formula (a file .rf) first.");
    return;
  }
  const filters = Object.fromEntries(
    Object.entries(FORMATS).map(([ending, name]) => [name, [ending]]),
  );
  const defaultUri = uri.with({ path: uri.path.replace(/(\.rf)?$/, ".svg") });
  const target = await vscode.window.showSaveDialog({ defaultUri, filters });
  if (target === undefined) {
    return;
  }
  const ending = target.path.split(".").at(-1) ?? "";
  const format = ending === "mmd" ? "mermaid" : ending;
  try {
    const picture = await server.picture(uri, { ...preview.chosen(uri), format });
    await vscode.workspace.fs.writeFile(target, Buffer.from(picture.data, "base64"));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    void vscode.window.showErrorMessage(`The diagram was not saved: ${why}`);
  }
}
