import { openHierarchy, openKeks } from '../../composition.ts';
import type { Config } from '../../config/config.ts';
import { UNCOUNTED } from '../../custody/counted.ts';
import type { KeyWrapper } from '../../custody/port.ts';
import { DependencyUnavailable } from '../../errors.ts';
import type { Pair } from '../../store/move/copy.ts';
import type { KeyCursor, Store } from '../../store/port.ts';
import { sameKeys, type Openers } from '../../uploads/same-keys.ts';
import { explain } from '../command.ts';
import type { MoveReport } from './report.ts';

const PAGE = 500;

/** How many keys are opened; all of them. */
export type Sample = number | 'all';

export interface KeyTrial {
  readonly from: Config;
  readonly to: Config;
  readonly sample: Sample;
  readonly report: MoveReport;
  readonly signal: AbortSignal;
}

/**
 * Opens keys in both stores, each with its own configuration's custody.
 * @returns false when one does not open as before. A keeper of KEKs that does not answer is told and no failure: the wrapped bytes have
 *   been compared, and nothing that is wrong with them could be mended by waiting.
 */
export async function keysOpen({ source, target }: Pair, trial: KeyTrial): Promise<boolean> {
  const { report, signal } = trial;
  const closing: KeyWrapper[] = [];
  let isRight = true;
  try {
    const openers: Openers = {
      before: await openerOf(trial.from, source.store, closing),
      now: await openerOf(trial.to, target.store, closing),
    };
    for await (const keys of chosen(source, trial.sample)) {
      if (signal.aborted) break;
      for (const [index, { kind, ...told }] of (await sameKeys(openers, keys)).entries()) {
        const key = keys[index];
        if (key !== undefined) report.key(key, kind, 'why' in told ? told.why : '');
        isRight &&= kind !== 'differs';
      }
    }
  } catch (error) {
    if (!(error instanceof DependencyUnavailable) || error.extra['dependency'] === 'store') throw error;
    report.untried(explain(error));
  } finally {
    for (const wrapper of closing) wrapper.close();
  }
  return isRight;
}

async function openerOf(config: Config, store: Store, closing: KeyWrapper[]): Promise<Openers['now']> {
  // Told by its keys, which do not open then.
  const keks = await openKeks(config, UNCOUNTED, () => undefined);
  closing.push(keks);
  const wrapper = openHierarchy(config, { keks, store, now: Date.now, targets: () => new Map() });
  closing.push(wrapper);
  return { store, wrapper };
}

async function* chosen(source: Pair['source'], sample: Sample): AsyncGenerator<KeyCursor[]> {
  if (sample !== 'all') {
    const keys = await source.someKeys(sample);
    for (let at = 0; at < keys.length; at += PAGE) yield keys.slice(at, at + PAGE);
    return;
  }
  for (let after: KeyCursor | undefined; ;) {
    const page = await source.store.keys.page({ ...(after && { after }), limit: PAGE });
    const keys = page.map(({ upload, generation }) => ({ uploadId: upload.id, generation }));
    after = keys.at(-1);
    if (after === undefined) return;
    yield keys;
  }
}
