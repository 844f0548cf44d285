import { INTERMEDIATE } from '../../../custody/intermediate.ts';
import type { WrappedKey } from '../../../custody/port.ts';
import { IntermediateGone, KekRetired } from '../../errors.ts';
import { text } from '../sql/rows.ts';
import type { Session } from './connection.ts';

type Kek = Pick<WrappedKey, 'wrapperId' | 'kekId'>;

/*
 * Why these suffice. An intermediate key is destroyed under a lock of its row, after a look for keys that it wraps: whoever has the row
 * shared holds that up until the keys are there to be seen, and whoever waited for the row sees that it is destroyed. A KEK is retired
 * under a lock that keeps all writers out of `keys`: one that had to wait for it begins its next statement after the commit, and sees it.
 */
const LIVING = `
  SELECT id FROM intermediate_keys WHERE id = ANY(:ids::text[]) AND wrapped IS NOT NULL ORDER BY id FOR SHARE`;
const AS_WRITER = 'LOCK TABLE keys IN ROW EXCLUSIVE MODE';
const RETIRED = `
  SELECT r.wrapper_id, r.kek_id FROM unnest(:wrapper_ids::text[], :kek_ids::text[]) AS n (wrapper_id, kek_id)
  JOIN retired_keks AS r ON r.wrapper_id = n.wrapper_id AND r.kek_id = n.kek_id LIMIT 1`;

/**
 * To be asked in the transaction that stores wrapped keys, before it does: a process may hold an intermediate key in its cache, or a KEK
 * in its memory, that was destroyed or retired meanwhile, and nobody could open that key once the process is gone.
 * @throws IntermediateGone, KekRetired
 */
export async function demandUsable(session: Session, keks: readonly Kek[]): Promise<void> {
  const { intermediates, others } = keksOf(keks);
  if (intermediates.length > 0) {
    const living = new Set((await session.all(LIVING, { ids: intermediates })).map((row) => text(row, 'id')));
    const gone = intermediates.find((id) => !living.has(id));
    if (gone !== undefined) throw new IntermediateGone(gone);
  }
  if (others.length > 0) {
    await session.run(AS_WRITER);
    const retired = await session.get(RETIRED, {
      wrapper_ids: others.map(({ wrapperId }) => wrapperId),
      kek_ids: others.map(({ kekId }) => kekId),
    });
    if (retired !== undefined) throw new KekRetired(text(retired, 'wrapper_id'), text(retired, 'kek_id'));
  }
}

/** Each once: the ids of intermediate keys, and the KEKs of wrappers. */
export function keksOf(keks: readonly Kek[]): { intermediates: string[]; others: Kek[] } {
  const intermediates = new Set<string>();
  const others = new Map<string, Kek>();
  for (const { wrapperId, kekId } of keks) {
    if (wrapperId === INTERMEDIATE) intermediates.add(kekId);
    else others.set(JSON.stringify([wrapperId, kekId]), { wrapperId, kekId });
  }
  return { intermediates: [...intermediates].sort(), others: [...others.values()] };
}
