import type { TenantConfig } from '../config/config.ts';
import type { FieldError } from '../errors.ts';
import type { GrantLimits } from './grant.ts';
import { globAllowed } from './media-type.ts';
import { metadataSizeProblems } from './metadata.ts';
import { prefixMisfit } from './object-key.ts';

type Metadata = Readonly<Record<string, string>>;

/** The tenant's policy as far as the grant allows it: a slot must fit both. */
export function narrowed(policy: TenantConfig, grant: GrantLimits | undefined): TenantConfig {
  if (grant === undefined) return policy;
  const { maxSizeBytes, methods } = grant;
  return {
    ...policy,
    maxSizeBytes: Math.min(policy.maxSizeBytes, maxSizeBytes ?? Infinity),
    methods: policy.methods.filter((method) => methods?.includes(method) ?? true),
  };
}

/** What a slot by this grant has, whatever else was asked for. */
export function mergedMetadata(
  grant: Pick<GrantLimits, 'metadata'> | undefined,
  asked: Metadata | undefined,
): Metadata {
  return { ...asked, ...grant?.metadata };
}

/** What the grant's metadata has against those asked for. */
export function metadataRefusals(
  grant: Pick<GrantLimits, 'metadata'> | undefined,
  asked: Metadata = {},
): FieldError[] {
  if (grant === undefined) return [];
  const fixed = Object.entries(grant.metadata)
    .filter(([name, value]) => Object.hasOwn(asked, name) && asked[name] !== value)
    .map(([name]) => ({ path: `/metadata/${name}`, message: 'is fixed by the grant: leave it out' }));
  return [...fixed, ...metadataSizeProblems(mergedMetadata(grant, asked), ', with those of the grant')];
}

/** What a tenant's policy has against a grant: its limits may narrow the policy, never widen it. */
export function grantRefusals(policy: TenantConfig, tenant: string, limits: GrantLimits): FieldError[] {
  const { maxSizeBytes, contentTypes, methods, prefix, metadata } = limits;
  const misfit = prefix === null ? undefined : prefixMisfit(policy.objectKeyTemplate, tenant, prefix);
  return [
    ...(maxSizeBytes !== null && maxSizeBytes > policy.maxSizeBytes
      ? [{ path: '/maxSizeBytes', message: `must be at most ${policy.maxSizeBytes}` }]
      : []),
    ...refusedItems('/contentTypes', contentTypes, policy.contentTypes, (glob) =>
      globAllowed(policy.contentTypes, glob),
    ),
    ...refusedItems('/methods', methods, policy.methods, (method) => policy.methods.includes(method)),
    ...(misfit === undefined ? [] : [{ path: '/prefix', message: misfit }]),
    ...formRefusals(methods ?? policy.methods, metadata),
  ];
}

function formRefusals(methods: readonly string[], metadata: Metadata): FieldError[] {
  const isReplaced =
    methods.includes('POST') && Object.values(metadata).some((value) => value.includes('${filename}'));
  return isReplaced
    ? [{ path: '/metadata', message: 'must not hold ${filename}: S3 replaces it in forms' }]
    : [];
}

function refusedItems<T extends string>(
  path: string,
  items: readonly T[] | null,
  allowed: readonly string[],
  isAllowed: (item: T) => boolean,
): FieldError[] {
  return [...(items ?? []).entries()]
    .filter(([, item]) => !isAllowed(item))
    .map(([index]) => ({ path: `${path}/${index}`, message: `must be within ${allowed.join(', ')}` }));
}
