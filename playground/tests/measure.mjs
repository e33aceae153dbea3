/**
 * How long the page takes: node playground/tests/measure.mjs
 *
 * Milliseconds as the page's clock has them, and seconds of processors that all processes of
 * the browser took, which tell of a machine that has other things to do.
 */

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { example, PATIENCE, ROOT, served, settled } from "./browser.mjs";

const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const EDITS = 12;
const formula = readFileSync(join(ROOT, example("paper/resnet18_s.rf")), "utf8");

/** Seconds of processors of a process and of all that it started, ended or not. @param {number} root */
function processors(root) {
  /** @type {Map<number, [parent: number, ticks: number]>} */
  const all = new Map();
  for (const name of readdirSync("/proc").filter((item) => /^\d+$/.test(item))) {
    try {
      const words = readFileSync(`/proc/${name}/stat`, "utf8").replace(/^.*\) /s, "").split(" ");
      const ticks = words.slice(11, 15).reduce((sum, word) => sum + Number(word), 0);
      all.set(Number(name), [Number(words[1]), ticks]);
    } catch {
      continue; // it has ended
    }
  }
  /** @param {number} number @returns {boolean} */
  const mine = (number) => number === root || (all.has(number) && mine(all.get(number)?.[0] ?? 0));
  const ticks = [...all].filter(([number]) => mine(number)).map(([, [, used]]) => used);
  return ticks.reduce((sum, used) => sum + used, 0) / 100;
}

const server = await served();
const process_ = await chromium.launchServer({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
const pid = process_.process().pid ?? 0;
const browser = await chromium.connect(process_.wsEndpoint());
const context = await browser.newContext();
try {
  for (const [number, cache] of ["cold", "warm", "warm"].entries()) {
    const page = await context.newPage();
    const before = processors(pid);
    await page.goto(server.address);
    await page.waitForSelector("#drawn svg", { timeout: PATIENCE });
    const first = await page.evaluate(() => performance.now());
    await settled(page);
    const whole = await page.evaluate(() => performance.now());
    const used = processors(pid) - before;
    const told = `first picture ${first.toFixed(0)} ms, with code ${whole.toFixed(0)} ms`;
    console.log(`${cache} cache: ${told}, ${used.toFixed(1)} s of processors`);
    if (number < 2) {
      await page.close();
      continue;
    }
    const took = [];
    const start = processors(pid);
    for (let edit = 0; edit < EDITS; edit += 1) {
      // An equation that was not seen before: what is kept of earlier ones is of little use.
      const text = formula
        .replace(/^X_i = .*$/m, `X_i = relu((1 + W_i)*X_<i-1>) - ${edit + 2}*W_<i-1>*X_<i-2>`)
        .replace(/512 x \d+/, `512 x ${edit + 3}`);
      await page.locator("#editor .cm-content").fill(text);
      await settled(page);
      assert.equal(await page.textContent("#status"), "Good: proved.");
      took.push(Number(await page.getAttribute("body", "data-took")));
    }
    const each = (processors(pid) - start) / EDITS;
    took.sort((a, b) => a - b);
    const [least, most] = [took[0], took.at(-1)];
    console.log(
      `an edit of ResNet-s to its picture and code: median ${took[EDITS / 2]} ms ` +
        `(${least} to ${most}), ${each.toFixed(2)} s of processors`,
    );
  }
} finally {
  await browser.close();
  await process_.close();
  server.end();
}
