import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { corsDocument, minioSetting, planFor, ruleFor } from '../../../src/cors/rule.ts';
import type { CorsRule } from '../../../src/s3/port.ts';
import type { UploadMethod } from '../../../src/uploads/upload.ts';

const APP = 'https://app.example.com';
const need = (origins: readonly string[], ...methods: UploadMethod[]) => ({
  origins,
  methods: new Set(methods),
});
const OURS = ruleFor(need([APP], 'PUT'));
const foreign = (origin: string, ...methods: string[]): CorsRule => ({
  ID: 'theirs',
  AllowedOrigins: [origin],
  AllowedMethods: methods,
});
/** As somebody has set it by hand. */
const nameless = { ...OURS };
Reflect.deleteProperty(nameless, 'ID');

describe('the rule of a bucket', () => {
  it('allows the methods that its tenants use, and GET', () => {
    const methods = (...used: UploadMethod[]) => ruleFor(need([APP], ...used)).AllowedMethods;
    assert.deepEqual(methods('PUT'), ['GET', 'HEAD', 'PUT']);
    assert.deepEqual(methods('multipart'), ['GET', 'HEAD', 'PUT']);
    assert.deepEqual(methods('POST'), ['GET', 'HEAD', 'POST']);
    assert.deepEqual(methods('PUT', 'POST', 'multipart'), ['GET', 'HEAD', 'PUT', 'POST']);
  });

  it('is written as the AWS CLI reads it, and as MinIO is started', () => {
    assert.deepEqual(JSON.parse(corsDocument([OURS])), {
      CORSRules: [
        {
          ID: 'sealslot',
          AllowedOrigins: [APP],
          AllowedMethods: ['GET', 'HEAD', 'PUT'],
          AllowedHeaders: ['*'],
          ExposeHeaders: ['ETag', 'Content-Range', 'x-amz-request-id'],
          MaxAgeSeconds: 600,
        },
      ],
    });
    assert.equal(
      minioSetting([APP, 'https://b.example']),
      `MINIO_API_CORS_ALLOW_ORIGIN=${APP},https://b.example`,
    );
  });
});

describe('what becomes of the rules that a bucket has', () => {
  it('none: ours is added; a second time nothing is done', () => {
    const first = planFor([], OURS, false);
    assert.deepEqual([first.rules, first.added, first.removed], [[OURS], [OURS], []]);
    const again = planFor(first.rules, OURS, false);
    assert.deepEqual([again.rules, again.added, again.removed, again.kept], [[OURS], [], [], []]);
  });

  it('ours of before is replaced, and those of others stay, in their order', () => {
    const others = [foreign('https://one.example', 'GET'), foreign(APP, 'DELETE')];
    const [one, two] = others as [CorsRule, CorsRule];
    const former = ruleFor(need(['https://old.example'], 'PUT', 'POST'));
    const { rules, added, removed, kept, rivals } = planFor([one, former, two], OURS, false);
    assert.deepEqual(rules, [one, two, OURS]);
    assert.deepEqual([added, removed, kept, rivals], [[OURS], [former], others, []]);
  });

  it('one that says the same by another name, or by none, is ours already', () => {
    const shuffled: CorsRule = {
      ...nameless,
      AllowedMethods: ['PUT', 'HEAD', 'GET'],
      ExposeHeaders: ['etag', 'content-range', 'X-Amz-Request-Id'],
    };
    for (const same of [shuffled, { ...OURS, ID: 'by-hand' }]) {
      const { added, removed, rules } = planFor([same], OURS, false);
      assert.deepEqual([added, removed, rules], [[], [], [same]]);
    }
  });

  it('two of ours become one', () => {
    const { rules, removed } = planFor([OURS, nameless], OURS, false);
    assert.deepEqual(rules, [OURS]);
    assert.equal(removed.length, 2);
  });

  for (const origin of [APP, '*', 'https://*', 'https://*.example.com', '*.com']) {
    it(`one for ${origin} is a rival, and leaves only when that is asked for`, () => {
      const rival = foreign(origin, 'GET');
      const other = foreign('https://one.example', 'PUT');
      const asked = planFor([rival, other], OURS, false);
      assert.deepEqual(asked.rivals, [rival]);
      assert.deepEqual(asked.removed, []);
      const { rules, removed, kept } = planFor([rival, other], OURS, true);
      assert.deepEqual([rules, removed, kept], [[other, OURS], [rival], [other]]);
      // Also where ours is there already.
      const beside = planFor([rival, OURS], OURS, true);
      assert.deepEqual([beside.rules, beside.removed, beside.added], [[OURS], [rival], []]);
    });
  }

  for (const origin of [
    'https://app.example.org',
    'http://*',
    'https://app.example.com*x',
    'https://*.app.example.com',
  ]) {
    it(`one for ${origin} is none`, () => {
      assert.deepEqual(planFor([foreign(origin, 'GET', 'PUT')], OURS, false).rivals, []);
    });
  }
});
