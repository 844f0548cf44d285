import { openHierarchy } from '../../../src/composition.ts';
import { rehearsedIntermediates } from '../../../src/uploads/recover/dry-run.ts';
import type { Services } from '../../../src/uploads/services.ts';

/** As the command line does it for `--dry-run`. */
export function rehearse(services: Services): Services {
  const { config, keks, targets, now } = services;
  const store = { ...services.store, intermediates: rehearsedIntermediates(services.store.intermediates) };
  return { ...services, store, wrapper: openHierarchy(config, { keks, store, now, targets: () => targets }) };
}
