import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readPage } from './pages.ts';

const page = await readPage('docs/aws.md');

/** File name → what it holds, from `` `cors.json` `` and the block below it. */
const files = new Map(
  Array.from(page.matchAll(/^`([\w-]+\.json)`\n\n```json\n(.*?)^```$/gms), ([, name = '', text = '']) => [
    name,
    JSON.parse(text) as Policy,
  ]),
);

interface Policy {
  readonly Statement?: readonly {
    readonly Action: string | readonly string[];
    readonly Resource?: unknown;
  }[];
}

const actionsOf = (policy: Policy | undefined) => policy?.Statement?.flatMap(({ Action }) => Action) ?? [];

describe('docs/aws.md', () => {
  it('has every JSON under the name that a command reads it by, and no other', () => {
    const read = Array.from(page.matchAll(/file:\/\/(\S+)/g), (found) => found[1]);
    assert.deepEqual([...files.keys()].sort(), read.sort());
    assert.equal(page.match(/^```json$/gm)?.length, files.size);
  });

  it('explains every right that the role gets, and no other', () => {
    const table = Array.from(page.matchAll(/^\| `(s3:\w+)` /gm), (found) => found[1] ?? '');
    assert.deepEqual(table.sort(), actionsOf(files.get('iam-policy.json')).sort());
    assert.equal(new Set(table).size, table.length);
  });

  it('grants rights on buckets and rights on objects apart', () => {
    for (const { Action, Resource } of files.get('iam-policy.json')?.Statement ?? []) {
      const ofBucket = [Action]
        .flat()
        .every((name) => /^s3:(ListBucket|Get(Bucket|Lifecycle|Encryption))/.test(name));
      assert.equal(Resource, `arn:aws:s3:::acme-uploads${ofBucket ? '' : '/*'}`);
    }
  });

  for (const [file, rights] of [
    ['kms-policy.json', /^\| `(kms:\w+)` /gm],
    ['recovery-policy.json', /^\| `(?!s3:|kms:)([A-Z]\w+)` /gm],
  ] as const) {
    it(`explains every right of ${file}, and no other`, () => {
      const table = Array.from(page.matchAll(rights), (found) => found[1] ?? '');
      const granted = actionsOf(files.get(file)).map((name) => name.replace(/^s3:/, ''));
      assert.deepEqual(table.sort(), [...granted].sort());
      assert.equal(new Set(table).size, table.length);
    });
  }

  it('lets the service remove its canaries from the recovery bucket, and no copies', () => {
    const deleting = (files.get('recovery-policy.json')?.Statement ?? []).filter(({ Action }) =>
      [Action].flat().some((name) => name.includes('Delete')),
    );
    assert.deepEqual(
      deleting.map(({ Resource }) => Resource),
      ['arn:aws:s3:::acme-keys/.sealslot-doctor/*'],
    );
  });

  it('demands no SSE-C of the recovery bucket, and of the other', () => {
    const demands = (file: string) => JSON.stringify(files.get(file)).includes('customer-algorithm');
    assert.equal(demands('recovery-bucket-policy.json'), false);
    assert.equal(demands('bucket-policy.json'), true);
  });

  it('gives no right to tag, to set ACLs or to change the bucket', () => {
    const wide = actionsOf(files.get('iam-policy.json')).filter((name) => /\*|^s3:Put(?!Object$)/.test(name));
    assert.deepEqual(wide, []);
  });
});
