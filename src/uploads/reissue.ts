import { NotYourSlot, StateConflict } from '../errors.ts';
import type { Principal } from '../access/principal.ts';
import { customerKeyOf } from './customer-key-of.ts';
import { tagsOf } from './recovery.ts';
import { multipartRequest, signedRequest, type UploadRequest } from './request.ts';
import { targetOf, tenantOf, type Services } from './services.ts';
import { mapSeveral } from './several.ts';
import { stateAt, type Upload } from './upload.ts';

export interface Reissued {
  readonly upload: Upload;
  readonly request: UploadRequest;
}

/** A fresh request for an `issued` slot of the caller: same object, same customer key, new URL. */
export async function requestAgain(
  services: Services,
  principal: Principal,
  upload: Upload,
): Promise<Reissued> {
  requireIssued(services, principal, upload);
  const reissued = (await reissue(services, [upload])).get(upload.id);
  if (reissued === undefined) throw changedMeanwhile();
  return reissued;
}

/** @throws NotYourSlot, StateConflict unless the slot is the caller's and `issued`: only then is its key handed out. */
export function requireIssued(services: Services, principal: Principal, upload: Upload): void {
  if (upload.principal !== principal.id) {
    throw new NotYourSlot('Only the principal that made this upload is given its key.');
  }
  const state = stateAt(upload, services.now());
  if (state !== 'issued') {
    throw new StateConflict(`The upload is ${state}; a request is given only while it is issued.`, {
      extra: { state },
    });
  }
}

export function changedMeanwhile(): StateConflict {
  return new StateConflict(
    'The upload changed while a request was made for it; get it again to see its state.',
  );
}

/** The policy may have become stricter since the slot was made. */
export function urlLifeOf(services: Services, upload: Upload): number {
  return Math.min(upload.expiresInSeconds, tenantOf(services, upload.tenant).urlSeconds.max);
}

/**
 * Commits the new URLs' ends before there is a URL.
 * @returns by slot id, without those that are `issued` no more.
 */
export async function reissue(
  services: Services,
  uploads: readonly Upload[],
): Promise<ReadonlyMap<string, Reissued>> {
  const { store, observer, now } = services;
  const reissued = new Map<string, Reissued>();
  for (const upload of uploads.filter(({ method }) => method === 'multipart')) {
    reissued.set(upload.id, { upload, request: multipartRequest(upload) });
  }
  const sent = uploads.filter(({ method }) => method !== 'multipart');
  const groups = Map.groupBy(sent, (upload) => `${urlLifeOf(services, upload)} ${upload.target}`);
  for (const group of groups.values()) {
    const [first] = group;
    if (first === undefined) continue;
    const { uploadPresigner } = targetOf(services, first.target);
    const window = await uploadPresigner.open(urlLifeOf(services, first), now());
    const opened = await mapSeveral(group, async (upload) => ({
      key: await customerKeyOf(services, upload),
      tags: await tagsOf(services, upload),
    }));
    const ids = group.map(({ id }) => id);
    const committed = await observer.timed('commit', () => store.uploads.extend(ids, window.endsAt));
    const signed = await observer.timed('sign', async () =>
      committed.map((upload) => {
        const own = opened[ids.indexOf(upload.id)];
        if (own === undefined) throw new Error('the store extended a slot that was not asked for');
        return { upload, request: signedRequest(window, upload, own.key, own.tags) };
      }),
    );
    for (const one of signed) reissued.set(one.upload.id, one);
  }
  return reissued;
}
