import { NotYourSlot, StateConflict } from '../errors.ts';
import type { Principal } from '../access/principal.ts';
import { customerKeyOf } from './customer-key-of.ts';
import { putRequest, type PutRequest } from './put-request.ts';
import { tagsOf } from './recovery.ts';
import { targetOf, tenantOf, type Services } from './services.ts';
import { stateAt, type Upload } from './upload.ts';

/** A fresh request for an `issued` slot of the caller: same object, same customer key, new URL. */
export async function requestAgain(
  services: Services,
  principal: Principal,
  upload: Upload,
): Promise<{ upload: Upload; request: PutRequest }> {
  if (upload.principal !== principal.id) {
    throw new NotYourSlot('Only the principal that made this upload is given its key.');
  }
  const state = stateAt(upload, services.now());
  if (state !== 'issued') {
    throw new StateConflict(`The upload is ${state}; a request is given only while it is issued.`, {
      extra: { state },
    });
  }
  return reissue(services, upload);
}

/** Commits the new URL's end before there is a URL; a slot that changed state meanwhile gives none. */
export async function reissue(
  services: Services,
  upload: Upload,
): Promise<{ upload: Upload; request: PutRequest }> {
  const { store, observer } = services;
  // The policy may have become stricter since the slot was made.
  const seconds = Math.min(upload.expiresInSeconds, tenantOf(services, upload.tenant).urlSeconds.max);
  const window = await targetOf(services, upload.target).presigner.open(seconds, services.now());
  const key = await customerKeyOf(services, upload);
  const tags = await tagsOf(services, upload);
  const committed = await observer.timed('commit', () =>
    store.uploads.update(upload.id, ['issued'], { urlEndsAt: window.endsAt }),
  );
  if (committed === undefined) {
    throw new StateConflict(
      'The upload changed while a request was made for it; get it again to see its state.',
    );
  }
  return {
    upload: committed,
    request: await observer.timed('sign', () => putRequest(window, committed, key, tags)),
  };
}
