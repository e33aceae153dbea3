/** Pyodide, woken from a snapshot of its memory, and packed files. */

import type { PyodideAPI, loadPyodide as Load } from "pyodide";

/** Where modules are, as Python sees them. */
declare const SITE: string;

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
    env: { PYTHONHASHSEED: "0", HOME: "/home/pyodide" },
    createPyodideModule: roomy,
    _loadSnapshot: snapshot,
  });
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

/** Files in one: the length of a list of them, the list, and what is in them. */
export function unpack(
  bytes: Uint8Array,
  each: (path: string, data: Uint8Array) => void,
): void {
  const size = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const text = new TextDecoder().decode(bytes.subarray(4, 4 + size));
  let start = 4 + size;
  for (const [path, length] of JSON.parse(text) as [string, number][]) {
    each(`${SITE}/${path}`, bytes.subarray(start, start + length));
    start += length;
  }
}
