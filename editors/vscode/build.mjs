/** Bundles the extension into one file, with the licences of all that is in it. */

import { build } from "esbuild";
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

const { metafile } = await build({
  entryPoints: ["src/extension.ts"],
  outfile: "out/extension.js",
  bundle: true,
  minify: true,
  platform: "node",
  target: "node20",
  format: "cjs",
  external: ["vscode"],
  metafile: true,
});

const inside = Object.keys(metafile.inputs)
  .map((file) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1])
  .filter((folder) => folder !== undefined);
const notices = [...new Set(inside)].sort().map((folder) => {
  const { name, version } = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  if (file === undefined) {
    throw new Error(`${name} has no file with its licence`);
  }
  return `${name} ${version}\n\n${readFileSync(path.join(folder, file), "utf8").trim()}\n`;
});
writeFileSync("out/NOTICES.txt", notices.join(`\n${"-".repeat(72)}\n\n`));
copyFileSync("../../LICENSE", "LICENSE");
