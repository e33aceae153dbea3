/** The extension as it is shipped, in a stand-in for VS Code, with a real `recform lsp`. */

import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import Module, { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";

const require = createRequire(import.meta.url);
const { made } = require("./vscode.cjs");
const PYTHON = process.env.RECFORM_PYTHON ?? "python3";
const FORMULA = "network Net\nX_i = X_<i-1> + W_i*X_<i-1>\n";
const folder = mkdtempSync(path.join(tmpdir(), "recform-"));
after(() => rmSync(folder, { recursive: true }));

/** A program that does what a line of a shell says. */
function script(name, line) {
  const file = path.join(folder, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${line}\n`);
  chmodSync(file, 0o755);
  return file;
}

/** The extension, started in a stand-in of its own. */
async function start(t, options) {
  const stand = made({ folder, ...options });
  const load = Module._load;
  Module._load = (name, ...rest) => (name === "vscode" ? stand.vscode : load(name, ...rest));
  const bundle = require.resolve("../out/extension.js");
  delete require.cache[bundle];
  const extension = require(bundle);
  Module._load = load;
  const context = { subscriptions: [] };
  const api = await extension.activate(context);
  t.after(async () => {
    for (const item of context.subscriptions.reverse()) {
      await item.dispose();
    }
  });
  return { ...stand, api };
}

const recform = script("recform", `exec "${PYTHON}" -m recform "$@"`);

test("mistakes, the diagram while one writes, and its file", async (t) => {
  const { api, open, diagnosed, told, seen, answers, commands, vscode, events } = await start(t, {
    settings: { "recform.path": recform },
  });
  assert.deepEqual(seen.errors, []);
  const document = await open(path.join(folder, "net.rf"), FORMULA);
  assert.deepEqual(await diagnosed(document), []);

  commands.get("recform.preview")();
  const [panel] = seen.panels;
  assert.equal(panel.title, "Diagram: net.rf");
  assert.match(panel.webview.html, /Content-Security-Policy" content="default-src 'none'/);
  const first = await told(panel);
  assert.deepEqual([first.network, first.view, first.old], ["Net", "step", false]);
  const svg = Buffer.from(first.data, "base64").toString();
  assert.match(svg, /^<svg [^]*Net[^]*<\/svg>\n$/);
  assert.match(svg, /#eceef2/, "the editor is dark");

  void panel.say({ view: "network" });
  const second = await told(panel);
  assert.deepEqual([second.view, second.views], ["network", ["step", "network", "paths", "unrolled"]]);

  const third = told(panel);
  void document.write(FORMULA + "Y_i = relu(Z_i)\n");
  const [mistake] = await diagnosed(document);
  assert.equal(mistake.source, "recform");
  assert.deepEqual(mistake.range.start, new vscode.Position(2, 11));
  assert.equal((await third).old, true);

  answers.save = ({ defaultUri }) => defaultUri;
  await commands.get("recform.saveDiagram")();
  const saved = seen.written.get(path.join(folder, "net.svg")).toString();
  assert.match(saved, /prefers-color-scheme/, "a file has the colours of its reader");
  answers.save = () => vscode.Uri.file(path.join(folder, "net.xyz"));
  await commands.get("recform.saveDiagram")();
  assert.match(seen.errors.pop(), /^The diagram was not saved: .*'xyz'/);

  const other = await open(path.join(folder, "other.rf"), "X_i = ");
  const { problem } = await told(panel);
  assert.equal(problem, "there is no picture as long as the formula does not compile");
  assert.equal(panel.title, "Diagram: other.rf");
  vscode.window.activeColorTheme = { kind: 1 };
  void other.write(FORMULA);
  const light = Buffer.from((await told(panel)).data, "base64").toString();
  assert.ok(!light.includes("#eceef2"));

  // Started anew by a setting, it knows the open files again.
  await events.configuration.fire({ affectsConfiguration: (name) => name === "recform.plugins" });
  assert.equal((await api.server.picture(other.uri, { network: "Net" })).title, first.title);
  assert.deepEqual([seen.errors, seen.information], [[], []]);
});

test("a program that is not there", async (t) => {
  const { api, seen, vscode } = await start(t, { settings: { "recform.path": "/no/recform" } });
  assert.deepEqual(seen.errors, [
    "The program /no/recform was not found. recform is installed by: pip install 'recform[lsp]'",
  ]);
  await assert.rejects(api.server.picture(vscode.Uri.file("/a.rf"), {}), /recform is not running/);
});

test("a program that ends says why, and is tried again", async (t) => {
  const lean = script("lean", `echo "error[RF546]: pip install 'recform[lsp]'" >&2; exit 1`);
  const { seen, answers, commands } = await start(t, { settings: { "recform.path": lean } });
  assert.deepEqual(seen.errors, ["error[RF546]: pip install 'recform[lsp]'"]);
  answers.error.push("Copy Command");
  await commands.get("recform.restart")();
  await new Promise(setImmediate);
  assert.equal(seen.copied, "pip install 'recform[lsp]'");
});

test("the program of the folder, where that is trusted", async (t) => {
  script(".venv/bin/recform", "echo mine >&2; exit 3");
  const trusting = await start(t, {});
  assert.deepEqual(trusting.seen.errors, ["mine"]);
  const wary = await start(t, { trusted: false, settings: { "recform.path": script("other", "exit 4") } });
  assert.deepEqual(wary.seen.errors, [`${path.join(folder, "other")} lsp ended with status 4`]);
});
