import type { Store } from '../../port.ts';
import { memoryRateLimits } from '../memory-rate-limits.ts';
import { sqliteApiKeys } from './api-keys.ts';
import type { Connection } from './connection.ts';
import { sqliteCustody } from './custody.ts';
import { sqliteGrants } from './grants.ts';
import { sqliteIntermediates } from './intermediates.ts';
import { sqliteKeys } from './keys.ts';
import { sqliteLeases } from './leases.ts';
import { sqliteOutbox } from './outbox.ts';
import { sqliteUploads } from './uploads.ts';

/** The port over an open connection, which it closes at its end. */
export function storeOver(connection: Connection, lock: Disposable | undefined): Store {
  const probe = connection.prepare('SELECT id FROM uploads LIMIT 1');
  return {
    uploads: sqliteUploads(connection),
    keys: sqliteKeys(connection),
    intermediates: sqliteIntermediates(connection),
    custody: sqliteCustody(connection),
    outbox: sqliteOutbox(connection),
    grants: sqliteGrants(connection),
    apiKeys: sqliteApiKeys(connection),
    leases: sqliteLeases(connection),
    rateLimits: memoryRateLimits(),
    check: () =>
      connection.write(() => {
        probe.get();
      }),
    async close() {
      connection.close();
      lock?.[Symbol.dispose]();
    },
  };
}
