import { KeyRefused } from '../../errors.ts';
import { CustomerKey } from '../../customer-key.ts';
import type { KeyWrapper } from '../../port.ts';
import { OtherKey, proveRoundTrip, unboundFields } from '../../proof.ts';
import { assertFit, NO_PLACE } from './transit.ts';
import type { Transit } from './transit.ts';

/**
 * That this key may wrap: by what Vault says of it where the policy allows to ask, and by what it does. Makes nothing in Vault.
 * @param wrapper uses the key without asking for this proof.
 * @throws KeyRefused `kek_not_found`, `kek_unfit`, `kek_disabled`, `access_denied`; DependencyUnavailable.
 */
export async function proveFitness(wrapper: KeyWrapper, transit: Transit): Promise<void> {
  await transit.proveExistence();
  const facts = await transit.describe();
  if (facts !== undefined) assertFit(facts, transit.where);
  await proveRoundTrip(wrapper).catch((error: unknown) => {
    throw error instanceof OtherKey ? unfit(transit, 'it opens another key than it closed') : error;
  });
  const unbound = await unboundFields(wrapper);
  if (unbound.length > 0)
    throw unfit(transit, `it is not \`derived\`: it opens keys of another ${unbound.join(', ')}`);
  if (await isConvergent(transit))
    throw unfit(transit, 'it has `convergent_encryption`: equal keys look equal');
}

async function isConvergent(transit: Transit): Promise<boolean> {
  const item = { plaintext: CustomerKey.generate().bytes().toString('base64'), context: NO_PLACE };
  const [one, other] = await Promise.all([transit.encrypt(item), transit.encrypt(item)]);
  return one === other;
}

function unfit({ where }: Transit, why: string): KeyRefused {
  return new KeyRefused(`${where}: The transit key is of no use here: ${why}.`, { refusal: 'kek_unfit' });
}
