import { endOfTurn } from '../../../end-of-turn.ts';

/** Does several items at once, each with an outcome of its own, in their order. Rejects when all fail for one reason. */
export type SendBatch<Item, Result> = (items: readonly Item[]) => Promise<PromiseSettledResult<Result>[]>;

/**
 * Single calls that leave together: those of one turn of the event loop, and those that come while a batch is under way.
 * @param most items in a batch.
 */
export function batched<Item, Result>(
  send: SendBatch<Item, Result>,
  most: number,
): (item: Item) => Promise<Result> {
  interface Waiting extends PromiseWithResolvers<Result> {
    readonly item: Item;
  }
  let waiting: Waiting[] = [];
  let isRunning = false;

  async function run(): Promise<void> {
    while (waiting.length > 0) {
      const now = waiting.slice(0, most);
      waiting = waiting.slice(most);
      try {
        settle(now, await send(now.map(({ item }) => item)));
      } catch (error) {
        // What made the whole request fail would make the next fail as well, each after a wait of its own.
        for (const { reject } of [...now, ...waiting.splice(0)]) reject(error);
      }
    }
    isRunning = false;
  }

  function settle(asked: readonly Waiting[], outcomes: readonly PromiseSettledResult<Result>[]): void {
    asked.forEach(({ resolve, reject }, at) => {
      const outcome = outcomes[at];
      if (outcome?.status === 'fulfilled') resolve(outcome.value);
      else reject(outcome?.reason);
    });
  }

  return (item) => {
    const call = { item, ...Promise.withResolvers<Result>() };
    waiting.push(call);
    if (!isRunning) {
      isRunning = true;
      void endOfTurn().then(run);
    }
    return call.promise;
  };
}
