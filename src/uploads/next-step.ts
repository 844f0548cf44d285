import { purge } from './purge.ts';
import { reconcile } from './reconcile.ts';
import { discard, sweep } from './remove.ts';
import type { Services } from './services.ts';
import type { Upload } from './upload.ts';

/** Takes a slot that is due one step on. Re-keys are not among these: they take as long as their objects are large. */
export async function takeNextStep(services: Services, upload: Upload): Promise<void> {
  const { state, forgottenAt, deletedAt } = upload;
  switch (state) {
    case 'issued':
      return reconcile(services, upload);
    case 'expired':
      return forgottenAt === null ? reconcile(services, upload) : purge(services, upload, forgottenAt);
    case 'rejected':
      return forgottenAt === null ? discard(services, upload) : purge(services, upload, forgottenAt);
    case 'deleting':
      return sweep(services, upload);
    case 'deleted':
      return purge(services, upload, deletedAt ?? upload.createdAt);
    case 'uploaded':
      return undefined;
  }
}
