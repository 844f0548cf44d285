import type { PostgresConfig } from '../../../config/config.ts';
import type { PostgresStoreOptions } from './options.ts';

/** Of every process that serves; what follows tells one from another. A `LIKE` pattern finds them. */
const SERVING = 'sealslot serve ';
export const SERVING_PATTERN = `${SERVING}%`;

const IDLE_MS = 60_000;

/** What the adapter takes of a configuration. @param name of the process, such as its host and id; without one it does not serve. */
export function optionsOf(store: PostgresConfig, name: string | undefined): PostgresStoreOptions {
  const [first, ...others] = store.hosts;
  if (first === undefined) throw new Error('the checks let a store without a host through');
  const { database, user, password, passwordFile, tls, pool, timeouts } = store;
  return {
    ...first,
    others,
    ...{ database, user, password, passwordFile },
    tls: tls && { ca: tls.ca, client: tls.client },
    connections: pool.max,
    timeouts: {
      connectMs: timeouts.connectMilliseconds,
      statementMs: timeouts.statementMilliseconds,
      lockMs: timeouts.lockMilliseconds,
      wholeMs: timeouts.callMilliseconds,
      idleMs: IDLE_MS,
    },
    applicationName: name === undefined ? 'sealslot' : `${SERVING}${name}`,
  };
}

/** For people: `the database "sealslot" at db1.example.com:5432 or db2.example.com:5432`. */
export function placeOf({ database, hosts }: PostgresConfig): string {
  return `the database "${database}" at ${hosts.map(hostText).join(' or ')}`;
}

export function hostText({ host, port }: PostgresConfig['hosts'][number]): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
