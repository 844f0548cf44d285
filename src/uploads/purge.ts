import { endedAt, type Services } from './services.ts';
import { dueAt } from './lease.ts';
import type { Upload } from './upload.ts';

/** A slot whose key is destroyed leaves the store after its retention. */
export async function purge(services: Services, upload: Upload, at: number): Promise<void> {
  const nextCheckAt = endedAt(services, at);
  if (services.now() < nextCheckAt) {
    await dueAt(services, upload, nextCheckAt);
  } else if (await services.store.uploads.purge(upload.id)) {
    services.observer.slot('purged', upload);
  }
}
