/** Preloaded by the negative control of `fsync.test.ts`: a service that commits without syncing. */
import { DatabaseSync } from 'node:sqlite';

// eslint-disable-next-line @typescript-eslint/unbound-method -- called with its `this` below
const { exec } = DatabaseSync.prototype;

DatabaseSync.prototype.exec = function (this: DatabaseSync, sql: string) {
  exec.call(this, sql.replace(/synchronous\s*=\s*(FULL|EXTRA)/i, 'synchronous = NORMAL'));
};
