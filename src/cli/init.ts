import { createKekFile } from '../custody/kek-file.ts';
import { readOptions, type Command } from './command.ts';

/** Makes the KEK file. Without it every object is lost, so its first advice is a backup. */
export const init: Command = async (args) => {
  const { values } = readOptions({
    args: [...args],
    options: { 'kek-file': { type: 'string', default: 'kek.json' } },
  });
  const path = values['kek-file'];
  const { kekId } = await createKekFile(path);
  process.stdout.write(
    `${path}: made, mode 0600, with the key-encryption key ${kekId}.\n` +
      'Keep a copy of it in a safe: whoever loses this file loses every object.\n',
  );
  return 0;
};
