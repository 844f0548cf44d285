import { setFlagsFromString } from 'node:v8';

/**
 * Has V8 collect early. What streams through the service is garbage at once, outside V8's own heap, and V8 lets a hundred megabytes of it lie
 * before it looks. Both flags are read each time V8 decides whether to, so they may be set while it runs.
 */
export function keepMemoryLow(): void {
  setFlagsFromString('--optimize-for-size');
  setFlagsFromString('--semi-space-growth-factor=1');
}
