import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { GrantLimits } from '../../../src/access/grant.ts';
import { grantRefusals, mergedMetadata } from '../../../src/access/grant-limits.ts';
import { judgeUpload, type UploadAsk } from '../../../src/access/policy.ts';
import type { TenantConfig } from '../../../src/config/config.ts';
import { tenantConfig } from './tenant.ts';

const NONE: GrantLimits = {
  maxSizeBytes: null,
  contentTypes: null,
  methods: null,
  prefix: null,
  metadata: {},
};
const limits = (changes: Partial<GrantLimits>): GrantLimits => ({ ...NONE, ...changes });
const good: UploadAsk = { contentType: 'image/png', size: 1_000 };
const pathsOf = (errors: readonly { path: string }[]) => errors.map(({ path }) => path);
const judged = (
  ask: Partial<UploadAsk>,
  grant: GrantLimits | undefined,
  policy: Partial<TenantConfig> = {},
) => judgeUpload(tenantConfig(policy), { ...good, ...ask }, grant).refused;

describe('a slot by a grant must fit the tenant’s policy and the grant', () => {
  const cases: readonly (readonly [
    what: string,
    ask: Partial<UploadAsk>,
    grant: Partial<GrantLimits>,
    refused: readonly string[],
  ])[] = [
    ['within a size', { size: 500 }, { maxSizeBytes: 500 }, []],
    ['over the grant’s size', { size: 501 }, { maxSizeBytes: 500 }, ['/size']],
    ['over the tenant’s size', { size: 1_001 }, { maxSizeBytes: 5_000 }, ['/size']],
    ['a type of the grant', {}, { contentTypes: ['image/png'] }, []],
    ['a type of the tenant’s only', {}, { contentTypes: ['image/gif'] }, ['/contentType']],
    ['a type of the grant’s only', { contentType: 'text/html' }, { contentTypes: ['*'] }, ['/contentType']],
    [
      'text that is no type',
      { contentType: 'image/png;,text/html' },
      { contentTypes: ['image/*'] },
      ['/contentType'],
    ],
    ['a method of the grant', { method: 'multipart' }, { methods: ['multipart'] }, []],
    ['the usual method where the grant has another', {}, { methods: ['multipart'] }, ['/method']],
    ['a method of the grant’s only', { method: 'POST' }, { methods: ['POST', 'PUT'] }, ['/method']],
    ['metadata of its own', { metadata: { a: '1' } }, { metadata: { b: '2' } }, []],
    ['the grant’s metadata again', { metadata: { b: '2' } }, { metadata: { b: '2' } }, []],
    [
      'another value under its name',
      { metadata: { a: '1', b: '3' } },
      { metadata: { b: '2' } },
      ['/metadata/b'],
    ],
    ['a name that every object has', { metadata: { constructor: 'x' } }, { metadata: {} }, []],
    ['that name with the grant’s', { metadata: { a: '1' } }, { metadata: { constructor: 'x' } }, []],
    [
      'metadata that is too much together',
      { metadata: { a: 'x'.repeat(1_023) } },
      { metadata: { b: 'y'.repeat(1_024) } },
      ['/metadata'],
    ],
    [
      'metadata that just fits together',
      { metadata: { a: 'x'.repeat(1_023) } },
      { metadata: { b: 'y'.repeat(1_023) } },
      [],
    ],
    [
      'everything wrong at once',
      { size: 9, contentType: 'image/gif', method: 'multipart', metadata: { b: '3' } },
      { maxSizeBytes: 8, contentTypes: ['image/png'], methods: ['PUT'], metadata: { b: '2' } },
      ['/size', '/contentType', '/method', '/metadata/b'],
    ],
  ];
  for (const [what, ask, grant, refused] of cases)
    it(what, () => assert.deepEqual(pathsOf(judged(ask, limits(grant))), refused));

  it('names the narrower limit of the two', () => {
    const [size] = judged({ size: 2_000 }, limits({ maxSizeBytes: 500 }));
    assert.match(size!.message, /at most 500 bytes/);
    const [type] = judged({ contentType: 'text/html' }, limits({ contentTypes: ['image/png'] }));
    assert.match(type!.message, /one of image\/png$/);
    const [method] = judged({ method: 'POST' }, limits({ methods: ['PUT'] }));
    assert.match(method!.message, /one of PUT$/);
    const [none] = judged({}, limits({ methods: ['POST'] }));
    assert.match(none!.message, /one of none$/);
  });

  it('never tells what the grant’s metadata is', () => {
    const [refusal] = judged({ metadata: { b: '3' } }, limits({ metadata: { b: 'hush' } }));
    assert.doesNotMatch(refusal!.message, /hush/);
  });

  it('merges metadata, the grant’s on top', () => {
    assert.deepEqual(mergedMetadata(undefined, undefined), {});
    assert.deepEqual(mergedMetadata(limits({ metadata: { b: '2' } }), { a: '1', b: '3' }), {
      a: '1',
      b: '2',
    });
  });
});

describe('a grant may narrow the policy, never widen it', () => {
  const refusals = (changes: Partial<GrantLimits>, policy: Partial<TenantConfig> = {}) =>
    pathsOf(grantRefusals(tenantConfig(policy), 'acme', limits(changes)));
  const template = '{tenant}/{prefix}/{id}/{filename}';

  for (const [what, changes, policy, refused] of [
    ['no limits', {}, {}, []],
    ['as much as the policy', { maxSizeBytes: 1_000 }, {}, []],
    ['more than the policy', { maxSizeBytes: 1_001 }, {}, ['/maxSizeBytes']],
    ['types within', { contentTypes: ['image/*', 'image/png', 'application/json'] }, {}, []],
    [
      'types beside',
      { contentTypes: ['image/png', 'text/html', 'application/*'] },
      {},
      ['/contentTypes/1', '/contentTypes/2'],
    ],
    ['any type', { contentTypes: ['*'] }, {}, ['/contentTypes/0']],
    ['any type where any is allowed', { contentTypes: ['*', 'text/*'] }, { contentTypes: ['*'] }, []],
    [
      'a glob where one type is allowed',
      { contentTypes: ['image/*'] },
      { contentTypes: ['image/png'] },
      ['/contentTypes/0'],
    ],
    ['methods within', { methods: ['PUT'] }, {}, []],
    ['methods beside', { methods: ['PUT', 'POST'] }, {}, ['/methods/1']],
    ['a prefix with a place', { prefix: 'a/b' }, { objectKeyTemplate: template }, []],
    ['a prefix without one', { prefix: 'a/b' }, {}, ['/prefix']],
    [
      'a prefix too long for the rest',
      { prefix: 'p'.repeat(256) },
      { objectKeyTemplate: `${'x'.repeat(724)}/${template}` },
      ['/prefix'],
    ],
    ['what forms replace', { metadata: { a: '${filename}' } }, { methods: ['PUT', 'POST'] }, ['/metadata']],
    [
      'the same without forms',
      { metadata: { a: '${filename}' }, methods: ['PUT'] },
      { methods: ['PUT', 'POST'] },
      [],
    ],
    [
      'all at once',
      { maxSizeBytes: 2_000, contentTypes: ['*'], methods: ['POST'], prefix: 'a' },
      {},
      ['/maxSizeBytes', '/contentTypes/0', '/methods/0', '/prefix'],
    ],
  ] as const)
    it(what, () => assert.deepEqual(refusals(changes, policy), refused));

  it('so that whatever fits a grant fits the policy by itself', () => {
    const types = ['*', 'image/*', 'image/png', 'text/html', 'application/json'];
    const methods = ['PUT', 'POST', 'multipart'] as const;
    const someOf = <T>(all: readonly T[]) =>
      fc.option(fc.subarray([...all], { minLength: 1 }), { nil: null });
    const size = fc.integer({ min: 0, max: 2_000 });
    const property = fc.property(
      fc.record({
        maxSizeBytes: fc.option(size, { nil: null }),
        contentTypes: someOf(types),
        methods: someOf(methods),
      }),
      fc.record({
        maxSizeBytes: size,
        contentTypes: fc.subarray(types, { minLength: 1 }),
        methods: fc.subarray([...methods], { minLength: 1 }),
      }),
      fc.record({
        contentType: fc.constantFrom('image/png', 'text/html', 'a/b', 'x'),
        size,
        method: fc.constantFrom(...methods),
      }),
      (grant, policy, ask) => {
        const tenant = tenantConfig(policy);
        const withGrant = judgeUpload(tenant, ask, limits(grant));
        const without = judgeUpload(tenant, ask);
        if (withGrant.refused.length === 0) assert.deepEqual(without.refused, []);
        assert.deepEqual(withGrant.granted, without.granted);
      },
    );
    fc.assert(property, { numRuns: 2_000 });
  });
});
