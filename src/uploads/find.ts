import type { Principal } from '../access/principal.ts';
import { UploadDeleted, UploadNotFound } from '../errors.ts';
import type { Services } from './services.ts';
import type { Upload } from './upload.ts';

/** The caller's own tenant's slot; another tenant's does not exist (invariant 7), nor, for a grant, one that it did not make. */
export async function findUpload(services: Services, principal: Principal, id: string): Promise<Upload> {
  const upload = await services.store.uploads.get(principal.tenant, id);
  const isHidden = principal.grant !== undefined && upload?.principal !== principal.id;
  if (upload === undefined || isHidden) throw new UploadNotFound(`There is no upload ${id}.`);
  return upload;
}

/** The same, for all calls but DELETE: a deleted slot is gone for them from the moment DELETE was answered. */
export async function findLiveUpload(services: Services, principal: Principal, id: string): Promise<Upload> {
  const upload = await findUpload(services, principal, id);
  if (upload.state === 'deleting' || upload.state === 'deleted') {
    throw new UploadDeleted(`The upload ${id} has been deleted.`);
  }
  return upload;
}
