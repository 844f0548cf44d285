import type { CustomerKey } from '../custody/customer-key.ts';
import { KeyNotMine, KeyRefused } from '../custody/errors.ts';
import type { WrappedKey } from '../custody/port.ts';
import { KeyUnusable, StateConflict } from '../errors.ts';
import { placeOf, type Services } from './services.ts';
import type { Upload } from './upload.ts';

/**
 * A slot's customer key, unwrapped in its place.
 * @throws KeyUnusable when it never will be here: an operator must bring a KEK back, or look at who changed the row.
 */
export async function customerKeyOf(services: Services, upload: Upload): Promise<CustomerKey> {
  const current = await services.store.keys.get(upload.id, upload.generation);
  if (current === undefined) throw await whyGone(services, upload);
  try {
    return await services.observer.timed('unwrap', () =>
      services.wrapper.unwrap(current.wrapped, placeOf(upload, current.generation)),
    );
  } catch (error) {
    throw forOperators(error, 'The key of this upload cannot be opened here.');
  }
}

async function whyGone({ store }: Services, upload: Upload): Promise<Error> {
  const now = await store.uploads.get(upload.tenant, upload.id);
  if (now !== undefined && now.generation !== upload.generation)
    return new StateConflict('The object was re-keyed meanwhile; send the request again.');
  // Nobody has to act when a DELETE, or the end of the retention, came between.
  if (now === undefined || now.state !== upload.state || now.forgottenAt !== upload.forgottenAt)
    return new StateConflict('The upload ended meanwhile; get it again to see its state.');
  return new KeyUnusable('The key of this upload has been destroyed.');
}

/**
 * A customer key, wrapped in the place of one generation of a slot's key.
 * @throws KeyUnusable when the KEK's keeper refuses: an operator must act.
 */
export async function wrapFor(
  services: Services,
  key: CustomerKey,
  upload: Upload,
  generation: number,
): Promise<WrappedKey> {
  try {
    return await services.observer.timed('wrap', () =>
      services.wrapper.wrap(key, placeOf(upload, generation)),
    );
  } catch (error) {
    throw forOperators(error, 'The KEK refuses to wrap new keys.');
  }
}

/** What a caller is told of a refusal; the reason is the cause, for the log. */
function forOperators(error: unknown, detail: string): unknown {
  if (!(error instanceof KeyNotMine || error instanceof KeyRefused)) return error;
  return new KeyUnusable(detail, { cause: error });
}
