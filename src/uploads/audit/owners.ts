import type { Upload } from '../upload.ts';
import type { AuditContext } from './context.ts';
import type { SlotKeys } from './finding.ts';
import { slotIdsOf } from '../slot-ids.ts';

/** The slot of an object, or `elsewhere`: a slot with living keys whose tenant is not in the configuration. */
export type Owner = SlotKeys | 'elsewhere' | undefined;

export type FindOwner = (bucket: string, objectKey: string) => Promise<Owner>;

/** Looks for the slots of listed objects, in all tenants: a bucket may be shared, and a tenant may have moved to another. */
export function ownersIn({ services }: Pick<AuditContext, 'services'>): FindOwner {
  const { uploads, keys } = services.store;
  const tenants = Object.keys(services.config.tenants);
  // Listings go by name, and most names begin with the tenant's.
  let latest = tenants[0];

  async function slotOf(id: string): Promise<Upload | undefined> {
    const first = latest;
    for (const tenant of first === undefined ? [] : [first, ...tenants]) {
      const upload = await uploads.get(tenant, id);
      if (upload === undefined) continue;
      latest = tenant;
      return upload;
    }
    return undefined;
  }

  return async function find(bucket, objectKey) {
    let elsewhere = false;
    for (const id of slotIdsOf(bucket, objectKey)) {
      const upload = await slotOf(id);
      if (upload === undefined) elsewhere ||= (await keys.all(id)).length > 0;
      else if (upload.bucket === bucket && upload.objectKey === objectKey) {
        return { upload, keys: await keys.all(id) };
      }
    }
    return elsewhere ? 'elsewhere' : undefined;
  };
}
