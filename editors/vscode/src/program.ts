/** Which program is started, and what is wrong if it cannot be. */

import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { existsSync } from "node:fs";
import * as path from "node:path";
import * as vscode from "vscode";

export const INSTALL = "pip install 'recform[lsp]'";

/** A start that failed, in words for the user. */
export class Trouble extends Error {}

/** The program and its arguments, by the settings. */
export function program(): readonly [string, string[]] {
  const settings = vscode.workspace.getConfiguration("recform");
  const plugins = settings.get<string[]>("plugins", []);
  const command = settings.get<string>("path", "").trim() || inFolder() || "recform";
  return [command, ["lsp", ...plugins.flatMap((name) => ["--plugin", name])]];
}

/** The program of the folder's virtual environment, if the folder is trusted and has one. */
function inFolder(): string | undefined {
  if (!vscode.workspace.isTrusted) {
    return undefined;
  }
  const inside = process.platform === "win32" ? "Scripts/recform.exe" : "bin/recform";
  return (vscode.workspace.workspaceFolders ?? [])
    .map((folder) => path.join(folder.uri.fsPath, ".venv", inside))
    .find((file) => existsSync(file));
}

/** A program that runs. */
export interface Program {
  readonly child: ChildProcessWithoutNullStreams;
  /** What was wrong, once it has ended; nothing if it ended well. */
  readonly ended: Promise<Trouble | undefined>;
}

/**
 * Starts the language server.
 *
 * @throws Trouble if there is no such program.
 */
export async function started(): Promise<Program> {
  const [command, args] = program();
  const cwd = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  const child = spawn(command, args, cwd === undefined ? {} : { cwd });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (error: NodeJS.ErrnoException) => {
      const why = error.code === "ENOENT" ? "was not found" : `does not start (${error.message})`;
      reject(new Trouble(`The program ${command} ${why}. recform is installed by: ${INSTALL}`));
    });
  });
  let said = "";
  child.stderr.on("data", (text: Buffer) => {
    said = (said + text.toString()).slice(-2000);
  });
  const ended = new Promise<Trouble | undefined>((resolve) => {
    child.once("close", (status) => {
      const why = said.trim() || `${command} lsp ended with status ${status}`;
      resolve(status ? new Trouble(why) : undefined);
    });
  });
  return { child, ended };
}
