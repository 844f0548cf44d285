import { Overloaded } from '../errors.ts';

/** Of those that may be open, the share of one slot: a link in the wrong hands must not take them all. */
const SHARE_OF_ONE = 10;

/** From so many on, what streams through is most of the garbage that there is. */
const MANY = 16;

/** The contents that this process is sending. */
export interface Streams {
  /**
   * One more, until `ended` is aborted; none where it is already.
   * @param most how many there may be.
   * @throws Overloaded
   */
  begin(uploadId: string, most: number, ended: AbortSignal): void;
}

/** @param onMany told when there come to be many, and when there are no longer. */
export function createStreams(onMany: (areMany: boolean) => void = () => undefined): Streams {
  const bySlot = new Map<string, number>();
  let open = 0;
  return {
    begin(uploadId, most, ended) {
      // It would not tell of it again, and the place would be taken for good.
      if (ended.aborted) return;
      const own = bySlot.get(uploadId) ?? 0;
      if (open >= most || own >= Math.ceil(most / SHARE_OF_ONE)) throw new Overloaded('streams');
      open += 1;
      if (open === MANY) onMany(true);
      bySlot.set(uploadId, own + 1);
      ended.addEventListener('abort', () => {
        if (open === MANY) onMany(false);
        open -= 1;
        const left = (bySlot.get(uploadId) ?? 1) - 1;
        if (left > 0) bySlot.set(uploadId, left);
        else bySlot.delete(uploadId);
      });
    },
  };
}
