import assert from 'node:assert/strict';
import { join } from 'node:path';
import { sha256 } from '../demo/checks.ts';
import { makeToken, type Objects } from './beginning.ts';
import type { Runbook } from './runbook.ts';

/** What is destroyed, and how all of it comes back. */
export interface Disaster {
  readonly name: string;
  readonly folder: string;
  readonly lose: (book: Runbook) => Promise<void>;
  readonly restore: (book: Runbook) => Promise<void>;
}

const EX_CONFIG = 78;

/** The last one writes to S3: the copies in tags, under the new KEK. */
export const DISASTERS: readonly Disaster[] = [
  {
    name: 'the store is lost: recover',
    folder: 'store-lost',
    async lose({ run }) {
      await run('rm sealslot.db*');
      // There is no store, and none is made: that would look like one without keys.
      await run('sealslot audit', EX_CONFIG);
    },
    async restore({ run }) {
      await run('sealslot recover');
      await run(makeToken);
    },
  },
  {
    name: 'the KEK is lost: its backup',
    folder: 'kek-lost',
    async lose({ run }) {
      await run('rm kek.json');
      await run('sealslot serve', EX_CONFIG);
    },
    async restore({ run }) {
      await run('cp ../safe/kek.json kek.json');
    },
  },
  {
    name: 'store and KEK are lost: a new KEK, import --keys',
    folder: 'both-lost',
    async lose({ run }) {
      await run('rm sealslot.db* kek.json');
      await run('sealslot serve', EX_CONFIG);
    },
    async restore({ run }) {
      await run('sealslot init');
      await run('sealslot import --keys ../safe/keys.age --identity-file ../safe/identity.txt');
      await run(makeToken);
      await run('sealslot rewrap --to local');
    },
  },
];

/** Every object by a download of the service's own, each hash compared; then the audit finds nothing wrong. */
export async function proveAllThere({ dir, run, serve }: Runbook, objects: Objects): Promise<string> {
  const service = await serve();
  try {
    for (const [id, expected] of objects) {
      await run(`sealslot download --api-key-file token --output ${id}.restored ${id}`);
      assert.equal(await sha256(join(dir, `${id}.restored`)), expected, `${id} has another SHA-256`);
    }
  } finally {
    await service.stop();
  }
  await run('sealslot audit');
  return `${objects.size} objects, each with the SHA-256 it was uploaded with`;
}
