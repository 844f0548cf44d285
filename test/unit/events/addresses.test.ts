import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import { describe, it } from 'node:test';
import { AddressRefused, isReachable, pinned, reachable } from '../../../src/events/addresses.ts';

const found =
  (...addresses: string[]) =>
  async (): Promise<LookupAddress[]> =>
    addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
const hostOf = (authority: string): string => new URL(`https://${authority}/`).hostname;

/** Each as somebody would write it into a URL. */
const NOT_PUBLIC: readonly string[] = [
  ...[
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0x7f.0.0.1',
    '0177.0.0.1',
    '127.0.0.1.',
    '①②⑦.0.0.1',
  ],
  ...['0', '0.0.0.0', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '100.64.0.1'],
  ...['169.254.169.254', '2852039166', '0xa9fea9fe', '224.0.0.1', '240.0.0.1', '255.255.255.255'],
  ...['192.0.0.170', '192.0.2.1', '198.18.0.1', '198.51.100.1', '203.0.113.1', '192.88.99.1'],
  ...[
    '[::]',
    '[::1]',
    '[fe80::1]',
    '[fc00::1]',
    '[fd00:ec2::254]',
    '[fec0::1]',
    '[ff02::1]',
    '[2001:db8::1]',
  ],
  // IPv4 within IPv6: mapped, compatible, translated, NAT64 (and its local one), 6to4, Teredo.
  ...['[::ffff:127.0.0.1]', '[::ffff:a9fe:a9fe]', '[0:0:0:0:0:ffff:10.0.0.1]', '[::127.0.0.1]', '[::7f00:1]'],
  ...[
    '[::8.8.8.8]',
    '[::ffff:0:127.0.0.1]',
    '[::ffff:0:8.8.8.8]',
    '[64:ff9b::127.0.0.1]',
    '[64:ff9b::a9fe:a9fe]',
  ],
  ...['[64:ff9b:1::8.8.8.8]', '[2002:7f00:1::]', '[2002:808:808::]', '[2001:0:808:808::1]'],
  // Kept back by IANA: nobody is there, unless somebody uses it inside.
  ...['[100::1]', '[400::1]', '[4000::1]', '[8000::1]', '[5f00::1]', '[3fff::1]', '[2001:2::1]'],
];
const PUBLIC = [
  '8.8.8.8',
  '134744072',
  '172.32.0.1',
  '[2606:4700::1111]',
  '[::ffff:8.8.8.8]',
  '[64:ff9b::808:808]',
];

describe('where webhooks may connect to', () => {
  const never = async (): Promise<never> => Promise.reject(new Error('an address was looked up'));

  for (const authority of NOT_PUBLIC) {
    it(`not ${authority}, which is ${hostOf(authority)}`, async () => {
      await assert.rejects(reachable(hostOf(authority), [], never), AddressRefused);
    });
  }

  for (const authority of PUBLIC) {
    it(`${authority}, which is ${hostOf(authority)}`, async () => {
      assert.equal((await reachable(hostOf(authority), [], never)).length, 1);
    });
  }

  it('nor a name of such an address, were it one among good ones, in any place', async () => {
    for (const addresses of [
      ['10.0.0.1'],
      ['8.8.8.8', '10.0.0.1'],
      ['::ffff:7f00:1', '8.8.8.8'],
      ['fe80::1%eth0'],
    ])
      await assert.rejects(reachable('crm.example', [], found(...addresses)), AddressRefused);
    const good = await reachable('crm.example', [], found('8.8.8.8', '2606:4700::1111'));
    assert.deepEqual(good, await found('8.8.8.8', '2606:4700::1111')());
  });

  it('what the configuration allows, in every form of it, and only that', async () => {
    const allowed = ['10.1.0.0/16', 'fd00::/8'];
    for (const address of ['10.1.2.3', 'fd12::1', '::ffff:10.1.2.3', '64:ff9b::10.1.2.3'])
      assert.equal(isReachable(address, allowed), true, address);
    for (const address of ['10.2.0.1', 'fc00::1', '::ffff:10.2.0.1', '127.0.0.1', 'not an address'])
      assert.equal(isReachable(address, allowed), false, address);
    assert.equal(isReachable('64:ff9b:1::1', ['64:ff9b:1::/48']), true);
    assert.equal((await reachable('crm.example', allowed, found('10.1.2.3'))).length, 1);
    await assert.rejects(reachable('crm.example', allowed, found('10.1.2.3', '10.2.0.1')), AddressRefused);
  });

  it('a connection gets the addresses that were checked, in either form of the question', async () => {
    const checked = await found('8.8.8.8', '2606:4700::1111')();
    const answers: unknown[] = [];
    pinned(checked)('other.example', { all: true }, (...answer) => answers.push(answer));
    pinned(checked)('other.example', {}, (...answer) => answers.push(answer));
    assert.deepEqual(answers, [
      [null, checked],
      [null, '8.8.8.8', 4],
    ]);
  });
});
