import type { Uploader } from '../client/browser/index.ts';
import { byId } from './dom.ts';
import { count } from './format.ts';
import type { Picked } from './picking.ts';
import { say } from './announce.ts';
import type { Session } from './session.ts';
import { Transfer } from './transfer.ts';
import { transferRow } from './transfer-row.ts';

/** Files at once; each large one sends several parts at once. */
const AT_ONCE = 3;

/** The files of this visit: some on their way, the others waiting for their turn. */
export class Uploads {
  readonly #uploader: Uploader;
  readonly #session: Session;
  readonly #arrived: () => void;
  readonly #rows = new Map<Transfer, HTMLLIElement>();
  readonly #running = new Set<Transfer>();
  readonly #list = byId('uploads', HTMLUListElement);

  /** @param arrived called when a file has ended its way, whichever it was */
  constructor(uploader: Uploader, session: Session, arrived: () => void) {
    this.#uploader = uploader;
    this.#session = session;
    this.#arrived = arrived;
    byId('clear', HTMLButtonElement).addEventListener('click', this.#clear, {
      signal: session.ending.signal,
    });
    this.#sum();
  }

  add(picked: readonly Picked[]): void {
    if (picked.length > 0) say(`${count(picked.length, 'file')} chosen.`);
    for (const each of picked) {
      const transfer = new Transfer(each);
      const row = transferRow(transfer, {
        retry: () => {
          transfer.wait();
          this.#next();
        },
        cancel: async () => {
          await transfer.cancel();
          this.#sum();
          // The slot goes after the file has stopped.
          this.#arrived();
        },
        remove: () => this.#remove(transfer),
      });
      this.#rows.set(transfer, row);
      this.#list.append(row);
    }
    this.#next();
  }

  #next(): void {
    for (const transfer of this.#rows.keys()) {
      if (this.#running.size >= AT_ONCE) break;
      if (transfer.state !== 'waiting' || this.#running.has(transfer)) continue;
      this.#running.add(transfer);
      void transfer.run(this.#uploader, this.#session.ending.signal).then(() => {
        this.#running.delete(transfer);
        if (this.#session.ending.signal.aborted) return;
        this.#arrived();
        this.#next();
      });
    }
    this.#sum();
  }

  readonly #clear = (): void => {
    for (const transfer of [...this.#rows.keys()])
      if (transfer.state === 'uploaded' || transfer.state === 'cancelled') this.#drop(transfer);
    byId('choose', HTMLElement).focus();
    this.#sum();
  };

  #remove(transfer: Transfer): void {
    const row = this.#rows.get(transfer);
    const near = row?.nextElementSibling ?? row?.previousElementSibling;
    this.#drop(transfer);
    const target = near?.querySelector<HTMLElement>('.actions button:not([hidden])');
    (target ?? byId('choose', HTMLElement)).focus();
    this.#sum();
  }

  #drop(transfer: Transfer): void {
    this.#rows.get(transfer)?.remove();
    this.#rows.delete(transfer);
  }

  /** Takes all rows away; what was under way ends with the session. */
  end(): void {
    for (const transfer of [...this.#rows.keys()]) this.#drop(transfer);
    this.#sum();
  }

  #sum(): void {
    const states = [...this.#rows.keys()].map(({ state }) => state);
    const number = (...which: string[]): number => states.filter((state) => which.includes(state)).length;
    const failed = number('failed');
    const words = [`${number('uploaded')} of ${count(states.length, 'file')} uploaded`];
    if (failed > 0) words.push(`${failed} failed`);
    byId('uploads-head', HTMLElement).hidden = states.length === 0;
    byId('summary', HTMLElement).textContent = words.join(', ');
    byId('clear', HTMLButtonElement).hidden = number('uploaded', 'cancelled') === 0;
  }
}
