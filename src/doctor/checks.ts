import { BUCKET_CHECKS } from './bucket/bucket.ts';
import { CONFORMANCE_CHECKS } from './conformance.ts';
import { CORS_CHECKS } from './network/cors.ts';
import { CREDENTIALS_CHECKS } from './network/credentials.ts';
import { CUSTODY_CHECKS } from './local/custody.ts';
import { EXAMINE_CHECKS } from './examine.ts';
import { FILES_CHECKS } from './local/files.ts';
import type { CheckText } from './finding.ts';
import { KEKS_CHECKS } from './local/keks.ts';
import { LEFTOVERS_CHECKS } from './bucket/leftovers.ts';
import { NETWORK_CHECKS } from './network/network.ts';
import { RECOVERY_CHECKS } from './bucket/recovery.ts';
import { RIGHTS_CHECKS } from './bucket/rights.ts';
import { STORE_CHECKS } from './local/store.ts';
import { TARGET_CHECKS } from './target.ts';

/** Every check, in the order of the examination. */
export const CHECKS: Readonly<Record<string, CheckText>> = {
  ...EXAMINE_CHECKS,
  ...FILES_CHECKS,
  ...STORE_CHECKS,
  ...CUSTODY_CHECKS,
  ...KEKS_CHECKS,
  ...NETWORK_CHECKS,
  ...CREDENTIALS_CHECKS,
  ...TARGET_CHECKS,
  ...BUCKET_CHECKS,
  ...RIGHTS_CHECKS,
  ...LEFTOVERS_CHECKS,
  ...CORS_CHECKS,
  ...CONFORMANCE_CHECKS,
  ...RECOVERY_CHECKS,
};
