/** The page in a browser, beside what the terminal says: make test-browser */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { browser, example, PATIENCE, ROOT, saved, served, settled, terminal, write } from "./browser.mjs";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const LINE = "X_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>\n";

/** @type {Awaited<ReturnType<typeof served>>} */
let server;
/** @type {Awaited<ReturnType<typeof browser>>} */
let chrome;
/** @type {import("playwright-core").Page} */
let page;
/** @type {string[]} */
const faults = [];

before(async () => {
  server = await served();
  chrome = await browser();
  // The page's policy keeps out axe, which is not the page's.
  page = await chrome.newPage({ bypassCSP: false });
  page.setDefaultTimeout(PATIENCE);
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (said) => {
    if (said.type() === "error") faults.push(said.text());
  });
  await page.goto(server.address);
  await settled(page);
});

after(async () => {
  await chrome?.close();
  server?.end();
  assert.deepEqual(faults, []);
});

/** @param {string} name */
async function choose(name) {
  await page.selectOption("#examples", name);
  await settled(page);
}

/** @param {string} text */
function linked(text) {
  return `#rf=${deflateRawSync(text).toString("base64url")}`;
}

test("it starts with a picture, and says that the network is proved", async () => {
  assert.equal(await page.locator("#drawn svg").count(), 1);
  assert.equal(await page.textContent("#status"), "Good: proved.");
  assert.equal(await page.inputValue("#examples"), "paper/resnet18_s.rf");
});

for (const name of ["paper/resnet18_s.rf", "language/using.rf", "zoo/gpt2.rf", "modern/unet.rf"]) {
  test(`${name}: the code has the bytes of the terminal`, async () => {
    await choose(name);
    const file = await saved(page, "#save-py");
    assert.equal(file.name, name.replace(/.*\/(.*)\.rf/, "$1.py"));
    assert.equal(file.text, terminal("compile", example(name)));
  });
}

// Of other files an arrow of the network takes another way than graphviz-pure's, which is a
// port of the Graphviz that runs here; places of nodes are the same.
for (const view of ["step", "unrolled", "network", "paths"]) {
  test(`the ${view} view has the bytes of the terminal`, async () => {
    await choose("zoo/revnet.rf");
    await page.check(`#views input[value=${view}]`);
    await settled(page);
    const file = await saved(page, "#save-svg");
    const words = ["--view", view, "--renderer", "graphviz-pure"];
    assert.equal(file.text, terminal("render", example("zoo/revnet.rf"), ...words));
  });
}

test("the diagram for LaTeX has the bytes of the terminal", async () => {
  await choose("paper/eq20.rf");
  await page.check("#views input[value=step]");
  await page.fill("#width", "8.5");
  await page.press("#width", "Enter");
  await settled(page);
  const file = await saved(page, "#save-tikz");
  assert.equal(file.name, "eq20-step.tikz");
  const words = ["--to", "tikz", "--width", "8.5cm", "--renderer", "graphviz-pure"];
  assert.equal(file.text, terminal("render", example("paper/eq20.rf"), ...words));
  await page.fill("#width", "2");
  await page.press("#width", "Enter");
  await settled(page);
  assert.match((await page.textContent("#drawn")) ?? "", /RF614/);
  await page.fill("#width", "");
  await page.press("#width", "Enter");
  await settled(page);
});

for (const [tab, command] of [["summary", "summary"], ["paths", "analyze"], ["derivation", "derive"]]) {
  test(`${tab} says what recform ${command} prints`, async () => {
    await choose("paper/resnet18_s.rf");
    await page.click(`#tab-${tab}`);
    await settled(page);
    const shown = (await page.textContent(`#${tab}-text`)) ?? "";
    /** @param {string} text */
    const plain = (text) => text.split("\n").map((line) => line.trimEnd()).join("\n").trim();
    assert.equal(plain(shown), plain(terminal(command ?? "", example("paper/resnet18_s.rf"))));
  });
}

test("a mistake is shown with its code, its place and its hint, and mended by a button", async () => {
  await page.click("#tab-picture");
  await page.check("#views input[value=step]");
  await write(page, `stem conv(3, 64) > rleu\n${LINE}`);
  const problem = page.locator("#problems .problem").first();
  const said = await problem.textContent();
  assert.match(said ?? "", /error\[RF202\]: there is no operator 'rleu'/);
  assert.match(said ?? "", /formula\.rf:1:20/);
  assert.match(said ?? "", /hint: did you mean 'relu'\?/);
  assert.match((await page.textContent("#status")) ?? "", /^1 error/);
  assert.equal(await page.locator("#editor .cm-lintRange-error").textContent(), "rleu");
  await page.click("#problems .fix");
  await settled(page);
  assert.equal(await page.textContent("#status"), "Good: proved.");
  assert.equal(await page.locator("#problems").isVisible(), false);
});

test("an example that was changed has a name of its own, and finds its files", async () => {
  await choose("language/using.rf");
  const text = readFileSync(join(ROOT, example("language/using.rf")), "utf8");
  await write(page, `\ufeff${text}# mine\n`);
  const file = await saved(page, "#save-py");
  assert.equal(file.name, "formula.py");
  assert.match(file.text, /^source: {2}formula\.rf$/m);
  assert.doesNotMatch(file.text, /using\.rf/);
  // The mark is no part of the text: the code is that of a file without it.
  await write(page, `${text}# mine\n`);
  assert.equal((await saved(page, "#save-py")).text, file.text);
  await write(page, text);
  assert.equal((await saved(page, "#save-py")).name, "using.py");
});

test("shapes that do not meet are drawn in red", async () => {
  await write(page, "adapter none\nX_i = X_<i-1> + W_i*X_<i-1>\n");
  assert.match((await page.textContent("#problems")) ?? "", /RF407/);
  assert.ok((await page.locator("#drawn svg .s-wrong").count()) > 0);
});

test("a general formula is derived, though it is no network", async () => {
  await write(page, "paths skip* pass*\n");
  await page.click("#tab-derivation");
  await settled(page);
  const shown = (await page.textContent("#derivation-text")) ?? "";
  assert.match(shown, /X_i = \(1 \+ W_i\)\*X_<i-1> - W_<i-1>\*X_<i-2>/);
  await page.click("#tab-picture");
});

test("the address holds the formula, and a link brings it back", async () => {
  const text = `# λ𝔛\n${LINE}`;
  await write(page, text);
  await page.waitForFunction(() => location.hash.startsWith("#rf="));
  const data = Buffer.from(new URL(page.url()).hash.slice(4), "base64url");
  assert.equal(inflateRawSync(data).toString("utf8"), text);
  const zoo = readFileSync(join(ROOT, example("zoo/vit_b_16.rf")), "utf8");
  await page.goto(`${server.address}${linked(zoo)}`);
  await page.waitForSelector("#editor :text('Vision Transformer')");
  await settled(page);
  assert.equal(await page.inputValue("#examples"), "zoo/vit_b_16.rf");
});

test("a link that holds no formula, or one that is not nice, does no harm", async () => {
  const hostile = `network A # <img src=x onerror=alert(1)>\n${LINE}"</script><script>alert(1)</script>\n`;
  for (const hash of ["#rf=!!", linked("\0\0"), linked(hostile), linked("(".repeat(20_000))]) {
    await page.goto(`${server.address}${hash}`);
    await settled(page);
  }
  assert.equal(await page.locator("img:not(.cm-widgetBuffer), #drawn script").count(), 0);
  assert.match((await page.textContent("#problems")) ?? "", /RF\d{3}/);
});

test("a newer text is not kept waiting for what an older one was asked for", async () => {
  const content = page.locator("#editor .cm-content");
  await choose("zoo/gpt2.rf");
  await content.fill(`${LINE}# one\n`);
  await content.fill(`${LINE}# two\n`);
  await settled(page);
  assert.equal((await saved(page, "#save-py")).text.includes("class"), true);
  assert.equal(await page.inputValue("#examples"), "");
});

test("hovering tells of an operator, and typing proposes one", async () => {
  await write(page, `stem conv(3, 64) > bn\n${LINE}`);
  await page.locator("#editor .rf-function", { hasText: "bn" }).hover();
  await page.waitForSelector(".cm-tooltip .page");
  assert.match((await page.textContent(".cm-tooltip .page")) ?? "", /Batch normalisation/);
  await page.locator("#editor .cm-line").first().click();
  await page.keyboard.press("End");
  await page.keyboard.type(" > gel");
  await page.click(".cm-tooltip-autocomplete li:has-text('gelu')");
  await settled(page);
  assert.match((await page.textContent("#editor .cm-line")) ?? "", /> gelu$/);
});

test("tabs and splitter go by the keyboard", async () => {
  await page.focus("#tab-picture");
  await page.keyboard.press("ArrowRight");
  assert.equal(await page.getAttribute("#tab-code", "aria-selected"), "true");
  assert.ok(await page.locator("#panel-code").isVisible());
  await page.keyboard.press("End");
  assert.ok(await page.locator("#panel-derivation").isVisible());
  await page.keyboard.press("Home");
  await page.focus("#splitter");
  const before = await page.locator(".left").boundingBox();
  await page.keyboard.press("ArrowRight");
  const wider = await page.locator(".left").boundingBox();
  assert.ok((wider?.width ?? 0) > (before?.width ?? 0));
  await settled(page);
});

for (const scheme of /** @type {const} */ (["light", "dark"])) {
  test(`axe finds nothing serious, ${scheme}`, async () => {
    await page.emulateMedia({ colorScheme: scheme });
    await write(page, `stem conv(3, 64) > rleu\nW = conv(3, c)\n${LINE}`);
    await page.evaluate(readFileSync(AXE, "utf8"));
    for (const tab of ["picture", "code", "summary", "paths", "derivation"]) {
      if (tab === "code") await choose("paper/resnet18_s.rf");
      await page.click(`#tab-${tab}`);
      await settled(page);
      const found = await page.evaluate(async () => /** @type {any} */ (window).axe.run());
      const serious = found.violations.filter(
        (/** @type {any} */ item) => ["serious", "critical"].includes(item.impact),
      );
      /** @param {any} item */
      const told = (item) => [item.id, item.nodes.map((/** @type {any} */ node) => node.html.slice(0, 200))];
      assert.deepEqual(serious.map(told), []);
    }
    await page.click("#tab-picture");
    await settled(page);
  });
}

test("a text that takes long is given up for a newer one", async () => {
  let started = 0;
  page.on("worker", () => (started += 1));
  await page.clock.install();
  // However fast compiling becomes, this text is never answered.
  await page.evaluate(() => {
    const { postMessage } = Worker.prototype;
    /** @param {any} message */
    Worker.prototype.postMessage = function (message) {
      if (!message.question?.includes("network Endless")) postMessage.call(this, message);
    };
  });
  await page.locator("#editor .cm-content").fill(`network Endless\n${LINE}`);
  await page.clock.fastForward(3_000);
  await page.waitForFunction(() => document.body.innerText.includes("Working…"));
  await page.locator("#editor .cm-content").fill(LINE);
  await page.clock.fastForward(30_000);
  await settled(page);
  assert.equal(started, 1);
  assert.equal(await page.textContent("#status"), "Good: proved.");
  assert.equal(await page.locator("#drawn svg").count(), 1);
});

test("a narrow screen shows all of it, without scrolling aside", async () => {
  await page.setViewportSize({ width: 360, height: 640 });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= 360, `${wide}`);
  for (const id of ["#editor", "#drawn", "#tab-derivation", "#save-svg"]) {
    await page.locator(id).scrollIntoViewIfNeeded();
    assert.ok(await page.locator(id).isVisible());
  }
});
