import { judgeUpload } from '../access/policy.ts';
import type { GrantLimits } from '../access/grant.ts';
import type { Principal } from '../access/principal.ts';
import type { TenantConfig } from '../config/config.ts';
import { BatchRefused } from '../errors.ts';
import { issue, type Issued, type UploadAsk } from './issue.ts';
import type { Services } from './services.ts';

/**
 * Many slots by one commit, in the order asked for.
 * @throws BatchRefused naming each item that the policy has something against; nothing was stored.
 */
export async function issueBatch(
  services: Services,
  principal: Principal,
  asks: readonly UploadAsk[],
  idempotencyKey: string | undefined,
): Promise<Issued> {
  return issue(services, principal, {
    body: { uploads: asks },
    idempotencyKey,
    place: '/uploads',
    authorise: (policy) => authoriseAll(policy, asks, principal.grant),
  });
}

function authoriseAll(policy: TenantConfig, asks: readonly UploadAsk[], grant: GrantLimits | undefined) {
  const judged = asks.map((ask) => ({ ask, ...judgeUpload(policy, ask, grant) }));
  const errors = judged.flatMap(({ invalid, refused }, index) =>
    [...invalid, ...refused].map(({ path, message }) => ({ path: `/uploads/${index}${path}`, message })),
  );
  if (errors.length > 0) throw new BatchRefused(errors);
  return judged.map(({ ask, granted }) => ({ ask, ...granted }));
}
