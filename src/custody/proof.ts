import { CustomerKey } from './customer-key.ts';
import { KeyRefused } from './errors.ts';
import type { KeyPlace, KeyWrapper, WrappedKey } from './port.ts';

/** No tenant is called so: nothing that is wrapped here can stand for an object. */
const PLACE: KeyPlace = {
  purpose: 'object',
  tenant: '.proof',
  bucket: '.proof',
  objectKey: '.proof',
  slot: '.proof',
  generation: 1,
};

/** A record by field, so that a field added to `KeyPlace` does not compile until it is proven here. */
const ELSEWHERE: { readonly [F in keyof KeyPlace]: KeyPlace[F] } = {
  purpose: 'export',
  tenant: '.elsewhere',
  bucket: '.elsewhere',
  objectKey: '.elsewhere',
  slot: '.elsewhere',
  generation: 2,
};

/** Whether this is a place of a proof, also where one field of it was changed: no object, tenant or slot is called so. */
export function isProof({ tenant, slot }: KeyPlace): boolean {
  return tenant === PLACE.tenant || slot === PLACE.slot;
}

/**
 * A usable wrapper opens what it has just closed.
 * @throws OtherKey when it opens another key; what the wrapper itself throws.
 */
export async function proveRoundTrip(wrapper: KeyWrapper): Promise<void> {
  await wrapProven(wrapper);
}

/** As `proveRoundTrip`. @returns what was wrapped and opened: how this wrapper's keys look. */
export async function wrapProven(wrapper: KeyWrapper): Promise<WrappedKey> {
  const key = CustomerKey.generate();
  const wrapped = await wrapper.wrap(key, PLACE);
  const opened = await wrapper.unwrap(wrapped, PLACE);
  if (!opened.equals(key)) throw new OtherKey('The wrapper opened another key than it closed.');
  return wrapped;
}

export class OtherKey extends Error {}

/**
 * Invariant 6, asked of the wrapper itself: a key of one place must be refused in every place that differs in one field.
 * @returns the fields whose change went unnoticed.
 * @throws what the wrapper itself throws, except `KeyRefused`.
 */
export async function unboundFields(wrapper: KeyWrapper): Promise<(keyof KeyPlace)[]> {
  const wrapped = await wrapper.wrap(CustomerKey.generate(), PLACE);
  const unbound: (keyof KeyPlace)[] = [];
  for (const field of Object.keys(ELSEWHERE) as (keyof KeyPlace)[]) {
    const opens = await wrapper.unwrap(wrapped, { ...PLACE, [field]: ELSEWHERE[field] }).then(
      () => true,
      (error: unknown) => {
        if (error instanceof KeyRefused) return false;
        throw error;
      },
    );
    if (opens) unbound.push(field);
  }
  return unbound;
}
