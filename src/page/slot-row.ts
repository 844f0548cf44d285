import { say, warn } from './announce.ts';
import { showDownloadCommands } from './curl-dialog.ts';
import { confirmDelete } from './delete-dialog.ts';
import { button, make } from './dom.ts';
import { download } from './download.ts';
import { explain, showProblem } from './explain.ts';
import { bytes, when } from './format.ts';
import type { Previews } from './previews.ts';
import { Refused, type Service, type Slot } from './service.ts';
import type { Ability, Session } from './session.ts';

const TONES: Readonly<Record<string, string>> = {
  issued: 'busy',
  uploaded: 'good',
  rejected: 'bad',
  expired: 'wait',
  deleting: 'wait',
};

/** One slot of the list. @param changed called when it is no longer as it was */
export function slotRow(
  slot: Slot,
  service: Service,
  session: Session,
  previews: Previews,
  changed: () => void,
): HTMLLIElement {
  const { id, state, filename, contentType, size, createdAt, mismatches = [] } = slot;
  const name = filename ?? id;
  const problem = make('div', { className: 'problem', hidden: true });
  const attempt = (ability: Ability, work: () => Promise<void>) => () =>
    void work().catch((error: unknown) => {
      if (session.ending.signal.aborted) return;
      if (error instanceof Refused && error.status === 403) session.refuse(ability);
      const explanation = explain(error);
      showProblem(problem, explanation);
      warn(`${name}: ${explanation.what}`);
    });

  const actions = make('div', { className: 'actions' });
  if (state === 'uploaded') {
    actions.append(
      button(
        'Download',
        name,
        'download',
        attempt('read', () => download(service, slot)),
      ),
      button('curl', `for ${name}`, 'terminal', () => showDownloadCommands(slot)),
    );
  }
  if (state !== 'deleting' && state !== 'deleted') {
    const remove = attempt('delete', async () => {
      if (!(await confirmDelete(name))) return;
      const { state: now } = await service.remove(id);
      say(`${name}: ${now}.`);
      changed();
    });
    actions.append(button('Delete', name, 'delete', remove, 'quiet remove'));
  }
  for (const each of actions.querySelectorAll<HTMLElement>('button'))
    each.dataset['focus'] = `${id} ${each.textContent}`;

  const told = [bytes(size), contentType, when(createdAt)];
  if (mismatches.length > 0) told.push(`differs in ${mismatches.map(({ field }) => field).join(', ')}`);
  return make(
    'li',
    { className: 'row' },
    previews.thumb(slot),
    make(
      'div',
      {},
      make('div', { className: 'head' }, make('h3', { className: 'name' }, name), badge(state)),
      make('p', { className: 'meta' }, told.join(' · ')),
      make('p', { className: 'meta mono slot-id' }, id),
    ),
    actions,
    problem,
  );
}

function badge(state: string): HTMLElement {
  const made = make('span', { className: 'badge' }, state);
  made.dataset['tone'] = TONES[state] ?? 'quiet';
  return made;
}
