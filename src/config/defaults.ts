/** What the document may leave out. `sealslot.example.yaml` repeats these as comments. */
export const DEFAULTS = {
  listen: { host: '127.0.0.1', port: 8080 },
  admin: { host: '127.0.0.1', port: 9464 },
  log: { level: 'info' },
  kms: { fips: false },
  vault: { mount: 'transit', approleMount: 'approle', kubernetesMount: 'kubernetes' },
  serviceAccountToken: '/var/run/secrets/kubernetes.io/serviceaccount/token',
  hierarchy: { period: 'day', maxAgeSeconds: 300, maxUses: 1_000_000 },
  issuer: { types: ['jwt', 'at+jwt'], scopesClaim: 'scope' },
  tenant: {
    objectKeyTemplate: '{tenant}/{yyyy}/{mm}/{id}/{filename}',
    maxSizeBytes: 5_000_000_000,
    contentTypes: ['*'],
    urlSeconds: { min: 60, default: 900, max: 3600 },
    slotSeconds: 86_400,
    requireSha256: false,
  },
  retention: { keySeconds: 2_592_000, deleteMarginSeconds: 86_400 },
  jobs: { intervalSeconds: 10 },
} as const;
