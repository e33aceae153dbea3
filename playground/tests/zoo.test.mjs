/** Every example in the page: LONG=1 make test-browser */

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { browser, PATIENCE, ROOT, saved, served, settled } from "./browser.mjs";

const skip = process.env["LONG"] ? false : "LONG=1 tries them all";

test("every example is drawn, and its code is that of the goldens", { skip }, async () => {
  const server = await served();
  const chrome = await browser();
  const page = await chrome.newPage();
  page.setDefaultTimeout(PATIENCE);
  await page.goto(server.address);
  const menu = page.locator("#examples option");
  const names = await menu.evaluateAll((all) => all.map((item) => item.getAttribute("value")));
  /** @type {string[]} */
  const wrong = [];
  let compared = 0;
  for (const name of names.filter((item) => item)) {
    await page.selectOption("#examples", name);
    await settled(page);
    const said = (await page.textContent("#status")) ?? "";
    const drawn = await page.locator("#drawn:not(.stale) svg").count();
    if (drawn !== 1 || /error|wrong/.test(said)) wrong.push(`${name}: ${said}`);
    const golden = join(ROOT, "tests/goldens/examples", `${name?.replace(/\.rf$/, "")}.py`);
    if (!existsSync(golden)) continue;
    compared += 1;
    const file = await saved(page, "#save-py");
    if (file.text !== readFileSync(golden, "utf8")) wrong.push(`${name}: other code`);
  }
  await chrome.close();
  server.end();
  assert.deepEqual(wrong, []);
  assert.ok(compared > 5);
});
