import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Folder, minimal, put } from './folder.ts';

async function mistakesOf(custody: unknown) {
  await using folder = await Folder.make();
  return await folder.mistakes(put(minimal(), 'custody', custody));
}

describe('the former configuration of custody', () => {
  it('is one mistake, with the new form and the name that has to stay', async () => {
    const found = await mistakesOf({ kind: 'local', id: 'main-kek', kekFile: 'keys/kek.json' });
    assert.deepEqual(
      found.map(({ path, value }) => [path, value]),
      [['custody', undefined]],
    );
    assert.match(
      found[0]!.message,
      /\{ current: main-kek, wrappers: \{ main-kek: \{ kind: local, kekFile: keys\/kek\.json \} \} \}/,
    );
    assert.match(found[0]!.message, /name must stay "main-kek"/);
  });

  it('was called local unless it had a name', async () => {
    const found = await mistakesOf({ kind: 'local', kekFile: 'kek.json' });
    assert.equal(found.length, 1);
    assert.match(found[0]!.message, /current: local, wrappers: \{ local:.*must stay "local"/s);
  });

  it('never repeats a KEK that was pasted in the place of its file, nor what is no name', async () => {
    for (const pasted of [Buffer.alloc(32, 0xa7).toString('base64'), 'a7'.repeat(32)]) {
      const found = await mistakesOf({ kind: 'local', id: pasted + '=', kekFile: pasted });
      assert.equal(found.length, 1, JSON.stringify(found));
      assert.ok(!JSON.stringify(found).includes(pasted));
    }
  });

  it('leaves the mistakes of the form that there is now as they are', async () => {
    const found = await mistakesOf({ kind: 'local', current: 'local', wrappers: {} });
    assert.deepEqual(found.map(({ path }) => path).sort(), ['custody.kind', 'custody.wrappers']);
  });
});

describe('a KEK file that is not there', () => {
  const messageOf = async (hasStore: boolean): Promise<string> => {
    await using folder = await Folder.make();
    if (hasStore) await folder.write('slots.db', 'there');
    const [found] = await folder.mistakes(put(minimal(), 'custody.wrappers.local.kekFile', 'gone.json'));
    return found!.message;
  };

  it('where there is a store: is to be brought back, and nothing is said of making one', async () => {
    const message = await messageOf(true);
    assert.match(message, /does not exist.*bring it back from its backup/);
    assert.doesNotMatch(message, /init/);
  });

  it('where there is none: may also be made', async () => {
    assert.match(await messageOf(false), /bring it back from its backup, or.*sealslot init --kek-file/);
  });
});
