/** The menu of examples: every formula of the repository, by its folder. */

export type Examples = Record<string, string>;

const FOLDERS: Record<string, string> = {
  paper: "The paper",
  zoo: "The zoo",
  modern: "Schemes of 2018 and later",
  language: "The language",
};

/** What the page starts with. */
export const FIRST = "paper/resnet18_s.rf";
/** What a text is called that is no example. */
const OWN = "formula.rf";

export async function fetched(address: string): Promise<Examples> {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`the examples cannot be fetched: ${answer.status}`);
  return (await answer.json()) as Examples;
}

export function fill(menu: HTMLSelectElement, examples: Examples): void {
  const names = Object.keys(examples);
  const folders = [...new Set(names.map((name) => name.split("/", 1)[0] ?? ""))];
  const order = Object.keys(FOLDERS);
  folders.sort((a, b) => (order.indexOf(a) + 99) % 99 - (order.indexOf(b) + 99) % 99);
  for (const folder of folders) {
    const group = document.createElement("optgroup");
    group.label = FOLDERS[folder] ?? folder;
    for (const name of names.filter((name) => name.startsWith(`${folder}/`))) {
      group.append(new Option(name.slice(folder.length + 1).replace(/\.rf$/, ""), name));
    }
    menu.append(group);
  }
}

/**
 * The name of a text: of the example that it is, or one of its own. That is in the folder of
 * the example that it was before, where `use` finds the same files.
 */
export function nameOf(text: string, examples: Examples, before: string): string {
  const found = Object.entries(examples).find(([, example]) => example === text);
  return found?.[0] ?? before.slice(0, before.lastIndexOf("/") + 1) + OWN;
}
