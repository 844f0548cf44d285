import { fork } from 'node:child_process';
import type { Order, Outcome, Reply } from './generator.ts';

/** A load in a process of its own. */
export interface Load extends Disposable {
  /** One at a time. @throws at the first answer that is not as expected. */
  run(order: Order): Promise<Outcome>;
}

export function startLoad(): Load {
  const child = fork(new URL('generator.ts', import.meta.url));
  let waiting: PromiseWithResolvers<Outcome> | undefined;
  child.on('message', (reply: Reply) => {
    if ('failure' in reply) waiting?.reject(new Error(reply.failure));
    else waiting?.resolve(reply.outcome);
  });
  child.on('exit', () => waiting?.reject(new Error('the load has ended')));
  return {
    run(order) {
      waiting = Promise.withResolvers();
      child.send(order);
      return waiting.promise;
    },
    [Symbol.dispose]() {
      if (child.connected) child.disconnect();
    },
  };
}
