import { make } from './dom.ts';
import { sentFor, type Sent } from './witness.ts';

/** “What S3 saw”, of one slot; filled when it is opened. */
export function sawDetails(id: () => string | undefined): HTMLDetailsElement {
  const place = make('div', { className: 'saw' });
  const details = make('details', {}, make('summary', {}, 'What S3 saw'), place);
  details.addEventListener('toggle', () => {
    if (details.open) fill(place, id());
  });
  return details;
}

function fill(place: HTMLElement, id: string | undefined): void {
  const { count, sent } = id === undefined ? { count: 0, sent: [] } : sentFor(id);
  const last = sent.at(-1);
  if (last === undefined) {
    place.replaceChildren(make('p', {}, 'Nothing was sent to S3 yet.'));
    return;
  }
  const others = count - 1;
  const more =
    others === 0 ? '' : ` ${others} more ${others === 1 ? 'was' : 'were'} like it, one for each part or try.`;
  place.replaceChildren(
    make(
      'p',
      {},
      make('strong', { className: 'mono' }, last.method),
      ' ',
      make('span', { className: 'mono' }, `${last.origin}${last.path}`),
      last.part !== undefined && ` part ${last.part}`,
    ),
    headerTable(last),
    make('p', {}, `${answer(last)}${more}`),
    make(
      'p',
      {},
      'The customer key travels in a header, over TLS, and S3 forgets it. The query of the URL, with its signature, is left out here.',
    ),
  );
}

function headerTable({ headers, signed }: Sent): HTMLTableElement {
  const rows = headers.map(({ name, value, isSecret }) =>
    make(
      'tr',
      {},
      make('th', { scope: 'row', className: 'mono' }, name),
      make('td', { className: isSecret ? 'mono masked' : 'mono' }, value, isSecret && ' masked'),
      make('td', {}, signed.includes(name) ? 'yes' : 'no'),
    ),
  );
  const heads = ['Header', 'Value', 'Signed'].map((text) => make('th', { scope: 'col' }, text));
  return make(
    'table',
    {},
    make('caption', { className: 'unseen' }, 'Headers sent to S3'),
    make('thead', {}, make('tr', {}, ...heads)),
    make('tbody', {}, ...rows),
  );
}

function answer({ status }: Sent): string {
  if (status === undefined) return 'It is under way.';
  return status === 0 ? 'There was no answer that this page may read.' : `S3 answered ${status}.`;
}
