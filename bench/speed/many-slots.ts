import { MAIN } from './cells.ts';
import type { Job } from './job.ts';
import type { Load } from './load.ts';
import { memoryOf } from './proc.ts';
import type { World } from './world.ts';

/** Their URLs end after the run, so that no job looks at them meanwhile. */
const SLOT = { contentType: 'application/pdf', size: 123_456, expiresInSeconds: 3_600 };
const STEP = 100_000;
const WARM_SECONDS = 2;

/** Issues so many slots as fast as it goes, and says what memory the service takes. */
export async function manySlots(
  world: World,
  load: Load,
  slots: number,
  say: (line: string) => void,
): Promise<void> {
  const endpoint = await world.endpoint(MAIN.subject);
  const { pid } = endpoint;
  const tell = (made: number, perSecond: string): void => {
    const { rssMb, peakMb } = memoryOf(pid);
    say(
      `${made.toLocaleString('en').padStart(12)} slots  RSS ${rssMb.toFixed(0)} MB, most ${peakMb.toFixed(0)} MB${perSecond}`,
    );
  };
  const job = {
    ...{ url: endpoint.url, path: '/v1/uploads', body: JSON.stringify(SLOT), status: 201 },
    tokens: world.tokensFor(MAIN, endpoint),
  };
  // A few at first: a process that has compiled nothing yet may turn many away.
  const warming: Job = { ...job, connections: 4, warmSeconds: 0, seconds: WARM_SECONDS };
  await load.run({ job: warming, pid, storePid: undefined });
  tell(0, '');
  for (let made = 0; made < slots;) {
    const answers = Math.min(STEP, slots - made);
    const { connections } = MAIN;
    const outcome = await load.run({
      ...{ job: { ...job, connections, warmSeconds: 0, seconds: 0, answers }, pid },
      storePid: undefined,
    });
    made += outcome.answers;
    tell(made, `, ${outcome.perSecond.toFixed(0)}/s`);
  }
}
