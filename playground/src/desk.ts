/** Questions to Python in its worker, one after the other, and their answers. */

import type { Answers, FromWorker, Questions, ToWorker } from "./answers";

declare const PAGE: string;

type Waiting = { resolve: (text: string) => void; reject: (error: Error) => void };

/** Python could not answer: a fault of recform, or of the page. */
export class Fault extends Error {}

/** Python itself cannot be had; the message is from where. */
export class Absent extends Fault {}

export class Desk {
  private worker: Worker | null = null;
  private waiting = new Map<number, Waiting>();
  private count = 0;
  private awake: Promise<string>;

  /** `loaded` hears how many megabytes of Python have come. */
  constructor(
    private readonly files: Record<string, string>,
    private readonly loaded: (megabytes: number) => void,
  ) {
    this.awake = this.start();
  }

  /** Resolves with recform's version when Python is there. */
  get ready(): Promise<string> {
    return this.awake;
  }

  get busy(): boolean {
    return this.waiting.size > 0;
  }

  async ask<K extends keyof Questions>(about: K, options: Questions[K]): Promise<Answers[K]> {
    await this.awake;
    const question = JSON.stringify({ ask: about, ...options });
    const text = await new Promise<string>((resolve, reject) => {
      this.count += 1;
      this.waiting.set(this.count, { resolve, reject });
      this.tell({ id: this.count, question });
    });
    return JSON.parse(text) as Answers[K];
  }

  /** Ends what Python does, however long it takes, and starts it anew. */
  restart(): void {
    this.end(new Fault("it was stopped"));
    this.awake = this.start();
  }

  private start(): Promise<string> {
    const worker = new Worker(new URL(`worker.js?${PAGE}`, import.meta.url), { type: "module" });
    this.worker = worker;
    const ready = new Promise<string>((resolve, reject) => {
      worker.onmessage = (event: MessageEvent<FromWorker>) => {
        const message = event.data;
        if ("ready" in message) resolve(message.ready);
        else if ("loaded" in message) this.loaded(message.loaded);
        else if ("broken" in message) reject(new Fault(message.broken));
        else if ("absent" in message) reject(new Absent(message.absent));
        else this.settle(message);
      };
      worker.onerror = (event) => {
        const error = new Fault(event.message || "the worker cannot be loaded");
        reject(error);
        this.end(error);
      };
    });
    this.tell({ files: this.files });
    return ready;
  }

  private tell(message: ToWorker): void {
    this.worker?.postMessage(message);
  }

  private settle(message: { id: number; answer: string } | { id: number; fault: string }): void {
    const asked = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if ("answer" in message) asked?.resolve(message.answer);
    else asked?.reject(new Fault(message.fault));
  }

  private end(error: Error): void {
    this.worker?.terminate();
    for (const asked of this.waiting.values()) asked.reject(error);
    this.waiting.clear();
  }
}
