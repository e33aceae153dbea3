/** What VS Code starts when a formula file is opened. */

import * as vscode from "vscode";
import { Preview } from "./preview";
import { saveDiagram } from "./save";
import { Server } from "./server";

/** What of it tests, and other extensions, may use. */
export interface Api {
  readonly server: Server;
  readonly preview: Preview;
}

export async function activate(context: vscode.ExtensionContext): Promise<Api> {
  const server = new Server();
  const preview = new Preview(server);
  const command = vscode.commands.registerCommand;
  context.subscriptions.push(
    server,
    preview,
    command("recform.preview", () => preview.show()),
    command("recform.saveDiagram", () => saveDiagram(server, preview)),
    command("recform.restart", () => server.restart()),
    vscode.workspace.onDidChangeConfiguration(async (change) => {
      if (["recform.path", "recform.plugins"].some((name) => change.affectsConfiguration(name))) {
        await server.restart();
      }
    }),
    vscode.workspace.onDidGrantWorkspaceTrust(() => server.restart()),
  );
  await server.start();
  return { server, preview };
}
