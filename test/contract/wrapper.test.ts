import { createSecretKey, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { localWrapper } from '../../src/custody/adapters/local.ts';
import type { KeyWrapper } from '../../src/custody/port.ts';
import { temporaryStore, underHierarchy } from '../support/under-hierarchy.ts';
import { wrapperSuite } from './wrapper-suite.ts';

wrapperSuite('local', () => {
  const old: Kek = ['kek-old', createSecretKey(randomBytes(32))];
  const fresh: Kek = ['kek-new', createSecretKey(randomBytes(32))];
  return { before: local(old), during: local(fresh, old), after: local(fresh) };
});

wrapperSuite('local under intermediate keys', async () => {
  const old: Kek = ['kek-old', createSecretKey(randomBytes(32))];
  const fresh: Kek = ['kek-new', createSecretKey(randomBytes(32))];
  const { store, ...temporary } = await temporaryStore();
  return {
    before: underHierarchy(local(old), store),
    during: underHierarchy(local(fresh, old), store),
    after: underHierarchy(local(fresh), store),
    close: () => temporary[Symbol.asyncDispose](),
  };
});

type Kek = [id: string, key: KeyObject];

function local(current: Kek, ...others: Kek[]): KeyWrapper {
  return localWrapper({ id: 'local', ring: { current: current[0], keks: new Map([current, ...others]) } });
}
