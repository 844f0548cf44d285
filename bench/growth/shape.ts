import { createHash } from 'node:crypto';

/** Of the store's slots: all but a tenth are of this tenant. */
export const TENANT = 'acme';
/** What has wrapped their keys. */
export const INTERMEDIATE_ID = '01980000-0000-7000-8000-000000000001';
/** Who has made a third of them, and all that are open. */
export const PRINCIPAL = 'key:partner';

/** The Idempotency-Key that a slot of the last day was made with. */
export const recordKey = (uploadId: string): string => createHash('md5').update(`k${uploadId}`).digest('hex');
