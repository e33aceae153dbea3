/** Pyodide: woken from a snapshot of its memory, or as it is without one. */

import type { PyodideAPI, loadPyodide as Load } from "pyodide";

/** What modules that were imported before see. */
const ENVIRONMENT = { PYTHONHASHSEED: "0", HOME: "/home/pyodide" };

type Options = NonNullable<Parameters<typeof Load>[0]>;
type Create = NonNullable<Options["createPyodideModule"]>;
/** What of Pyodide is not in its types. */
type Heap = { HEAP8: Int8Array; _malloc(size: number): number };

/** Python as it was when the snapshot was taken, with all that it had imported. */
export async function awake(
  load: typeof Load,
  create: Create,
  home: string,
  snapshot: Promise<Uint8Array<ArrayBuffer>>,
): Promise<PyodideAPI> {
  // Pyodide copies a snapshot into the memory that there is, and does not make it larger.
  const roomy: Create = async (settings) => {
    const [python, { length }] = await Promise.all([create(settings), snapshot]);
    const heap = python as unknown as Heap;
    while (heap.HEAP8.length < length) heap._malloc(length - heap.HEAP8.length);
    heap.HEAP8.fill(0);
    return python;
  };
  return load({
    indexURL: home,
    env: ENVIRONMENT,
    createPyodideModule: roomy,
    _loadSnapshot: snapshot,
  });
}

/** Where Python cannot be had. */
export class Absent extends Error {}

/** Pyodide's own way to start. @param home its address */
export async function loader(home: string): Promise<typeof Load> {
  try {
    return ((await import(`${home}pyodide.mjs`)) as { loadPyodide: typeof Load }).loadPyodide;
  } catch {
    throw new Absent(home);
  }
}

/** Python that has imported nothing yet. */
export async function fresh(load: typeof Load, home: string): Promise<PyodideAPI> {
  return load({ indexURL: home, env: ENVIRONMENT });
}

/**
 * A file that is packed by gzip, whether or not the host has unpacked it.
 *
 * `told` hears how many bytes have come.
 */
export async function whole(
  address: string,
  told: (bytes: number) => void = () => {},
): Promise<Uint8Array<ArrayBuffer>> {
  const answer = await fetch(address);
  if (!answer.ok || answer.body === null) {
    throw new Error(`${address} cannot be fetched: ${answer.status}`);
  }
  let bytes = 0;
  const counting = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(part, next) {
      bytes += part.length;
      told(bytes);
      next.enqueue(part);
    },
  });
  const counted = new Response(answer.body.pipeThrough(counting));
  const packed = new Uint8Array(await counted.arrayBuffer());
  if (packed[0] !== 0x1f || packed[1] !== 0x8b) return packed;
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
