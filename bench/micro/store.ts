import { newSlot } from '../growth/rows.ts';
import type { NewSlot, Store } from './parts.ts';
import type { Step } from './steps.ts';

const GROUP = 64;

/** Commits as the service does: flushed. The file's disk is most of it. */
export function storing({ uploads }: Store): Step[] {
  const slot = (): NewSlot => {
    const now = Date.now();
    const made = newSlot(now, 'acme');
    return { ...made, key: { ...made.key, wrapperId: 'local' } };
  };
  const insert = (): Promise<unknown> => uploads.insert([slot()], undefined, Date.now());
  return [
    { name: 'SQLite: a slot alone', run: insert },
    {
      name: `SQLite: a slot of ${GROUP} asked for at once`,
      times: GROUP,
      run: () => Promise.all(Array.from({ length: GROUP }, insert)),
    },
    {
      name: `SQLite: a slot of ${GROUP} in one call`,
      times: GROUP,
      run: () => uploads.insert(Array.from({ length: GROUP }, slot), undefined, Date.now()),
    },
  ];
}
