/** A browser with the page, which `recform playground` serves; for tests and measurements. */

import { spawn, spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const PYTHON = process.env["PYTHON"] ?? "python3";
const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
/** Milliseconds for anything; machines of tests are slow. */
export const PATIENCE = 120_000;

/** What recform prints on a terminal. @param {string[]} words */
export function terminal(...words) {
  const done = spawnSync(PYTHON, ["-m", "recform", ...words], { cwd: ROOT, encoding: "utf8" });
  if (done.status !== 0) throw new Error(`recform ${words.join(" ")}: ${done.stderr}`);
  return done.stdout;
}

/** Serves the built page; its address, and what ends it. @param {string[]} more options */
export async function served(...more) {
  const words = ["-u", "-m", "recform", "playground", "--no-browser", "--port", "0", ...more];
  const server = spawn(PYTHON, words, { cwd: ROOT });
  const address = await new Promise((resolve, reject) => {
    let said = "";
    /** @param {Buffer} data */
    const hear = (data) => {
      said += data;
      const found = /http:\S+/.exec(said);
      if (found) resolve(found[0]);
    };
    server.stdout.on("data", hear);
    server.stderr.on("data", hear);
    server.on("exit", () => reject(new Error(said)));
  });
  return { address: /** @type {string} */ (address), end: () => server.kill() };
}

export async function browser() {
  return chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
}

/** Waits until everything of the newest text is shown. @param {import("playwright-core").Page} page */
export async function settled(page) {
  await page.waitForSelector("body[data-state=done]", { timeout: PATIENCE });
}

/** Puts a text into the editor. @param {import("playwright-core").Page} page @param {string} text */
export async function write(page, text) {
  await page.locator("#editor .cm-content").fill(text);
  await settled(page);
}

/** The file that a button saves. @param {import("playwright-core").Page} page @param {string} button */
export async function saved(page, button) {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click(button)]);
  const parts = [];
  for await (const part of await download.createReadStream()) parts.push(part);
  return { name: download.suggestedFilename(), text: Buffer.concat(parts).toString("utf8") };
}

/** @param {string} name */
export function example(name) {
  return join("examples", name);
}
