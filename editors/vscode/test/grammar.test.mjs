/** The TextMate grammar, as VS Code and JupyterLab read it, beside the lexer of Pygments. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { test } from "node:test";
import vm from "node:vm";

const require = createRequire(import.meta.url);
const oniguruma = require("vscode-oniguruma");
const textmate = require("vscode-textmate");
const HERE = import.meta.dirname;
const EXAMPLES = path.join(HERE, "../../../examples");
const GRAMMAR = path.join(HERE, "../syntaxes/recform.tmLanguage.json");
const JUPYTER = path.join(HERE, "../../jupyter/static/extension.js");
const PYTHON = process.env.RECFORM_PYTHON ?? "python3";

async function grammar() {
  await oniguruma.loadWASM(readFileSync(require.resolve("vscode-oniguruma/release/onig.wasm")));
  const registry = new textmate.Registry({
    onigLib: Promise.resolve({
      createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
      createOnigString: (text) => new oniguruma.OnigString(text),
    }),
    loadGrammar: async () => textmate.parseRawGrammar(readFileSync(GRAMMAR, "utf8"), GRAMMAR),
  });
  return registry.loadGrammar("source.recform");
}

/** The innermost scope of each unit of a text; empty where only the file's is there. */
function scopes(read, text) {
  let state = textmate.INITIAL;
  const found = [];
  for (const line of text.split("\n")) {
    const { tokens, ruleStack } = read.tokenizeLine(line, state);
    state = ruleStack;
    const shown = Array(line.length).fill("");
    for (const { startIndex, endIndex, scopes } of tokens) {
      shown.fill(scopes.length > 1 ? scopes.at(-1) : "", startIndex, endIndex);
    }
    found.push(...shown, "");
  }
  return found.slice(0, -1);
}

/** Examples, whole and cut off at some places, and signs that no example has. */
function texts() {
  const files = readdirSync(EXAMPLES, { recursive: true }).filter((name) => name.endsWith(".rf"));
  const whole = files.sort().map((name) => readFileSync(path.join(EXAMPLES, name), "utf8"));
  const cut = whole.flatMap((text, n) => [text.slice(n % 40, (text.length * (n % 7)) / 7)]);
  const odd = [
    "%%rf net --set classes=7\nX_i = 3", "X_<i-1", "X_{i", "Y_<i-1 # c", 'W = "a', "\\alpha_i \u00d7 2", "a \u2212 b \u00b7 c", "x x 2",
    "stages 2 x 3\n  stages = 4", "input_i", "w : conv", "w := 3", "\ud835\udcae \ud83d\ude00 ?", "1e-3..4 .5",
  ];
  return [...whole, ...cut, ...odd];
}

/** The same, as the extension for JupyterLab finds them. */
function painted({ rules, words }, text) {
  const known = rules(JSON.parse(readFileSync(GRAMMAR, "utf8")));
  return text.split("\n").flatMap((line, n) => {
    const shown = Array(line.length).fill("");
    for (const [start, end, scope] of words(line, known)) shown.fill(scope, start, end);
    return n ? ["", ...shown] : shown;
  });
}

/** What the container of the extension for JupyterLab has. */
async function jupyter(name) {
  const window = {};
  const document = { currentScript: { src: "http://localhost/static/extension.js" } };
  vm.runInNewContext(readFileSync(JUPYTER, "utf8"), { window, document, URL });
  return (await window._JUPYTERLAB.recform.get(name))();
}

test("every word of every example has the colour that Pygments gives it", async () => {
  const read = await grammar();
  const lab = await jupyter("./words");
  const given = texts();
  assert.ok(given.length > 250);
  const judge = execFileSync(PYTHON, [path.join(HERE, "tokens.py")], {
    input: JSON.stringify(given),
    maxBuffer: 1 << 28,
  });
  JSON.parse(judge).forEach((expected, n) => {
    const text = given[n];
    for (const found of [scopes(read, text), painted(lab, text)]) {
      assert.equal(found.length, expected.length);
      for (let at = 0; at < text.length; at++) {
        if (/\S/.test(text[at]) && found[at] !== expected[at]) {
          const around = text.slice(Math.max(0, at - 20), at + 20);
          assert.fail(`${JSON.stringify(around)}: ${found[at]}, not ${expected[at]} (${text[at]})`);
        }
      }
    }
  });
});
