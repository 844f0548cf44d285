/**
 * Imported into a service by `--import …/probe.ts?socket=/path`: answers at that socket how late the event loop of its main thread was since
 * it was asked before.
 */
import { createServer } from 'node:http';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

export interface LoopDelay {
  /** Milliseconds beyond the timer's own. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** From 0 to 1. */
  readonly utilization: number;
  /** Seconds. */
  readonly since: number;
}

const RESOLUTION_MS = 1;

if (isMainThread) {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  let before = performance.eventLoopUtilization();
  let begun = performance.now();
  const ms = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
  createServer((_request, response) => {
    const now = performance.eventLoopUtilization();
    const answer: LoopDelay = {
      p50: ms(delay.percentile(50)),
      p99: ms(delay.percentile(99)),
      max: ms(delay.max),
      utilization: performance.eventLoopUtilization(now, before).utilization,
      since: (performance.now() - begun) / 1_000,
    };
    delay.reset();
    before = now;
    begun = performance.now();
    response.end(JSON.stringify(answer));
  })
    .listen(new URL(import.meta.url).searchParams.get('socket') ?? '')
    .unref();
}
