import type { Store } from '../../../port.ts';
import type { Connection } from '../connection.ts';
import { storeOver } from '../store-over.ts';
import { carried, carriedInsert, WRITES, type WritingPort } from './calls.ts';
import { WriterThread } from './thread.ts';

/**
 * The port of the process that serves: it reads here, by `connection`, and writes in a thread that has a connection of its own and runs the
 * same adapters.
 * @param path the store's real path.
 */
export function writtenElsewhere(path: string, connection: Connection, lock: Disposable): Store {
  const reads = storeOver(connection, lock);
  connection.exec('PRAGMA query_only = ON');
  const thread = new WriterThread(path);
  thread.begin();

  function split<Port extends WritingPort>(port: Port): Store[Port] {
    const writes = WRITES[port].map((method) => [
      method,
      (...args: unknown[]) => thread.call({ port, method, args: args.map(carried) }),
    ]);
    return { ...reads[port], ...(Object.fromEntries(writes) as Store[Port]) };
  }

  return {
    uploads: {
      ...split('uploads'),
      insert: (...args) =>
        thread.call(
          { port: 'uploads', method: 'insert', args: carriedInsert(...args) },
          args[0].length,
        ) as ReturnType<Store['uploads']['insert']>,
    },
    keys: split('keys'),
    intermediates: split('intermediates'),
    custody: split('custody'),
    outbox: split('outbox'),
    grants: split('grants'),
    apiKeys: split('apiKeys'),
    leases: split('leases'),
    rateLimits: reads.rateLimits,
    async check() {
      await thread.call({ port: undefined, method: 'check', args: [] });
      await reads.uploads.get('', '');
    },
    async close() {
      await thread.close();
      await reads.close();
    },
  };
}
