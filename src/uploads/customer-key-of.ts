import type { CustomerKey } from '../custody/customer-key.ts';
import { KeyNotMine, KeyRefused } from '../custody/errors.ts';
import { KeyUnusable } from '../errors.ts';
import { placeOf, type Services } from './services.ts';
import type { Upload } from './upload.ts';

/**
 * A slot's customer key, unwrapped in its place.
 * @throws KeyUnusable when it never will be here: an operator must bring a KEK back, or look at who changed the row.
 */
export async function customerKeyOf(services: Services, upload: Upload): Promise<CustomerKey> {
  const current = await services.store.keys.get(upload.id, upload.generation);
  if (current === undefined) throw new KeyUnusable('The key of this upload has been destroyed.');
  try {
    return await services.observer.timed('unwrap', () =>
      services.wrapper.unwrap(current.wrapped, placeOf(upload, current.generation)),
    );
  } catch (error) {
    if (!(error instanceof KeyNotMine || error instanceof KeyRefused)) throw error;
    throw new KeyUnusable('The key of this upload cannot be opened here.', { cause: error });
  }
}
