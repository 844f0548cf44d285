import type { Asker } from '../ask.ts';
import { CANARIES } from '../canaries.ts';
import { about, type CheckText, type Finding } from '../finding.ts';

export const LEFTOVERS_CHECKS = {
  'canaries.left': {
    title: 'old canaries',
    means: 'A doctor or a start of the service that was killed could not remove what it had made.',
  },
} as const satisfies Record<string, CheckText>;

/** One that is under way elsewhere has canaries too. */
const OLD_MS = 3_600_000;

/** What earlier runs have left below the doctor's own prefix. Silent where that cannot be listed: another check says so. */
export async function* examineLeftovers(
  asker: Pick<Asker, 'ask' | 'now'>,
  { subject }: { subject: string },
): AsyncGenerator<Finding> {
  const listing = await asker.ask({
    method: 'GET',
    query: { 'list-type': '2', prefix: CANARIES, 'max-keys': '50' },
  });
  if (listing.status !== 200) return;
  const times = [...listing.body.matchAll(/<LastModified>([^<]*)</g)].map(([, time = '']) =>
    Date.parse(time),
  );
  const old = times.filter((time) => asker.now() - time > OLD_MS).length;
  yield old === 0
    ? about(subject).ok('canaries.left', 'none of earlier runs')
    : about(subject).note(
        'canaries.left',
        `${old} objects of earlier runs lie below ${CANARIES}, or more`,
        'remove them: nobody needs them, and their keys are gone',
      );
}
