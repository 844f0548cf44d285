import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../../config/config.ts';
import type { Logger } from '../../http/log.ts';

/**
 * The time in which balancers hear that this process is no longer ready, while it answers as before. Ctrl-C is of somebody who waits for the end, and has
 * no balancer.
 */
export async function drain(signal: unknown, { shutdown }: Config, logger: Logger): Promise<void> {
  const { drainSeconds } = shutdown;
  if (signal !== 'SIGTERM' || drainSeconds === 0) return;
  logger.info({ signal, drainSeconds }, 'not ready any more, and answering on');
  await delay(drainSeconds * 1000);
}

/** @returns whether `end` came to its end in its time. What it leaves then is as if the process had been killed, which loses nothing. */
export async function endsInTime(
  end: () => Promise<void>,
  { shutdown }: Config,
  logger: Logger,
): Promise<boolean> {
  const { graceSeconds } = shutdown;
  const late = delay(graceSeconds * 1000, false, { ref: false });
  const isInTime = await Promise.race([end().then(() => true), late]);
  if (!isInTime) logger.warn({ graceSeconds }, 'ends with requests or jobs in hand');
  return isInTime;
}
