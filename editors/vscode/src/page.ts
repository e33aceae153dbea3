/** The page of the preview: what it looks like, and what it does with what it is told. */

import { randomUUID } from "node:crypto";
import type { Picture } from "./server";

/** What the page is told: a picture, or why there is none. */
export type Shown = (Picture & { readonly view: string }) | { readonly problem: string };

const STYLE = `
  body { margin: 0; padding: 0; height: 100vh; display: flex; flex-direction: column; }
  header { display: flex; flex-wrap: wrap; gap: 0.4em 0.8em; align-items: center; padding: 0.4em 0.8em;
    border-bottom: 1px solid var(--vscode-panel-border); }
  select, button { font: inherit; padding: 0.15em 0.5em; border-radius: 2px;
    color: var(--vscode-dropdown-foreground); background: var(--vscode-dropdown-background);
    border: 1px solid var(--vscode-dropdown-border, var(--vscode-panel-border)); }
  :focus-visible { outline: 1px solid var(--vscode-focusBorder); }
  [role="status"] { margin: 0; color: var(--vscode-descriptionForeground); }
  main { flex: 1; overflow: auto; padding: 0.8em; }
  img { display: block; margin: auto; }
  img.fit { max-width: 100%; max-height: 100%; }
  img.old { opacity: 0.5; }
  [hidden] { display: none !important; }
`;

/** Runs in the page. It has no other words from outside than the messages of the preview. */
const SCRIPT = `
  const editor = acquireVsCodeApi();
  const [view, network, picture, status] = ["view", "network", "picture", "status"].map(
    (id) => document.getElementById(id),
  );
  let zoom = 0; // 0: as large as there is room
  function scale() {
    picture.classList.toggle("fit", zoom === 0);
    picture.style.width = zoom === 0 ? "" : picture.naturalWidth * zoom + "px";
  }
  function offer(select, names, chosen) {
    select.replaceChildren(...names.map((name) => new Option(name, name, false, name === chosen)));
    select.parentElement.hidden = names.length < 2;
  }
  addEventListener("message", ({ data }) => {
    status.textContent = data.problem ?? (data.old ? "of the last text that compiled" : "");
    picture.classList.toggle("old", data.problem !== undefined || data.old);
    if (data.problem === undefined) {
      offer(view, data.views, data.view);
      offer(network, data.networks, data.network);
      picture.alt = data.title + ". " + data.description;
      picture.src = "data:image/svg+xml;base64," + data.data;
      picture.hidden = false;
    }
  });
  picture.addEventListener("load", scale);
  for (const select of [view, network]) {
    select.addEventListener("change", () => editor.postMessage({ [select.id]: select.value }));
  }
  for (const [id, change] of [["smaller", 0.8], ["larger", 1.25], ["fit", 0]]) {
    document.getElementById(id).addEventListener("click", () => {
      zoom = (zoom || picture.clientWidth / picture.naturalWidth || 1) * change;
      scale();
    });
  }
  document.getElementById("save").addEventListener("click", () => editor.postMessage({ save: true }));
  editor.postMessage({});
`;

/** The page, before it is told anything. */
export function page(): string {
  const nonce = randomUUID();
  const policy = `default-src 'none'; img-src data:; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>Diagram</title>
<style nonce="${nonce}">${STYLE}</style>
</head>
<body>
<header>
<label hidden>View <select id="view"></select></label>
<label hidden>Network <select id="network"></select></label>
<button id="smaller" title="Smaller" aria-label="Smaller">−</button>
<button id="larger" title="Larger" aria-label="Larger">+</button>
<button id="fit">Fit</button>
<button id="save">Save...</button>
<p id="status" role="status"></p>
</header>
<main tabindex="0"><img id="picture" class="fit" alt="" hidden></main>
<script nonce="${nonce}">${SCRIPT}</script>
</body>
</html>
`;
}
