// Import direction (types count too). scripts/check-imports.ts runs these rules on src, and on a fixture that must break each of them.
const inner = '^src/(access/policy\\.ts$|uploads/|custody/(?!adapters/))';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'adapters-only-by-the-composition-root',
      comment:
        'Code speaks to ports; which adapter stands behind one is decided where the service is put together.',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: ['^src/(app|main|composition|index)\\.ts$', '^src/(cli|plugin)/', '^src/[^/]+/adapters/'],
      },
      to: { path: '^src/[^/]+/adapters/' },
    },
    {
      name: 'adapters-of-one-folder-only',
      comment: 'An adapter may use its siblings, never another port’s adapters.',
      severity: 'error',
      from: { path: '^src/([^/]+)/adapters/' },
      to: { path: '^src/[^/]+/adapters/', pathNot: '^src/$1/adapters/' },
    },
    {
      name: 'the-domain-knows-no-http',
      comment: 'Policy, slots and custody do not know that they are called over HTTP.',
      severity: 'error',
      from: { path: inner },
      to: { path: '^src/http/|^(fastify|@fastify/[^/]+)$|node_modules/(@fastify|fastify)/' },
    },
    {
      name: 'the-domain-knows-no-store-or-s3-adapter',
      comment: 'Nor do they know where slots are stored or which client reaches S3.',
      severity: 'error',
      from: { path: inner },
      to: { path: '^src/(store|s3)/adapters/|node_modules/@aws-sdk/|^(node:)?sqlite$' },
    },
    {
      name: 'http-is-outermost',
      comment: 'HTTP uses the domain; only what puts the service together uses HTTP.',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: '^src/(app\\.ts$|composition\\.ts$|index\\.ts$|cli/|http/|plugin/|service/)',
      },
      to: { path: '^src/http/' },
    },
    {
      name: 'the-page-knows-only-the-client',
      comment: 'All that the page imports is handed out to browsers.',
      severity: 'error',
      from: { path: '^src/page/' },
      to: { pathNot: '^src/(page|client/browser)/' },
    },
    {
      name: 'the-page-is-no-part-of-the-program',
      comment: 'Its modules run in browsers alone; the service reads them as files.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/page/' },
      to: { path: '^src/page/' },
    },
    {
      name: 'the-client-of-browsers-stands-alone',
      comment: 'What runs in a browser, or is shared with it, needs neither Node nor the service’s code.',
      severity: 'error',
      from: { path: '^src/client/([^/]+\\.ts$|browser/)' },
      to: { pathNot: '^src/client/([^/]+\\.ts$|browser/)' },
    },
    {
      name: 'no-circular',
      comment: 'Modules that import each other are one module; types alone may refer to each other.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-unresolvable',
      comment: 'An import that leads nowhere escapes the rules above.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
