/**
 * Builds the page into build/playground: node playground/build.mjs
 *
 * $PYTHON has recform's dependencies or pip to fetch them (python3 if nothing is said).
 * Python's memory, with recform imported, is one file, which is made anew if recform or
 * a package has changed.
 */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { Graphviz } from "@hpcc-js/wasm-graphviz";
import { build } from "esbuild";
import { loadPyodide } from "pyodide";

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = dirname(HERE);
const OUT = join(ROOT, "build", "playground");
const CACHE = join(ROOT, "build", "playground-packages");
const PYODIDE = join(HERE, "node_modules", "pyodide");
/** Where modules are, as Python sees them. */
const SITE = "/lib/site";
/** Parts of packages that nothing imports; SymPy imports the oddest of its own. */
const UNUSED =
  /(^|\/)(tests|benchmarks|__pycache__)\/|^pygments\/(lexers|styles)\/(?!__init__|_mapping|default|python)|-info\//;

/** @param {string} folder @returns {string[]} */
function files(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** @param {string} path */
function text(path) {
  return readFileSync(path, "utf8");
}

/** The packages that recform imports, fetched by pip once. */
function packages() {
  const wanted = join(HERE, "requirements.txt");
  const stamp = join(CACHE, "requirements.txt");
  if (!existsSync(stamp) || text(stamp) !== text(wanted)) {
    const options = ["--quiet", "--no-deps", "--no-compile", "--upgrade", "--only-binary", ":all:"];
    const python = process.env["PYTHON"] ?? "python3";
    const command = ["-m", "pip", "install", ...options, "--target", CACHE, "-r", wanted];
    execFileSync(python, command, { stdio: "inherit" });
    writeFileSync(stamp, text(wanted));
  }
  return CACHE;
}

/** Every module of the page by its path, as Python will have it. */
function modules() {
  /** @type {[string, Buffer][]} */
  const found = [];
  /** @param {string} from @param {string} to */
  const add = (from, to) => {
    for (const path of files(from)) {
      const name = join(to, relative(from, path)).split(sep).join("/");
      if (/\.(py|lark|json)$/.test(name) && !UNUSED.test(name)) {
        found.push([name, readFileSync(path)]);
      }
    }
  };
  add(packages(), "");
  add(join(ROOT, "recform"), "recform");
  add(join(ROOT, "grammars"), "recform/grammars");
  return found;
}

/** Every formula of the repository by its name: folder and file. */
function examples() {
  const folder = join(ROOT, "examples");
  return Object.fromEntries(
    files(folder)
      .filter((path) => path.endsWith(".rf"))
      .map((path) => [relative(folder, path).split(sep).join("/"), text(path)]),
  );
}

/** @param {[string, Buffer][]} found */
function packed(found) {
  const list = Buffer.from(JSON.stringify(found.map(([path, data]) => [path, data.length])));
  const size = Buffer.alloc(4);
  size.writeUInt32LE(list.length);
  return gzipSync(Buffer.concat([size, list, ...found.map(([, data]) => data)]), { level: 9 });
}

/**
 * Python's memory after it has imported recform and answered a few questions.
 *
 * @param {[string, Buffer][]} found
 * @param {Record<string, string>} zoo
 */
async function snapshot(found, zoo) {
  const graphviz = await Graphviz.load();
  const options = { _makeSnapshot: true, env: { PYTHONHASHSEED: "0", HOME: "/home/pyodide" } };
  const python = await loadPyodide(
    /** @type {Parameters<typeof loadPyodide>[0]} */ (options),
  );
  for (const [path, data] of found) {
    const name = `${SITE}/${path}`;
    python.FS.mkdirTree(dirname(name));
    python.FS.writeFile(name, data);
  }
  python.FS.writeFile("/tmp/examples.json", JSON.stringify(zoo));
  python.FS.writeFile("/tmp/layouts.json", "{}");
  python.FS.writeFile("/tmp/warm.py", text(join(HERE, "warm.py")));
  // Texts travel as files: a snapshot holds nothing of JavaScript.
  const warm = `
import json, sys
sys.dont_write_bytecode = True
sys.path[:0] = ["${SITE}", "/tmp"]
import warm
from pathlib import Path
wanted = warm.warmed(json.loads(Path("/tmp/layouts.json").read_text()))
Path("/tmp/wanted.json").write_text(json.dumps(wanted))
del sys.path[1], wanted
import recform
`;
  python.runPython(warm);
  const wanted = JSON.parse(python.FS.readFile("/tmp/wanted.json", { encoding: "utf8" }));
  /** @type {Record<string, string>} */
  const layouts = {};
  for (const dot of wanted) layouts[dot] = graphviz.layout(dot, /** @type {"json"} */ ("json0"), "dot");
  python.FS.writeFile("/tmp/layouts.json", JSON.stringify(layouts));
  python.runPython(warm);
  const made = /** @type {any} */ (python).makeMemorySnapshot();
  return gzipSync(made, { level: 9 });
}

/** @param {(string | Buffer)[]} parts */
function hashed(parts) {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex").slice(0, 12);
}

async function main() {
  mkdirSync(join(OUT, "pyodide"), { recursive: true });
  const found = modules();
  const zoo = examples();
  const lock = text(join(HERE, "package-lock.json"));
  const python = hashed([
    lock,
    text(join(HERE, "warm.py")),
    text(join(HERE, "build.mjs")),
    JSON.stringify(zoo),
    ...found.flatMap(([path, data]) => [path, data]),
  ]);
  const page = hashed([lock, python, ...files(join(HERE, "src")).map(text)]);
  await build({
    entryPoints: [join(HERE, "src/main.ts"), join(HERE, "src/worker.ts")],
    outdir: OUT,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    legalComments: "linked",
    define: { PYTHON: JSON.stringify(python), PAGE: JSON.stringify(page), SITE: JSON.stringify(SITE) },
    logLevel: "warning",
  });
  writeFileSync(
    join(OUT, "index.html"),
    text(join(HERE, "src/index.html")).replaceAll("PAGE", page),
  );
  cpSync(join(HERE, "src/style.css"), join(OUT, "style.css"));
  for (const name of readdirSync(PYODIDE)) {
    if (/^(pyodide\.(mjs|asm\.mjs|asm\.wasm)|pyodide-lock\.json|python_stdlib\.zip)$/.test(name)) {
      cpSync(join(PYODIDE, name), join(OUT, "pyodide", name));
    }
  }
  writeFileSync(join(OUT, "examples.json"), JSON.stringify(zoo));
  const stamp = join(OUT, "build.txt");
  if (existsSync(stamp) && text(stamp) === python) return;
  writeFileSync(join(OUT, "files.bin"), packed(found));
  writeFileSync(join(OUT, "python.bin"), await snapshot(found, zoo));
  writeFileSync(stamp, python);
}

try {
  await main();
} catch (error) {
  // Not the line it was thrown at: that of Pyodide is a megabyte long.
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
