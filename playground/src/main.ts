/** The page: a formula on the left, and what recform makes of it on the right. */

import { printed } from "./ansi";
import type { Answers, Diagnostic, PictureQuestion } from "./answers";
import { Absent, Desk, Fault } from "./desk";
import { byId, download, element } from "./dom";
import { CodeView, FormulaEditor } from "./editor";
import { fetched, fill, FIRST, nameOf } from "./examples";
import { packed, unpacked } from "./link";
import { problem, Problems } from "./problems";
import { picture } from "./svg";
import { splitter, tabs } from "./tabs";

/** Milliseconds without a key after which a text is compiled. */
const PAUSE = 80;
/** Milliseconds after which it is told that there is work to do. */
const SLOW = 2_000;
/** Milliseconds after which a text that takes long may be given up for a newer one. */
const PATIENCE = 20_000;

type Tab = "picture" | "code" | "summary" | "paths" | "derivation";

const status = byId("status", HTMLElement);
const menu = byId("examples", HTMLSelectElement);
const network = byId("network", HTMLSelectElement);
const drawn = byId("drawn", HTMLElement);
const blocks = byId("blocks", HTMLInputElement);
const width = byId("width", HTMLInputElement);
const legend = byId("legend", HTMLInputElement);
const expand = byId("expand", HTMLInputElement);
const views = byId("views", HTMLFormElement);

const examples = await fetched(new URL("examples.json", import.meta.url).href);
const desk = new Desk(examples, (megabytes) => {
  const waiting = drawn.querySelector(".wait");
  if (waiting) waiting.textContent = `Python is starting: ${megabytes} MB`;
});
let name = FIRST;
let tab: Tab = "picture";
/** Rises with every change; what was asked before is not shown any more. */
let version = 0;
let code = "";
let svg = "";
/** What is wrong with the text, as it is told below it. */
let mistakes: readonly Diagnostic[] = [];
/** When the newest change was made, for `data-took`. */
let since = 0;

const editor = new FormulaEditor(byId("editor", HTMLElement), () => desk, changed);
const problems = new Problems(byId("problems", HTMLElement), editor);
const shown = new CodeView(byId("shown", HTMLElement));

// ---------------------------------------------------------------------------- changes

let timer: ReturnType<typeof setTimeout>;

function changed(): void {
  version += 1;
  since = performance.now();
  document.body.dataset["state"] = "busy";
  const mine = version;
  clearTimeout(timer);
  timer = setTimeout(() => void refresh(), PAUSE);
  if (desk.busy) {
    setTimeout(() => {
      if (mine === version && running && running < mine) desk.restart();
    }, PATIENCE);
  }
}

/** The version that Python works on; 0 if it has nothing to do. */
let running = 0;

/** Shows everything of the text as it is; stops where the text has changed meanwhile. */
async function refresh(): Promise<void> {
  if (running) return;
  running = version;
  const mine = version;
  const slow = setTimeout(() => {
    status.className = "";
    status.textContent = "Working…";
  }, SLOW);
  try {
    await show(mine);
  } catch (error) {
    if (mine === version) fault(error);
  } finally {
    clearTimeout(slow);
    running = 0;
  }
  if (mine !== version) return refresh();
  document.body.dataset["state"] = "done";
  document.body.dataset["took"] = String(Math.round(performance.now() - since));
  void remember();
}

class Newer extends Error {}

async function show(mine: number): Promise<void> {
  const { text } = editor;
  name = nameOf(text, examples, name);
  menu.value = examples[name] === text ? name : "";
  const ask: Desk["ask"] = async (about, options) => {
    const found = await desk.ask(about, options);
    if (mine !== version) throw new Newer();
    return found;
  };
  try {
    editor.colour((await ask("open", { text, name })).colours);
    const checked = await ask("check", {});
    mistakes = checked.diagnostics;
    editor.mark(checked.diagnostics);
    problems.show(checked.diagnostics);
    choices(checked.networks);
    const good = checked.networks.length > 0;
    if (!good) told(checked.diagnostics);
    await panel(ask);
    if (good && tab !== "code") await codeOf(ask);
    if (good) told(checked.diagnostics);
    if (checked.diagnostics.some((item) => item.hint)) {
      problems.mend((await ask("fixes", {})).fixes);
    }
  } catch (error) {
    if (!(error instanceof Newer)) throw error;
  }
}

function told(found: readonly Diagnostic[]): void {
  const errors = found.filter((item) => item.severity === "error").length;
  const warnings = found.length - errors;
  const parts = [
    errors ? `${errors} ${errors === 1 ? "error" : "errors"}` : "",
    warnings ? `${warnings} ${warnings === 1 ? "warning" : "warnings"}` : "",
  ].filter(Boolean);
  const first = found[0];
  const more = first ? `: ${first.message}` : "";
  status.textContent = parts.length ? `${parts.join(", ")}${more}` : "Good: proved.";
  status.className = errors ? "wrong" : "";
}

function fault(error: unknown): void {
  const why = error instanceof Error ? error.message : String(error);
  if (error instanceof Absent) return absent(why);
  status.textContent = "Something went wrong in the playground; the formula is kept.";
  status.className = "wrong";
  drawn.replaceChildren(
    element("p", "", "This is a fault of recform or of the page, not of the formula:"),
    element("pre", "", why),
  );
  if (!(error instanceof Fault) || /fatal|memory|stack|RangeError/i.test(why)) desk.restart();
}

/** What can be done where Python for browsers cannot be had. */
function absent(home: string): void {
  status.textContent = "Python cannot be fetched; the formula is kept.";
  status.className = "wrong";
  drawn.replaceChildren(
    element("p", "", `recform needs Python for browsers, Pyodide, which cannot be fetched from ${home}.`),
    element("p", "", "Load this page again where there is a network; or fetch Pyodide once, and name its folder:"),
    element("pre", "", "npm install pyodide\nrecform playground --pyodide node_modules/pyodide"),
  );
}

// ----------------------------------------------------------------------------- panels

async function panel(ask: Desk["ask"]): Promise<void> {
  if (tab === "picture") return pictureOf(ask);
  if (tab === "code") return codeOf(ask);
  report(tab, await ask(tab, {}));
}

function wanted(): PictureQuestion {
  const view = viewOf();
  const counted = (view === "unrolled" || view === "paths") && blocks.value !== "";
  return {
    network: network.value || null,
    view,
    legend: legend.checked,
    blocks: counted ? Number(blocks.value) : null,
    expand: view === "network" && expand.checked,
    width: width.value && width.validity.valid ? `${width.value}cm` : null,
  };
}

async function pictureOf(ask: Desk["ask"]): Promise<void> {
  const found = await ask("picture", wanted());
  svg = found.svg ?? "";
  filled(drawn, svg ? [picture(svg)] : [], found.diagnostics ?? []);
}

async function codeOf(ask: Desk["ask"]): Promise<void> {
  const found = await ask("code", {});
  byId("shown", HTMLElement).classList.toggle("stale", found.code === undefined);
  if (found.code === undefined) return;
  code = found.code;
  shown.text = code;
}

function report(about: "summary" | "paths" | "derivation", found: Answers["summary"]): void {
  const place = byId(`${about}-text`, HTMLElement);
  const text = element("pre", "");
  text.append(printed(found.text ?? ""));
  filled(place, found.text ? [text] : [], found.diagnostics ?? []);
}

/**
 * Shows what was made of the formula, and what is wrong that is not told below it. Where
 * nothing was made, what was made before stays, paler.
 */
function filled(place: HTMLElement, made: Node[], found: readonly Diagnostic[]): void {
  const known = new Set(mistakes.map((item) => item.text));
  const others = found.filter((item) => !known.has(item.text)).map(problem);
  const nothing = made.length === 0 && others.length === 0;
  const before = place.querySelector("svg, pre") !== null;
  place.classList.toggle("stale", nothing && before);
  if (!nothing) place.replaceChildren(...others, ...made);
  else if (!before) place.replaceChildren(wait("Nothing to show before the mistakes are mended."));
}

function wait(text: string): HTMLElement {
  return element("p", "wait", text);
}

function viewOf(): string {
  return String(new FormData(views).get("view"));
}

/** The networks of a file with several; the one that was chosen is kept over mistakes. */
function choices(names: readonly string[]): void {
  if (names.length === 0) return;
  const before = network.value;
  network.replaceChildren(...names.map((item) => new Option(item)));
  if (names.includes(before)) network.value = before;
  byId("networks", HTMLElement).hidden = names.length < 2;
}

function redraw(): void {
  const view = viewOf();
  byId("counted", HTMLElement).hidden = view !== "unrolled" && view !== "paths";
  byId("opened", HTMLElement).hidden = view !== "network";
  changed();
}

const choose = tabs(byId("tabs", HTMLElement), (chosen) => {
  tab = chosen as Tab;
  changed();
});
splitter(byId("splitter", HTMLElement), byId("desk", HTMLElement));
for (const control of [views, network]) control.addEventListener("change", redraw);
views.addEventListener("submit", (event) => event.preventDefault());

// -------------------------------------------------------------------- links and files

/** The page's address holds the text: a page that is loaded again has it still. */
async function remember(): Promise<void> {
  const { text } = editor;
  const hash = await packed(text);
  if (text === editor.text && location.hash !== hash) window.history.replaceState(null, "", hash);
}

async function fromAddress(): Promise<void> {
  const text = await unpacked(location.hash);
  if (text === null && location.hash.startsWith("#rf=")) {
    status.textContent = "The link holds no formula that can be read.";
  }
  if (text !== null && text !== editor.text) {
    name = nameOf(text, examples, "");
    editor.text = text;
  } else if (text === null && editor.text === "") {
    editor.text = examples[FIRST] ?? "";
  }
}

window.addEventListener("hashchange", () => void fromAddress());
menu.addEventListener("change", () => {
  name = menu.value;
  editor.text = examples[name] ?? "";
});
byId("link", HTMLButtonElement).addEventListener("click", async () => {
  await remember();
  try {
    await navigator.clipboard.writeText(location.href);
    status.textContent = "The link is copied; it holds the formula.";
  } catch {
    status.textContent = "The address of the page is the link; it holds the formula.";
  }
});
byId("save-py", HTMLButtonElement).addEventListener("click", async () => {
  await idle();
  if (code) download(`${stem()}.py`, code, "text/x-python");
});
byId("save-svg", HTMLButtonElement).addEventListener("click", async () => {
  await idle();
  if (svg) download(`${stem()}-${viewOf()}.svg`, svg, "image/svg+xml");
});
byId("save-tikz", HTMLButtonElement).addEventListener("click", async () => {
  await idle();
  const { tikz } = await desk.ask("picture", { ...wanted(), form: "tikz" });
  if (tikz) download(`${stem()}-${viewOf()}.tikz`, tikz, "text/x-tex");
});

/** Resolves when what is shown is of the newest text. */
async function idle(): Promise<void> {
  while (document.body.dataset["state"] === "busy") {
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

function stem(): string {
  return name.slice(name.lastIndexOf("/") + 1).replace(/\.rf$/, "");
}

// -------------------------------------------------------------------------------- start

fill(menu, examples);
status.textContent = "Python is starting…";
desk.ready.then(
  (found) => {
    document.body.dataset["version"] = found;
    byId("version", HTMLElement).textContent = found;
  },
  (error: unknown) => fault(error),
);
await fromAddress();
choose(tab);
