import type { History } from './history.ts';

/** @param slots how many are in the store. @returns what a history holds, in words. */
export function describeHistory({ calls, kills, outages }: History, slots: number): string {
  const good = calls.filter(({ answer }) => answer !== undefined && answer.status < 300);
  const by = (kind: string): number => good.filter(({ ask }) => ask.kind === kind).length;
  const told = new Set(good.flatMap(({ answer }) => answer?.slots.map(({ slotId }) => slotId) ?? []));
  const cutOff = calls.filter(({ answer }) => answer === undefined).length;
  const refused = calls.filter(({ answer }) => answer?.status === 503).length;
  const replays = good.filter(({ answer }) => answer?.isReplay === true).length;
  return [
    `${kills.length} kills`,
    `${outages.length} shutdowns of the database`,
    `${calls.length} calls, of them ${cutOff} cut off and ${refused} refused with 503`,
    `${told.size} acknowledged slots, ${slots - told.size} more of calls that were not answered`,
    `acknowledged: ${replays} replays, ${by('request')} new requests, ${by('parts')} parts, ${by('mint')} grants, ` +
      `${by('complete')} completed, ${by('remove')} removals`,
  ].join('; ');
}
