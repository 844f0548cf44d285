import { lookup } from 'node:dns/promises';
import type { LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** All addresses of a host name, as the system knows it. */
export type Resolve = (host: string) => Promise<readonly LookupAddress[]>;

/** The receiver's address may not be connected to. */
export class AddressRefused extends Error {}

/** All that the internet routes; the rest of IPv6 is kept back, or embeds IPv4 in old ways. */
const GLOBAL_IPV6 = ipaddr.parseCIDR('2000::/3');
/** NAT64: where there is no IPv4, DNS gives every IPv4 host such an address. */
const NAT64 = ipaddr.parseCIDR('64:ff9b::/96');

/**
 * Where a webhook may connect to. Nothing is looked up a second time between this check and the connection: it uses what this
 * returns (`pinned`), so that a name which changes meanwhile changes nothing.
 * @param host of a WHATWG URL, which writes every form of an IPv4 address dotted.
 * @param allowed CIDR ranges that are good although they are not public.
 * @throws AddressRefused when one of the addresses is not public: a name with a good one and a bad one is bad.
 */
export async function reachable(
  host: string,
  allowed: readonly string[],
  resolve: Resolve,
): Promise<readonly LookupAddress[]> {
  const literal = host.replace(/^\[(.*)\]$/, '$1');
  const family = isIP(literal);
  const addresses = family === 0 ? await resolve(literal) : [{ address: literal, family }];
  if (!addresses.every(({ address }) => isReachable(address, allowed))) throw new AddressRefused();
  return addresses;
}

export function isReachable(text: string, allowed: readonly string[]): boolean {
  if (!ipaddr.isValid(text)) return false;
  const given = ipaddr.parse(text);
  const meant = embeddedIn(given) ?? given;
  return isPublic(meant) || allowed.some((range) => isIn(given, range) || isIn(meant, range));
}

/** The IPv4 address that packets to this one end at. Where that is up to a relay (6to4, Teredo), there is none, and it is not public. */
function embeddedIn(address: Address): ipaddr.IPv4 | undefined {
  if (!isIPv6(address)) return undefined;
  if (address.isIPv4MappedAddress()) return address.toIPv4Address();
  return address.match(NAT64) ? new ipaddr.IPv4(address.toByteArray().slice(12)) : undefined;
}

function isPublic(address: Address): boolean {
  return address.range() === 'unicast' && (!isIPv6(address) || address.match(GLOBAL_IPV6));
}

function isIn(address: Address, range: string): boolean {
  const cidr = ipaddr.parseCIDR(range);
  return cidr[0].kind() === address.kind() && address.match(cidr);
}

function isIPv6(address: Address): address is ipaddr.IPv6 {
  return address.kind() === 'ipv6';
}

/** Gives a connection the addresses that were checked, whatever it asks for. */
export function pinned(addresses: readonly LookupAddress[]): LookupFunction {
  return (host, { all }, done) => {
    const [first] = addresses;
    if (first === undefined) done(Object.assign(new Error('no address'), { code: 'ENOTFOUND' }), '');
    else if (all === true) done(null, [...addresses]);
    else done(null, first.address, first.family);
  };
}

/**
 * The system's own look-up, which knows `/etc/hosts` and search domains. It takes one of the process's few threads for as long as it
 * lasts, so several at once for one name are one: a name server that hangs must not stop files and S3.
 */
export function systemResolve(): Resolve {
  const running = new Map<string, Promise<readonly LookupAddress[]>>();
  return (host) => {
    const found = running.get(host) ?? lookup(host, { all: true }).finally(() => running.delete(host));
    running.set(host, found);
    return found;
  };
}
