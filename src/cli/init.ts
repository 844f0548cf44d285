import { createKekFile } from '../custody/kek-file.ts';

export interface InitOptions {
  readonly kekFile: string;
}

/** Makes the KEK file. Without it every object is lost, so its first advice is a backup. */
export async function init({ kekFile: path }: InitOptions): Promise<number> {
  const { kekId } = await createKekFile(path);
  process.stdout.write(
    `${path}: made, mode 0600, with the key-encryption key ${kekId}.\n` +
      'Keep a copy of it in a safe: whoever loses this file loses every object.\n',
  );
  return 0;
}
