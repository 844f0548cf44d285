import { X509Certificate } from 'node:crypto';
import { constants } from 'node:fs';
import { access, readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Mistakes, Path } from './mistakes.ts';

/** The files that a document names. Relative paths start at the document's own folder. */
export class ConfigFiles {
  readonly #folder: string;
  readonly #mistakes: Mistakes;
  readonly #texts = new Map<string, string>();

  constructor(folder: string, mistakes: Mistakes) {
    this.#folder = folder;
    this.#mistakes = mistakes;
  }

  absolute(name: string): string {
    return resolve(this.#folder, name);
  }

  /** What `readText` or `readCertificates` read before. */
  text(name: string): string {
    const text = this.#texts.get(this.absolute(name));
    if (text === undefined) throw new Error('this file was not read by the checks');
    return text;
  }

  async readText(path: Path, name: string | undefined): Promise<string | undefined> {
    if (name === undefined) return undefined;
    try {
      const text = (await readFile(this.absolute(name), 'utf8')).trim();
      this.#texts.set(this.absolute(name), text);
      if (text !== '') return text;
      this.#mistakes.add(path, 'the file is empty', name);
    } catch (error) {
      this.#mistakes.add(path, reason(error) + whereFrom(error), name);
    }
    return undefined;
  }

  async readCertificates(path: Path, name: string | undefined): Promise<void> {
    const text = await this.readText(path, name);
    if (text === undefined) return;
    try {
      // Node skips a CA that it cannot parse, and every connection then fails without saying why.
      new X509Certificate(text);
    } catch {
      this.#mistakes.add(path, 'the file must hold certificates in PEM form', name);
    }
  }

  /** Looks at a file that another part of the service will read. */
  async checkReadable(path: Path, name: string | undefined, hint = ''): Promise<void> {
    if (name === undefined) return;
    try {
      await access(this.absolute(name), constants.R_OK);
      const facts = await stat(this.absolute(name));
      if (facts.isDirectory()) this.#mistakes.add(path, 'must be a file, not a folder', name);
      else if (facts.isFile() && facts.size === 0) this.#mistakes.add(path, 'the file is empty', name);
    } catch (error) {
      this.#mistakes.add(path, reason(error) + whereFrom(error) + hint, name);
    }
  }

  /** For a file that the service makes itself. */
  async checkFolderOf(path: Path, name: string | undefined): Promise<void> {
    if (name === undefined) return;
    const facts = await stat(dirname(this.absolute(name))).catch(() => undefined);
    if (facts?.isDirectory() !== true) this.#mistakes.add(path, 'its folder must exist', name);
  }
}

/** A file is often looked for in the wrong folder. */
function whereFrom(error: unknown): string {
  const isAbsent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
  return isAbsent ? ' (relative paths start at the folder of the configuration)' : '';
}

/** Why a file cannot be read. Node's own message repeats the path, which may be a secret that was pasted into the wrong field. */
export function reason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  if (code === 'ENOENT') return 'the file does not exist';
  if (code === 'EACCES') return 'the file must be readable for this user';
  if (code === 'EISDIR') return 'must be a file, not a folder';
  return `the file cannot be read (${code})`;
}
