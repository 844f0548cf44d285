import { createSecretKey, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { localWrapper } from '../../src/custody/adapters/local.ts';
import type { KeyWrapper } from '../../src/custody/port.ts';
import { underIntermediates, wrapperSuite } from './wrapper-suite.ts';

const make = () => {
  const old: Kek = ['kek-old', createSecretKey(randomBytes(32))];
  const fresh: Kek = ['kek-new', createSecretKey(randomBytes(32))];
  return { before: local(old), during: local(fresh, old), after: local(fresh) };
};

wrapperSuite('local', make);
wrapperSuite('local under intermediate keys', underIntermediates(make));

type Kek = [id: string, key: KeyObject];

function local(current: Kek, ...others: Kek[]): KeyWrapper {
  return localWrapper({ id: 'local', ring: { current: current[0], keks: new Map([current, ...others]) } });
}
