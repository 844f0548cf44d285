import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { objectUrl } from '../../../src/s3/object-url.ts';

const AWS = new URL('https://s3.eu-central-1.amazonaws.com');
const LOCAL = new URL('https://127.0.0.1:9000');

describe('objectUrl', () => {
  it('puts the bucket into the path in path style', () => {
    assert.deepEqual(objectUrl(LOCAL, true, 'bucket', 'a/b.txt'), {
      protocol: 'https:',
      host: '127.0.0.1:9000',
      path: '/bucket/a/b.txt',
    });
  });

  it('puts the bucket into the host in virtual-host style', () => {
    assert.deepEqual(objectUrl(AWS, false, 'bucket', 'a/b.txt'), {
      protocol: 'https:',
      host: 'bucket.s3.eu-central-1.amazonaws.com',
      path: '/a/b.txt',
    });
  });

  it('keeps a path of the endpoint, and leaves out the default port', () => {
    const location = objectUrl(new URL('https://gateway.example:443/s3/'), true, 'bucket', 'k');
    assert.deepEqual(location, { protocol: 'https:', host: 'gateway.example', path: '/s3/bucket/k' });
  });

  for (const [objectKey, path] of [
    ['a b', 'a%20b'],
    ['a+b', 'a%2Bb'],
    ['100%', '100%25'],
    ['%2F', '%252F'],
    ['a//b/', 'a//b/'],
    ['/a', '/a'],
    ["!'()*", '%21%27%28%29%2A'],
    ['-_.~', '-_.~'],
    ['…/😀', '%E2%80%A6/%F0%9F%98%80'],
    ['a?b#c&d=e', 'a%3Fb%23c%26d%3De'],
    ['a/../b', 'a/../b'],
  ] as const) {
    it(`encodes ${JSON.stringify(objectKey)} once and normalises nothing`, () => {
      assert.equal(objectUrl(LOCAL, true, 'b', objectKey).path, `/b/${path}`);
    });
  }
});
