/** Python in a worker: recform, woken from a snapshot of its memory, and Graphviz. */

import { Graphviz } from "@hpcc-js/wasm-graphviz";
import type { PyodideAPI } from "pyodide";
import type { FromWorker, ToWorker } from "./answers";
import { awake, unpack, whole } from "./python";

declare const PYTHON: string;
/** Milliseconds after which what is not needed yet is fetched. */
const IDLE = 5000;
const MEGABYTE = 1_000_000;

/** Places alone; Graphviz writes it, and the types have left it out. */
const JSON0 = "json0" as "json";

interface Desk {
  answer(question: string): string;
}

const base = new URL(".", self.location.href).href;

function say(message: FromWorker): void {
  self.postMessage(message);
}

const started = start();
let desk: Desk | null = null;
let filled: Promise<void> | null = null;

self.onmessage = async (event: MessageEvent<ToWorker>): Promise<void> => {
  const message = event.data;
  if ("files" in message) {
    try {
      const [python, graphviz] = await started;
      const layout = (dot: string): string => graphviz.layout(dot, JSON0, "dot");
      desk = python
        .pyimport("recform.playground.answers")
        .Desk(layout, python.toPy(message.files)) as Desk;
      say({ ready: python.runPython("recform.__version__") as string });
      setTimeout(rest, IDLE);
    } catch (error) {
      say({ broken: String(error) });
    }
    return;
  }
  const { id, question } = message;
  try {
    say({ id, answer: await answered(question) });
  } catch (error) {
    say({ id, fault: String(error) });
  }
};

/** The answer; a module that was not needed before may have to be fetched for it. */
async function answered(question: string): Promise<string> {
  if (desk === null) throw new Error("Python is not ready");
  try {
    return desk.answer(question);
  } catch (error) {
    if (!/ModuleNotFoundError|FileNotFoundError/.test(String(error))) throw error;
    await rest();
    return desk.answer(question);
  }
}

async function start(): Promise<[PyodideAPI, Graphviz]> {
  let told = 0;
  const snapshot = whole(`${base}python.bin?${PYTHON}`, (bytes) => {
    const loaded = Math.floor(bytes / MEGABYTE);
    if (loaded > told) say({ loaded: (told = loaded) });
  });
  const { loadPyodide } = await import(`${base}pyodide/pyodide.mjs`);
  const { default: create } = await import(`${base}pyodide/pyodide.asm.mjs`);
  return Promise.all([
    awake(loadPyodide, create, `${base}pyodide/`, snapshot),
    Graphviz.load(),
  ]);
}

/** Files of modules that few formulas need, for when they are imported. */
function rest(): Promise<void> {
  filled ??= started.then(async ([python]) => {
    unpack(await whole(`${base}files.bin?${PYTHON}`), (path, data) => {
      python.FS.mkdirTree(path.slice(0, path.lastIndexOf("/")));
      python.FS.writeFile(path, data);
    });
    python.runPython("import importlib; importlib.invalidate_caches()");
  });
  return filled;
}
