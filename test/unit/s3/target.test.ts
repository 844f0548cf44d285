import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEFAULTS } from '../../../src/config/defaults.ts';
import type { TargetConfig } from '../../../src/config/config.ts';
import { createTarget } from '../../../src/s3/adapters/target.ts';
import type { Presigner } from '../../../src/s3/port.ts';
import { Secret } from '../../../src/secret.ts';

const endpoint = new URL('https://s3.example.com');
const statically = (accessKeyId: string) =>
  ({ kind: 'static', accessKeyId, secretAccessKey: new Secret('secret'), sessionToken: undefined }) as const;
const CONFIG: TargetConfig = {
  ...{ endpoint, publicEndpoint: endpoint, region: 'us-east-1', pathStyle: true, ca: undefined },
  credentials: statically('AKIASERVICE'),
  ...DEFAULTS.s3,
};

async function signerOf(presigner: Presigner): Promise<string | undefined> {
  const window = await presigner.open(60, Date.now());
  const url = window.sign({ method: 'PUT', bucket: 'b', objectKey: 'k', headers: {} });
  return new URL(url).searchParams.get('X-Amz-Credential')?.split('/')[0];
}

describe('a target', () => {
  it('signs uploads with `uploadCredentials`, and all else with `credentials`', async () => {
    const target = createTarget({ ...CONFIG, uploadCredentials: statically('AKIAUPLOADS') });
    assert.equal(await signerOf(target.uploadPresigner), 'AKIAUPLOADS');
    assert.equal(await signerOf(target.presigner), 'AKIASERVICE');
    assert.equal((await target.credentials()).accessKeyId, 'AKIASERVICE');
    target.close();
  });

  it('signs everything with `credentials` where there are no others', async () => {
    const target = createTarget(CONFIG);
    assert.equal(target.uploadPresigner, target.presigner);
    assert.equal(await signerOf(target.presigner), 'AKIASERVICE');
    target.close();
  });
});
