import { StillCompleting } from '../errors.ts';

/** Work on slots that may outlast a request: S3 puts a large object together, or a whole object is read. */
export interface LongSteps {
  /**
   * In this process of one slot at a time; whoever asks meanwhile gets what the one under way gets.
   * @throws StillCompleting when it has not ended after `waitMs`; the work goes on.
   */
  run<T>(slot: string, waitMs: number, work: () => Promise<T>): Promise<T>;
}

export function createLongSteps(): LongSteps {
  const underWay = new Map<string, Promise<unknown>>();
  return {
    async run<T>(slot: string, waitMs: number, work: () => Promise<T>): Promise<T> {
      let step = underWay.get(slot) as Promise<T> | undefined;
      if (step === undefined) {
        step = work().finally(() => underWay.delete(slot));
        // Nobody may be waiting any more when it fails.
        step.catch(() => undefined);
        underWay.set(slot, step);
      }
      let timer: NodeJS.Timeout | undefined;
      const patience = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => reject(new StillCompleting()), waitMs);
      });
      try {
        return await Promise.race([step, patience]);
      } finally {
        clearTimeout(timer);
      }
    },
  };
}
