import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { CustomerKey } from '../../src/custody/customer-key.ts';
import type { ObjectFacts } from '../../src/s3/port.ts';
import { available } from '../support/available.ts';
import type { Available } from '../support/available.ts';
import { startMinio } from '../support/minio.ts';
import { credentialsWithout } from '../support/minio-session.ts';
import type { S3Server } from '../support/s3-server.ts';
import { startSeaweedfs } from '../support/seaweedfs.ts';
import { trust } from './support-clients.ts';
import { BUCKET, FILE, FormWorld, OTHER_BUCKET, OTHER_FILE, sha256 } from './support-form.ts';
import type { Field, Form, Sending } from './support-form.ts';

const other = CustomerKey.generate().headers();

/** Another value for each field of the form: well-formed, so that nothing but the policy or the signature can refuse it. */
const OTHER_VALUES: Readonly<Record<string, string>> = {
  ...other,
  'x-amz-server-side-encryption-customer-algorithm': 'AES128',
  'Content-Type': 'text/html',
  success_action_status: '200',
  'x-amz-meta-invoice': '8',
  'x-amz-checksum-sha256': sha256(OTHER_FILE),
  tagging: '<Tagging><TagSet><Tag><Key>sealslot:v</Key><Value>2</Value></Tag></TagSet></Tagging>',
  'x-amz-tagging': 'sealslot%3Av=2',
  bucket: OTHER_BUCKET,
  key: 'acme/other.txt',
  'X-Amz-Algorithm': 'AWS4-HMAC-SHA1',
  'X-Amz-Date': '20200101T000000Z',
  'X-Amz-Signature': '0'.repeat(64),
};

const ADDED: readonly Field[] = [
  ['x-amz-meta-more', '1'],
  ['acl', 'public-read'],
  ['x-amz-acl', 'public-read'],
  ['Content-Encoding', 'gzip'],
  ['Content-Disposition', 'inline'],
  ['Content-Language', 'de'],
  ['Cache-Control', 'max-age=9'],
  ['Expires', 'Wed, 21 Oct 2099 07:28:00 GMT'],
  ['x-amz-storage-class', 'REDUCED_REDUNDANCY'],
  ['x-amz-website-redirect-location', 'https://elsewhere.example/'],
  ['redirect', 'https://elsewhere.example/'],
  ['success_action_redirect', 'https://elsewhere.example/'],
  ['If-None-Match', '*'],
  ['x-amz-server-side-encryption', 'AES256'],
  ['x-amz-server-side-encryption-aws-kms-key-id', 'a'],
  ['x-amz-checksum-crc32c', 'AAAAAA=='],
  ['x-amz-object-lock-legal-hold', 'ON'],
  ['x-amz-copy-source', `/${BUCKET}/other`],
  ['another', 'field'],
  ['x-ignore-another', 'field'],
];

/** What a server takes all the same, and what `complete` finds then: the names of what differs. */
type Taken = Readonly<Record<string, readonly string[]>>;

/** The bucket is the one in the URL, whatever the field says, and the policy is held against that: the object is the right one. */
const URL_NAMES_BUCKET: Taken = { 'bucket changed': [], 'bucket removed': [] };

const TAKEN: Readonly<Record<S3Server['name'], Taken>> = {
  // As S3 does: nothing comes of such a field.
  minio: { ...URL_NAMES_BUCKET, 'x-ignore-another added': [] },
  // SeaweedFS 4.48 asks for a condition only where the name starts with x-amz-.
  seaweedfs: {
    ...URL_NAMES_BUCKET,
    'acl added': [],
    'Content-Encoding added': ['contentEncoding'],
    'Content-Disposition added': ['contentDisposition'],
    'Content-Language added': ['contentLanguage'],
    'Cache-Control added': ['cacheControl'],
    'Expires added': ['expires'],
    'redirect added': [],
    'success_action_redirect added': [],
    'If-None-Match added': [],
    'another added': [],
    'x-ignore-another added': [],
  },
};

type Change = (form: Form) => Partial<Sending>;

const fieldsOf = (form: Form): Field[] => Object.entries(form.fields);
const put = (form: Form, name: string, value: string): Field[] =>
  fieldsOf(form).map(([n, v]) => [n, n === name ? value : v]);

function otherValue(name: string, value: string): string {
  if (name === 'Policy') {
    const policy = Buffer.from(value, 'base64').toString().replace(`${FILE.length},${FILE.length}`, '0,99');
    return Buffer.from(policy).toString('base64');
  }
  return name === 'X-Amz-Credential' ? value.replace(/\d{8}/, '20200101') : (OTHER_VALUES[name] ?? '');
}

function* changes(form: Form): Generator<[string, Change]> {
  for (const [name, value] of fieldsOf(form)) {
    assert.notEqual(otherValue(name, value), value);
    assert.notEqual(otherValue(name, value), '', name);
    yield [`${name} changed`, (f) => ({ fields: put(f, name, otherValue(name, f.fields[name] ?? '')) })];
    yield [`${name} removed`, (f) => ({ fields: fieldsOf(f).filter(([n]) => n !== name) })];
  }
  for (const field of ADDED) yield [`${field[0]} added`, (f) => ({ fields: [...fieldsOf(f), field] })];
  const customerKey = Object.keys(other);
  yield ['another customer key', (f) => ({ fields: Object.entries({ ...f.fields, ...other }) })];
  yield ['no customer key', (f) => ({ fields: fieldsOf(f).filter(([name]) => !customerKey.includes(name)) })];
  yield ['a byte more', () => ({ file: Buffer.concat([FILE, Buffer.from('x')]) })];
  yield ['a byte less', () => ({ file: FILE.subarray(1) })];
  yield ['another file of this size', () => ({ file: OTHER_FILE })];
  yield ['another bucket in the URL', (f) => ({ url: f.url.replace(BUCKET, OTHER_BUCKET) })];
}

/** CRC of `bits` bits, reflected, as S3 writes it: big-endian, in base64. */
function crc(bits: bigint, polynomial: bigint, bytes: Uint8Array): string {
  const ones = (1n << bits) - 1n;
  let value = ones;
  for (const byte of bytes) {
    value ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) value = (value & 1n) === 1n ? (value >> 1n) ^ polynomial : value >> 1n;
  }
  return Buffer.from((value ^ ones).toString(16).padStart(Number(bits / 4n), '0'), 'hex').toString('base64');
}

const CHECKSUMS: Readonly<Record<string, { value: string; of: (facts: ObjectFacts) => string | null }>> = {
  'x-amz-checksum-sha256': { value: sha256(FILE), of: (facts) => facts.sha256 },
  'x-amz-checksum-crc32c': { value: crc(32n, 0x82f63b78n, FILE), of: (facts) => facts.crc32c },
  'x-amz-checksum-crc64nvme': {
    value: crc(64n, 0x9a6c9329ac4bc9b5n, FILE),
    of: (facts) => facts.crc64nvme,
  },
};

function suite(name: S3Server['name'], backend: Available<S3Server>): void {
  describe(`an HTML form on ${name}`, { skip: backend.skip }, () => {
    const world = new FormWorld(backend);
    before(async () => {
      await world.open(true);
      trust(world.server.caPem);
    });
    after(async () => {
      await world.close();
      await backend.stop();
    });

    const send = (form: Form, change: Partial<Sending> = {}) =>
      world.curl({ url: form.url, fields: fieldsOf(form), file: FILE, ...change });
    const versions = async (objectKey: string) =>
      (await world.target.objects.remains(BUCKET, objectKey)).versions.length;

    it('takes the right form by curl -F: customer key, type, size, metadata, tag and checksum are there', async () => {
      const form = await world.form();
      const { status, body } = await send(form);
      assert.equal(status, 201, body);
      const lies = await world.lies(form);
      assert.deepEqual(lies?.differs, []);
      assert.equal(lies.facts.sseCustomerKeyMd5, form.key.md5());
      assert.equal(lies.facts.tagCount, 1);
      assert.deepEqual(lies.facts.metadata, { invoice: '7' });
    });

    it('takes the right form by fetch', async () => {
      const form = await world.form();
      const data = new FormData();
      for (const [field, value] of fieldsOf(form)) data.append(field, value);
      data.append('file', new Blob([FILE]), 'a.txt');
      assert.equal((await fetch(form.url, { method: 'POST', body: data })).status, 201);
      assert.deepEqual((await world.lies(form))?.differs, []);
    });

    it('HTML form by curl -F: each field changed, removed, added: refused', async (t) => {
      const taken: Record<string, readonly string[]> = {};
      const all = [...changes(await world.form())];
      for (const [what, change] of all) {
        const form = await world.form();
        const { status } = await send(form, change(form));
        const lies = await world.lies(form);
        assert.equal(lies === undefined, status >= 400, `${what}: ${status}`);
        if (lies) taken[what] = lies.differs;
      }
      assert.deepEqual(taken, TAKEN[name]);
      t.diagnostic(`${all.length - Object.keys(taken).length} of ${all.length} refused`);
      for await (const { objectKey } of world.target.buckets.versions(OTHER_BUCKET)) assert.fail(objectKey);
    });

    for (const [field, { value, of }] of Object.entries(CHECKSUMS)) {
      it(`has S3 check the file by ${field}`, async () => {
        const form = await world.form({}, { checksum: { [field]: value } });
        assert.equal((await send(form, { file: OTHER_FILE })).status, 400);
        assert.equal(await versions(form.objectKey), 0);
        assert.equal((await send(form)).status, 201);
        const facts = (await world.lies(form))?.facts;
        assert.equal(facts && of(facts), value);
      });
    }

    it('ends with its window, by the clock of S3', async () => {
      const ended = await world.form({}, { now: Date.now() - 61_000 });
      assert.equal((await send(ended)).status, 403);
      assert.equal(await versions(ended.objectKey), 0);
      const lasting = await world.form({}, { now: Date.now() - 30_000 });
      assert.equal((await send(lasting)).status, 201);
    });

    it('can be sent again until then, and the later file is the newest version', async () => {
      const form = await world.form({}, { checksum: {} });
      assert.equal((await send(form)).status, 201);
      const first = (await world.lies(form))?.facts.versionId;
      assert.equal((await send(form, { file: OTHER_FILE })).status, 201);
      assert.equal(await versions(form.objectKey), 2);
      assert.notEqual((await world.lies(form))?.facts.versionId, first);
    });

    if (name === 'minio') fanOut(world, send);
  });
}

/** MinIO's own field, which no policy binds: the file goes to the object keys it lists, in place of the form's. Only a right stops it. */
function fanOut(
  world: FormWorld,
  send: (form: Form, change?: Partial<Sending>) => Promise<{ status: number }>,
): void {
  const toAnother = (objectKey: string) => (form: Form) => ({
    fields: [...fieldsOf(form), ['x-minio-fanout-list', JSON.stringify({ key: objectKey })] as const],
  });

  it('binds the session token, and needs no right to fan out', async () => {
    const session = await credentialsWithout(world.server, 's3:PutObjectFanOut');
    const form = await world.form({}, { session });
    const name = 'X-Amz-Security-Token';
    const token = form.fields[name] ?? assert.fail('no token');
    assert.equal((await send(form, { fields: put(form, name, `${token}x`) })).status, 403);
    assert.equal((await send(form, { fields: fieldsOf(form).filter(([n]) => n !== name) })).status, 403);
    assert.equal((await send(form, toAnother('fan/denied')(form))).status, 403);
    assert.equal((await send(form)).status, 201);
    assert.equal((await world.target.objects.remains(BUCKET, 'fan/denied')).versions.length, 0);
  });

  it('writes to any object key of the bucket where the credentials may s3:PutObjectFanOut', async () => {
    const form = await world.form();
    assert.equal((await send(form, toAnother('fan/allowed')(form))).status, 200);
    assert.equal((await world.target.objects.remains(BUCKET, 'fan/allowed')).versions.length, 1);
  });
}

suite('minio', await available(() => startMinio()));
suite('seaweedfs', await available(() => startSeaweedfs()));
