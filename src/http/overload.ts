import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import underPressure from '@fastify/under-pressure';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../config/config.ts';
import { Overloaded } from '../errors.ts';

const REASONS: Readonly<Record<string, Overloaded['reason']>> = {
  [underPressure.TYPE_EVENT_LOOP_DELAY]: 'event_loop',
  [underPressure.TYPE_HEAP_USED_BYTES]: 'heap',
  [underPressure.TYPE_RSS_BYTES]: 'memory',
};

/** Two samples. What these say is how long it took to start, which would have a new replica turn away its first requests. */
const START_MS = 2_000;

/**
 * Turns requests away before anything is done for them while the process has too much to do: one that answers few in time is of more use
 * than one that answers all too late. What has begun goes on.
 */
export async function shedLoad(app: FastifyInstance, settings: Config['overload']): Promise<void> {
  const { eventLoopDelayMilliseconds, heapPercent, memoryPercent } = settings;
  let startedAt = -Infinity;
  app.addHook('onListen', async () => {
    startedAt = performance.now();
  });
  await app.register(underPressure, {
    maxEventLoopDelay: eventLoopDelayMilliseconds,
    maxHeapUsedBytes: (getHeapStatistics().heap_size_limit * heapPercent) / 100,
    maxRssBytes: (memoryLimitBytes() * memoryPercent) / 100,
    // Of a promise that is rejected the plugin makes an error of the request.
    pressureHandler: async (_request, _reply, type) => {
      if (type === underPressure.TYPE_EVENT_LOOP_DELAY && performance.now() < startedAt + START_MS) return;
      throw new Overloaded(REASONS[type] ?? 'event_loop');
    },
  });
}

/** Of the container, if it has one. */
function memoryLimitBytes(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}
