import { postgresStore, startPostgres } from '../../test/support/postgres.ts';
import { startService, type Service } from '../../test/support/service.ts';

export interface World extends AsyncDisposable {
  readonly service: Service;
}

/** Its defaults are for the smallest of machines. */
export const POSTGRES_SETTINGS = ["shared_buffers = '512MB'", "max_wal_size = '4GB'"];

/** A service with a store of its own, both gone afterwards. */
export async function startStore(kind: string): Promise<World> {
  if (kind === 'sqlite') {
    const service = await startService();
    return { service, [Symbol.asyncDispose]: () => service[Symbol.asyncDispose]() };
  }
  if (kind !== 'postgres') throw new Error(`--store ${kind}: must be sqlite or postgres`);
  const postgres = await startPostgres({ settings: POSTGRES_SETTINGS });
  try {
    const service = await startService({ store: postgresStore(await postgres.createDatabase(), postgres) });
    return {
      service,
      async [Symbol.asyncDispose]() {
        await service[Symbol.asyncDispose]();
        await postgres.stop();
      },
    };
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}
