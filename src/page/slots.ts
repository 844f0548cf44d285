import { say, warn } from './announce.ts';
import { byId, make, replaceRows } from './dom.ts';
import { explain, showProblem } from './explain.ts';
import { Refused, type Service, type Slot } from './service.ts';
import type { Session } from './session.ts';
import { slotRow } from './slot-row.ts';
import { Previews } from './previews.ts';

const PAGE_SIZE = 20;

/** The row of a slot, and the slot as it was told. */
interface Shown {
  readonly text: string;
  readonly row: HTMLLIElement;
}

/** The tenant's slots, a page at a time, newest first. */
export class Slots {
  readonly #service: Service;
  readonly #session: Session;
  readonly #previews: Previews;
  readonly #list = byId('slots', HTMLUListElement);
  readonly #title = byId('slots-title', HTMLElement);
  readonly #notice = byId('slots-notice', HTMLElement);
  readonly #state = byId('state', HTMLSelectElement);
  /** Where each page up to this one begins. */
  #cursors: (string | undefined)[] = [undefined];
  #next: string | undefined;
  #asked = 0;
  #shown: ReadonlyMap<string, Shown> = new Map();

  constructor(service: Service, session: Session) {
    this.#service = service;
    this.#session = session;
    this.#previews = new Previews(service, session);
    const { signal } = session.ending;
    const on = (id: string, type: string, act: () => void): void =>
      byId(id, HTMLElement).addEventListener(type, act, { signal });
    on('state', 'change', () => this.#go([undefined], true));
    on('refresh', 'click', () => void this.show(true));
    on('older', 'click', () => this.#go([...this.#cursors, this.#next], true));
    on('newer', 'click', () => this.#go(this.#cursors.slice(0, -1), true));
  }

  #go(cursors: (string | undefined)[], aloud: boolean): void {
    this.#cursors = cursors;
    void this.show(aloud);
  }

  /**
   * Asks for the page that is shown, again.
   * @param aloud whether screen readers hear of it: not when nobody asked.
   * @throws Refused for a token that is not accepted at all
   */
  async show(aloud = false): Promise<void> {
    if (!this.#session.can('list')) return;
    const asked = ++this.#asked;
    try {
      const page = await this.#service.list(this.#state.value, this.#cursors.at(-1), PAGE_SIZE);
      // An answer that was overtaken.
      if (asked !== this.#asked) return;
      this.#notice.hidden = true;
      this.#next = page.nextCursor;
      this.#fill(page.uploads);
      if (aloud) say(`${page.uploads.length} shown, page ${this.#cursors.length}.`);
    } catch (error) {
      if (this.#session.ending.signal.aborted) return;
      if (error instanceof Refused && error.status === 401) throw error;
      if (error instanceof Refused && error.status === 403) this.#mayNotList();
      else this.#fail(error);
    }
  }

  #fill(slots: readonly Slot[]): void {
    const shown = new Map(slots.map((slot) => [slot.id, this.#rowOf(slot)]));
    this.#shown = shown;
    const rows = [...shown.values()].map(({ row }) => row);
    const words =
      this.#state.value === '' ? 'No slots yet. Upload something.' : `None is ${this.#state.value}.`;
    replaceRows(
      this.#list,
      rows.length > 0 ? rows : [make('li', { className: 'nothing' }, words)],
      this.#title,
    );
    const page = this.#cursors.length;
    byId('pager', HTMLElement).hidden = page === 1 && this.#next === undefined;
    byId('page-number', HTMLElement).textContent = `Page ${page}`;
    byId('newer', HTMLButtonElement).disabled = page === 1;
    byId('older', HTMLButtonElement).disabled = this.#next === undefined;
  }

  /** A slot that is as it was keeps its row, and with it the thumbnail that was fetched. */
  #rowOf(slot: Slot): Shown {
    const text = JSON.stringify(slot);
    const known = this.#shown.get(slot.id);
    if (known?.text === text) return known;
    const row = slotRow(slot, this.#service, this.#session, this.#previews, () => void this.show());
    return { text, row };
  }

  #mayNotList(): void {
    this.#session.refuse('list');
    this.#list.replaceChildren();
    byId('slots-tools', HTMLElement).hidden = true;
    byId('pager', HTMLElement).hidden = true;
    this.#notice.className = 'notice';
    this.#notice.textContent = `With ${this.#session.kind} such as yours you can upload, but not see the tenant’s slots: that takes the scope uploads:read. What you upload is listed above.`;
    this.#notice.hidden = false;
  }

  #fail(error: unknown): void {
    const explanation = explain(error);
    this.#notice.className = 'problem';
    showProblem(this.#notice, explanation);
    warn(`The slots could not be listed. ${explanation.what}`);
  }

  end(): void {
    this.#previews.end();
    this.#asked += 1;
    this.#list.replaceChildren();
    this.#state.value = '';
    this.#notice.hidden = true;
    byId('slots-tools', HTMLElement).hidden = false;
    byId('pager', HTMLElement).hidden = true;
  }
}
