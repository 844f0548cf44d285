import type { TenantConfig } from '../../../src/config/config.ts';

export function tenantConfig(changes: Partial<TenantConfig> = {}): TenantConfig {
  return {
    target: 'main',
    bucket: 'bucket',
    objectKeyTemplate: '{tenant}/{id}/{filename}',
    maxSizeBytes: 1_000,
    contentTypes: ['image/*', 'application/json'],
    urlSeconds: { min: 60, default: 300, max: 900 },
    slotSeconds: 3_600,
    requireSha256: false,
    methods: ['PUT', 'multipart'],
    verify: 'head',
    rejected: 'keep',
    limits: {},
    webhooks: {},
    ...changes,
  };
}
