import { Worker, type WorkerOptions } from 'node:worker_threads';
import { DependencyUnavailable } from '../../../../errors.ts';
import type { Call, Outcome, ToWriter, WriterData } from './calls.ts';
import { told } from './errors.ts';
import { onceSoon } from '../../once-soon.ts';

/** Slots, or calls of another kind, in a group, unless a single call has more: the time of one commit stays bounded. */
const SLOTS_IN_A_GROUP = 128;
/** Slots that wait, of more than a second's work: who comes then is told at once rather than long after he has given up. */
const SLOTS_WAITING = 10_000;
const OPTIONS: WorkerOptions = {
  name: 'sealslot-store',
  /** It holds a group. */
  resourceLimits: { maxOldGenerationSizeMb: 96, maxYoungGenerationSizeMb: 8 },
  // What a script by `--eval` was started with, a thread's file may not be.
  ...(process.execArgv.some((argument) => argument.startsWith('--input-type')) && { execArgv: [] }),
};

/** Type stripping runs `.ts`, a build `.js`. */
const ENTRY = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);

interface Waiting {
  readonly call: Call;
  readonly slots: number;
  done(value: unknown): void;
  fail(error: unknown): void;
}

interface Running {
  readonly worker: Worker;
  /** In the order in which they were sent, which is that of their answers. */
  readonly groups: (readonly Waiting[])[];
  readonly ended: Promise<void>;
}

/**
 * The writing side of a store: calls that come while others are being committed wait, and are committed together. A call that comes alone
 * waits for nobody. The thread begins with `begin` or the first call. When it dies, all calls that wait fail, and the next one begins another.
 */
export class WriterThread {
  readonly #path: string;
  #waiting: Waiting[] = [];
  #slotsWaiting = 0;
  #running: Running | undefined;
  #isSuccessor = false;
  #isClosed = false;
  #drained: (() => void) | undefined;
  readonly #pumpSoon = onceSoon(() => {
    this.#pump();
  });
  #closing: Promise<void> | undefined;

  /** @param path the store's real path. */
  constructor(path: string) {
    this.#path = path;
  }

  /** Spares the first call the tenth of a second that the thread takes. */
  begin(): void {
    this.#running ??= this.#begin();
  }

  /** @param slots how much of a group it takes. */
  call(call: Call, slots = 1): Promise<unknown> {
    return new Promise((done, fail) => {
      const isFull = this.#slotsWaiting >= SLOTS_WAITING;
      if (this.#isClosed || isFull) {
        const why = isFull ? 'too much waits to be written' : 'the store is closed';
        fail(new DependencyUnavailable('store', new Error(why)));
        return;
      }
      this.#waiting.push({ call, slots, done, fail });
      this.#slotsWaiting += slots;
      this.#pumpSoon();
    });
  }

  /** Ends it after all that was asked of it. */
  close(): Promise<void> {
    return (this.#closing ??= this.#end());
  }

  async #end(): Promise<void> {
    this.#isClosed = true;
    if (this.#isBusy()) await new Promise<void>((drained) => (this.#drained = drained));
    const running = this.#running;
    if (running === undefined) return;
    running.worker.ref();
    running.worker.postMessage('close' satisfies ToWriter);
    await running.ended;
  }

  /** For tests: what its death does. */
  async kill(): Promise<void> {
    await this.#running?.worker.terminate();
  }

  #isBusy(): boolean {
    return this.#waiting.length > 0 || (this.#running?.groups.length ?? 0) > 0;
  }

  #pump(): void {
    if (this.#waiting.length === 0) return;
    let running = this.#running;
    try {
      running ??= this.#begin();
    } catch (error) {
      this.#failAll(this.#take(this.#waiting.length), error);
      this.#tellDrained();
      return;
    }
    this.#running = running;
    const { worker, groups } = running;
    if (groups.length === 0) worker.ref();
    // One at a time: a second one ready for the thread would spare it a wait, and make both smaller, which costs more.
    while (groups.length === 0 && this.#waiting.length > 0) {
      const group = this.#nextGroup();
      if (isSent(worker, group)) groups.push(group);
      else for (const one of group) if (isSent(worker, [one])) groups.push([one]);
    }
    if (groups.length > 0) return;
    worker.unref();
    this.#tellDrained();
  }

  #nextGroup(): readonly Waiting[] {
    let slots = 0;
    const tooMany = this.#waiting.findIndex((one, index) => {
      slots += one.slots;
      return index > 0 && slots > SLOTS_IN_A_GROUP;
    });
    return this.#take(tooMany === -1 ? this.#waiting.length : tooMany);
  }

  #take(count: number): readonly Waiting[] {
    const taken = this.#waiting.splice(0, count);
    this.#slotsWaiting -= taken.reduce((sum, { slots }) => sum + slots, 0);
    return taken;
  }

  #begin(): Running {
    const workerData: WriterData = { path: this.#path, isSuccessor: this.#isSuccessor };
    const worker = new Worker(ENTRY, { ...OPTIONS, workerData });
    worker.unref();
    let why: unknown = new Error('the thread that writes has ended');
    worker.on('error', (error) => (why = error));
    const ended = new Promise<void>((ends) => {
      worker.once('exit', () => {
        this.#lose(running, why);
        ends();
      });
    });
    const running: Running = { worker, groups: [], ended };
    worker.on('message', (outcomes: readonly Outcome[]) => {
      this.#settle(running, outcomes);
    });
    return running;
  }

  #settle({ worker, groups }: Running, outcomes: readonly Outcome[]): void {
    const group = groups.shift() ?? [];
    this.#pump();
    if (groups.length === 0) worker.unref();
    for (const [n, one] of group.entries()) {
      const [value, error] = outcomes[n] ?? [];
      if (error === undefined) one.done(value);
      else one.fail(told(error));
    }
    this.#tellDrained();
  }

  /** Whether a group that was under way is committed, nobody knows. */
  #lose(running: Running, why: unknown): void {
    if (this.#running === running) this.#running = undefined;
    this.#isSuccessor = true;
    this.#failAll([...running.groups.splice(0).flat(), ...this.#take(this.#waiting.length)], why);
    this.#tellDrained();
  }

  #failAll(calls: readonly Waiting[], why: unknown): void {
    for (const one of calls) one.fail(new DependencyUnavailable('store', why));
  }

  #tellDrained(): void {
    if (!this.#isBusy()) this.#drained?.();
  }
}

/**
 * What cannot be copied is never sent, so it gets no answer either: a group that were kept for one would be given that of the next.
 * One call's fault is found by sending each alone.
 */
function isSent(worker: Worker, group: readonly Waiting[]): boolean {
  try {
    worker.postMessage(group.map(({ call }) => call) satisfies ToWriter);
    return true;
  } catch (error) {
    if (group.length === 1) for (const one of group) one.fail(error);
    return false;
  }
}
