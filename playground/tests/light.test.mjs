/** The light page, which is in the wheel: Python comes from a folder, or from a host. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { browser, example, PATIENCE, ROOT, saved, served, settled, terminal } from "./browser.mjs";

const LIGHT = join(ROOT, "recform", "playground", "page");
const PYODIDE = join(ROOT, "playground", "node_modules", "pyodide");

/** @type {Awaited<ReturnType<typeof browser>>} */
let chrome;

before(async () => {
  chrome = await browser();
});
after(async () => chrome?.close());

/** @param {string[]} words of `recform playground` @param {(page: import("playwright-core").Page) => Promise<void>} tried */
async function shown(words, tried) {
  const server = await served("--folder", LIGHT, ...words);
  const page = await chrome.newPage();
  page.setDefaultTimeout(PATIENCE);
  // Nothing is asked of another machine.
  await page.context().route((address) => address.hostname !== "127.0.0.1", (route) => route.abort());
  try {
    await page.goto(server.address);
    await tried(page);
  } finally {
    await page.close();
    server.end();
  }
}

test("with Pyodide in a folder it writes the bytes of the terminal", async () => {
  await shown(["--pyodide", PYODIDE], async (page) => {
    await settled(page);
    assert.equal(await page.textContent("#status"), "Good: proved.");
    assert.equal(await page.locator("#drawn svg").count(), 1);
    const file = await saved(page, "#save-py");
    assert.equal(file.text, terminal("compile", example("paper/resnet18_s.rf")));
  });
});

test("without a network it says what can be done", async () => {
  await shown([], async (page) => {
    const said = page.locator("#drawn", { hasText: "Pyodide" });
    await said.waitFor();
    const text = (await said.textContent()) ?? "";
    assert.match(text, /cannot be fetched from https:\/\/cdn\.jsdelivr\.net\/npm\/pyodide@[\d.]+\/\./);
    assert.match(text, /recform playground --pyodide node_modules\/pyodide/);
    assert.equal(await page.textContent("#status"), "Python cannot be fetched; the formula is kept.");
  });
});
