/** The language server, `recform lsp`: started, asked, and started again. */

import * as vscode from "vscode";
import { CloseAction, ErrorAction, LanguageClient, State } from "vscode-languageclient/node";
import { INSTALL, started, Trouble, type Program } from "./program";

/** What `recform/picture` is asked; all but the document may be left out. */
export interface Wanted {
  readonly view?: string;
  readonly network?: string;
  readonly theme?: "auto" | "light" | "dark";
  readonly format?: string;
}

/** A picture, as `recform/picture` answers. */
export interface Picture {
  /** Its bytes in base64. */
  readonly data: string;
  readonly title: string;
  readonly description: string;
  readonly network: string;
  readonly networks: readonly string[];
  readonly views: readonly string[];
  /** Whether it is of an earlier text, because this one does not compile. */
  readonly old: boolean;
}

/** So long it is waited for a program to say why it does not start, in milliseconds. */
const PATIENCE = 3000;
const SETTINGS = "Open Settings";
const COPY = "Copy Command";
const AGAIN = "Try Again";

/** The client of the protocol; a start that fails is not its to tell. */
class Client extends LanguageClient {
  program: Program | undefined;

  constructor(output: vscode.LogOutputChannel) {
    super("recform", "recform", async () => (this.program = await started()).child, {
      documentSelector: [{ language: "recform" }],
      outputChannel: output,
      initializationFailedHandler: () => false,
      errorHandler: {
        error: (...found) =>
          this.hasStarted ? usual.error(...found) : { action: ErrorAction.Continue, handled: true },
        closed: () =>
          this.hasStarted ? usual.closed() : { action: CloseAction.DoNotRestart, handled: true },
      },
    });
    const usual = this.createDefaultErrorHandler();
  }

  private get hasStarted(): boolean {
    return this.state === State.Running;
  }

  override error(message: string, data?: unknown, show?: boolean | "force"): void {
    super.error(message, data, this.hasStarted ? show : false);
  }
}

export class Server implements vscode.Disposable {
  private readonly output = vscode.window.createOutputChannel("recform", { log: true });
  private client: Client | undefined;

  /** Starts it; what is wrong is shown, with what can be done. */
  async start(): Promise<void> {
    const client = new Client(this.output);
    this.client = client;
    try {
      await client.start();
    } catch (error) {
      const patience = new Promise<void>((resolve) => setTimeout(resolve, PATIENCE).unref());
      const trouble = await Promise.race([client.program?.ended, patience]);
      client.program?.child.kill();
      if (this.client === client) {
        this.client = undefined;
        void this.show(trouble ?? error);
      }
    }
  }

  /** Stops it, and starts it as the settings say now. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  private async stop(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    if (client?.state === State.Running) {
      await client.dispose();
    }
  }

  /**
   * The picture of a document.
   *
   * @throws if there is none; the message says why.
   */
  async picture(uri: vscode.Uri, wanted: Wanted): Promise<Picture> {
    if (this.client === undefined) {
      throw new Trouble("recform is not running: see the command “Restart the Language Server”");
    }
    const textDocument = { uri: this.client.code2ProtocolConverter.asUri(uri) };
    const found = await this.client.sendRequest<Picture | null>("recform/picture", {
      textDocument,
      ...wanted,
    });
    if (found === null) {
      throw new Trouble("recform cannot draw this file: see its output");
    }
    return found;
  }

  private async show(trouble: unknown): Promise<void> {
    const said = trouble instanceof Error ? trouble.message : String(trouble);
    this.output.error(said);
    const choices = said.includes(INSTALL) ? [COPY, SETTINGS, AGAIN] : [SETTINGS, AGAIN];
    const chosen = await vscode.window.showErrorMessage(said, ...choices);
    if (chosen === COPY) {
      await vscode.env.clipboard.writeText(INSTALL);
    } else if (chosen === SETTINGS) {
      await vscode.commands.executeCommand("workbench.action.openSettings", "recform.path");
    } else if (chosen === AGAIN) {
      await this.restart();
    }
  }

  dispose(): Promise<void> {
    this.output.dispose();
    return this.stop();
  }
}
