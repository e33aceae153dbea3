/**
 * Builds the page: node playground/build.mjs
 *
 * The whole one goes into build/playground, with Pyodide and Python's memory as it is when
 * recform is imported, which is made anew if recform or a package has changed. The light one,
 * without these, goes into recform/playground/page, where a wheel takes it from.
 *
 * $PYTHON has pip, to fetch the packages (python3 if nothing is said).
 */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { delimiter, dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { Graphviz } from "@hpcc-js/wasm-graphviz";
import { build } from "esbuild";
import { loadPyodide } from "pyodide";

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = dirname(HERE);
const OUT = join(ROOT, "build", "playground");
const LIGHT = join(ROOT, "recform", "playground", "page");
const CACHE = join(ROOT, "build", "playground-packages");
const PYODIDE = join(HERE, "node_modules", "pyodide");
/** Where modules are, as Python sees them. */
const SITE = "/lib/site";
const PYTHON = process.env["PYTHON"] ?? "python3";
/** What a wheel may carry. */
const MOST = 3_000_000;

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
    const command = ["-m", "pip", "install", ...options, "--target", CACHE, "-r", wanted];
    execFileSync(PYTHON, command, { stdio: "inherit" });
    writeFileSync(stamp, text(wanted));
  }
  return CACHE;
}

/** Every module of the page, in an archive. */
function modules() {
  const path = join(ROOT, "build", "playground-files.zip");
  const env = { ...process.env, PYTHONPATH: [ROOT, packages()].join(delimiter) };
  execFileSync(PYTHON, ["-m", "recform.playground.modules", path], { env, stdio: "inherit" });
  return readFileSync(path);
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

/**
 * Python's memory after it has imported recform and answered a few questions.
 *
 * @param {Buffer} found
 * @param {Record<string, string>} zoo
 */
async function snapshot(found, zoo) {
  const graphviz = await Graphviz.load();
  const options = { _makeSnapshot: true, env: { PYTHONHASHSEED: "0", HOME: "/home/pyodide" } };
  const python = await loadPyodide(
    /** @type {Parameters<typeof loadPyodide>[0]} */ (options),
  );
  python.unpackArchive(new Uint8Array(found), "zip", { extractDir: SITE });
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

/** Everything of the page but Python. @param {Record<string, string>} zoo @param {string} python */
async function light(zoo, python) {
  const sources = files(join(HERE, "src")).map(text);
  const page = hashed([text(join(HERE, "package-lock.json")), python, ...sources]);
  rmSync(LIGHT, { recursive: true, force: true });
  const { metafile } = await build({
    entryPoints: [join(HERE, "src/main.ts"), join(HERE, "src/worker.ts")],
    outdir: LIGHT,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    define: { PYTHON: JSON.stringify(python), PAGE: JSON.stringify(page), SITE: JSON.stringify(SITE) },
    logLevel: "warning",
    metafile: true,
  });
  /** @param {string} name @param {string} data */
  const put = (name, data) => writeFileSync(join(LIGHT, name), data);
  put("index.html", text(join(HERE, "src/index.html")).replaceAll("PAGE", page));
  put("style.css", text(join(HERE, "src/style.css")));
  put("examples.json", JSON.stringify(zoo));
  put("licences.txt", licences(Object.keys(metafile.inputs)));
  const { version } = JSON.parse(text(join(PYODIDE, "package.json")));
  put("python.json", where(`https://cdn.jsdelivr.net/npm/pyodide@${version}/`, false));
  const size = files(LIGHT).reduce((sum, path) => sum + statSync(path).size, 0);
  if (size > MOST) throw new Error(`the light page has ${size} bytes, more than ${MOST}`);
}

/** Where a page has Pyodide, and whether it has its memory, too. @param {string} home @param {boolean} memory */
function where(home, memory) {
  return JSON.stringify({ home, memory });
}

/** The licences of the packages in the page. @param {string[]} inputs paths of modules */
function licences(inputs) {
  const named = inputs.map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]);
  const names = [...new Set(named)].filter((name) => name !== undefined).sort();
  return names
    .map((name) => {
      const folder = join(HERE, "node_modules", name);
      const file = readdirSync(folder).find((item) => /^licen[cs]e/i.test(item));
      const said = file ? text(join(folder, file)) : JSON.parse(text(join(folder, "package.json"))).license;
      return `${name}\n\n${said.trim()}\n`;
    })
    .join(`\n${"-".repeat(72)}\n\n`);
}

async function main() {
  mkdirSync(join(OUT, "pyodide"), { recursive: true });
  const found = modules();
  const zoo = examples();
  const made = ["package-lock.json", "warm.py", "build.mjs"].map((name) => text(join(HERE, name)));
  const python = hashed([...made, JSON.stringify(zoo), found]);
  await light(zoo, python);
  cpSync(LIGHT, OUT, { recursive: true });
  writeFileSync(join(OUT, "python.json"), where("pyodide/", true));
  for (const name of readdirSync(PYODIDE)) {
    if (/^(pyodide\.(mjs|asm\.mjs|asm\.wasm)|pyodide-lock\.json|python_stdlib\.zip)$/.test(name)) {
      cpSync(join(PYODIDE, name), join(OUT, "pyodide", name));
    }
  }
  const stamp = join(OUT, "build.txt");
  if (existsSync(stamp) && text(stamp) === python) return;
  writeFileSync(join(OUT, "files.zip"), found);
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
