import type { IntermediateKey } from '../../custody/intermediate.ts';
import type { IntermediateStore, StoredIntermediate } from '../../store/port.ts';

/** Intermediate keys that would be recovered, in memory before those of the store: what they wrap opens, and nothing is written. */
export function rehearsedIntermediates(store: IntermediateStore): IntermediateStore {
  const rehearsed = new Map<string, StoredIntermediate>();
  return {
    ...store,
    get: async (id) => rehearsed.get(id) ?? store.get(id),
    insert: async (key: IntermediateKey) => {
      rehearsed.set(key.id, { ...key, copy: null });
      return true;
    },
  };
}
