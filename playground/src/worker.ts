/** Python in a worker: recform, woken from a snapshot of its memory if there is one, and Graphviz. */

import { Graphviz } from "@hpcc-js/wasm-graphviz";
import type { PyodideAPI } from "pyodide";
import type { FromWorker, ToWorker } from "./answers";
import { Absent, awake, fresh, loader, whole } from "./python";

declare const PAGE: string;
declare const PYTHON: string;
/** Where modules are, as Python sees them. */
declare const SITE: string;
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
      say(error instanceof Absent ? { absent: error.message } : { broken: String(error) });
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
  const answer = await fetch(`${base}python.json?${PAGE}`);
  const { home, memory } = (await answer.json()) as { home: string; memory: boolean };
  const address = new URL(home, base).href;
  return Promise.all([memory ? woken(address) : plain(address), Graphviz.load()]);
}

/** Python as it was when the page was built. */
async function woken(home: string): Promise<PyodideAPI> {
  const snapshot = whole(`${base}python.bin?${PYTHON}`, counted());
  const load = await loader(home);
  const { default: create } = await import(`${home}pyodide.asm.mjs`);
  return awake(load, create, home, snapshot);
}

/** Python that imports recform now. */
async function plain(home: string): Promise<PyodideAPI> {
  const load = await loader(home);
  const python = await fresh(load, home);
  await put(python, counted());
  python.runPython(`
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, "${SITE}")
import recform
`);
  return python;
}

/** Tells of each megabyte. */
function counted(): (bytes: number) => void {
  let told = 0;
  return (bytes) => {
    const loaded = Math.floor(bytes / MEGABYTE);
    if (loaded > told) say({ loaded: (told = loaded) });
  };
}

/** Files of modules that few formulas need, for when they are imported. */
function rest(): Promise<void> {
  filled ??= started.then(([python]) => put(python));
  return filled;
}

async function put(python: PyodideAPI, told?: (bytes: number) => void): Promise<void> {
  const archive = await whole(`${base}files.zip?${PYTHON}`, told);
  python.unpackArchive(archive, "zip", { extractDir: SITE });
  python.runPython("import importlib; importlib.invalidate_caches()");
}
