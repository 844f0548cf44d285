import { open } from 'node:fs/promises';
import { Secret } from '../secret.ts';
import { explain } from './command.ts';

const LONGEST = 65_536;
/** With less, whoever gets at the file can try passphrases until one opens it. */
const SHORTEST_PASSPHRASE = 16;

/** The file cannot be read, or does not hold what it is to hold. The message never quotes it. */
export class SecretFileUnusable extends Error {}

/** The one line of a file; its line end does not count. */
export async function readPassphrase(path: string): Promise<Secret> {
  const passphrase = (await readText(path)).replace(/\r?\n$/, '');
  if (passphrase === '' || /[\r\n]/.test(passphrase)) {
    throw new SecretFileUnusable(`${path}: it must hold one line, the passphrase`);
  }
  return new Secret(passphrase);
}

/** The same for closing a file. */
export async function readNewPassphrase(path: string): Promise<Secret> {
  const passphrase = await readPassphrase(path);
  if (passphrase.reveal().length >= SHORTEST_PASSPHRASE) return passphrase;
  throw new SecretFileUnusable(
    `${path}: the passphrase must have at least ${SHORTEST_PASSPHRASE} characters (openssl rand -base64 24)`,
  );
}

/** The identities of a file as age-keygen writes it. */
export async function readIdentities(path: string): Promise<Secret[]> {
  const lines = (await readText(path)).split(/\r?\n/).map((line) => line.trim());
  const identities = lines.filter((line) => line !== '' && !line.startsWith('#'));
  if (identities.length > 0 && identities.every((line) => line.startsWith('AGE-SECRET-KEY-'))) {
    return identities.map((identity) => new Secret(identity));
  }
  throw new SecretFileUnusable(
    `${path}: it must hold identities as age-keygen writes them, AGE-SECRET-KEY-…, one a line, in the clear`,
  );
}

async function readText(path: string): Promise<string> {
  try {
    await using file = await open(path, 'r');
    const facts = await file.stat();
    if (facts.isFile() && (facts.mode & 0o077) !== 0) {
      process.stderr.write(`warning: ${path}: others on this machine may read it; chmod 600\n`);
    }
    if (facts.size > LONGEST) throw new SecretFileUnusable(`${path}: it is too long for what it is to hold`);
    return await file.readFile('utf8');
  } catch (error) {
    if (error instanceof SecretFileUnusable) throw error;
    const isAbsent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw new SecretFileUnusable(`${path}: ${isAbsent ? 'there is no such file' : explain(error)}`);
  }
}
