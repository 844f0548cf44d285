import dns from 'node:dns';
import dnsPromises from 'node:dns/promises';
import { syncBuiltinESMExports } from 'node:module';
import { Socket } from 'node:net';

// Preloaded into Node (`--import …/node.ts?{"uploads.example.com:443":8443}`), so that a program whose text names a server of the
// documents reaches the one of the tests. TLS still asks for the certificate of the name. curl does the same by `connect-to`, Chromium by
// `--host-resolver-rules`, Python by sitecustomize.py beside this file.
const ports = JSON.parse(decodeURIComponent(new URL(import.meta.url).search.slice(1))) as Record<
  string,
  number
>;
const hosts = new Set(Object.keys(ports).map((name) => name.replace(/:\d+$/, '')));

interface Target {
  readonly host?: string;
  readonly port?: string | number;
}

function led<T>(to: T): T {
  const { host, port } = to as Target;
  const there = ports[`${host ?? 'localhost'}:${port ?? ''}`];
  return there === undefined ? to : { ...to, host: '127.0.0.1', port: there };
}

// eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own `this`
const { connect } = Socket.prototype;
Socket.prototype.connect = function (this: Socket, ...args: unknown[]): Socket {
  const [first] = args;
  // net.connect hands over an array that it has marked as its own: [options, callback].
  if (Array.isArray(first)) first[0] = led<unknown>(first[0]);
  else if (typeof first === 'object' && first !== null) args[0] = led(first);
  return Reflect.apply(connect, this, args) as Socket;
};

const known = (host: string): string => (hosts.has(host) ? '127.0.0.1' : host);
for (const module of [dns, dnsPromises] as { lookup: (host: string, ...more: unknown[]) => unknown }[]) {
  const { lookup } = module;
  module.lookup = (host, ...more) => lookup(known(host), ...more);
}
syncBuiltinESMExports();
