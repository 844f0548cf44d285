import type { Mistake } from './errors.ts';

export type Path = readonly (string | number)[];

const LONGEST_SHOWN = 80;
/** Paths of files, but a secret is easily pasted into them. */
const FILES_WITH_SECRETS = new Set([
  'secretAccessKeyFile',
  'sessionTokenFile',
  'kekFile',
  'passwordFile',
  'keyFile',
]);

const CREDENTIALS = new Set<string | number>(['credentials', 'uploadCredentials']);

/** Collects mistakes, and is the one place that decides whether a value may be shown. */
export class Mistakes {
  readonly #list: Mistake[] = [];

  get list(): readonly Mistake[] {
    return this.#list;
  }

  /** @param value shown when it is a scalar and neither is nor could hold a secret. */
  add(path: Path, message: string, value?: unknown): void {
    const shown = show(path, value);
    this.#list.push({ path: pathText(path), ...(shown === undefined ? {} : { value: shown }), message });
  }

  /** A mistake at a place outside the document: a line of the file, an environment variable. */
  addAt(place: string, message: string): void {
    this.#list.push({ path: place, message });
  }
}

export function pathText(path: Path): string {
  const text = path.map((segment) => {
    if (typeof segment === 'number') return `[${segment}]`;
    return /^[\w-]+$/.test(segment) ? `.${segment}` : `[${JSON.stringify(segment)}]`;
  });
  return text.join('').replace(/^\./, '') || '(document)';
}

function show(path: Path, value: unknown): string | undefined {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return undefined;
  const last = path.at(-1);
  if (path.some((name) => CREDENTIALS.has(name)) && last !== 'kind') return undefined;
  if (typeof last === 'string' && (FILES_WITH_SECRETS.has(last) || last === 'password')) return undefined;
  // A URL with a user and a password.
  if (typeof value === 'string' && /\/\/[^/]*@/.test(value)) return undefined;
  const text = JSON.stringify(value);
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
}

/** `, did you mean …?` when one of the names is near, else nothing. */
export function didYouMean(name: string, names: readonly string[]): string {
  const near = names
    .map((candidate) => ({ candidate, far: distance(plain(name), plain(candidate)) }))
    .filter(({ candidate, far }) => far <= Math.ceil(candidate.length / 3))
    .sort((a, b) => a.far - b.far)[0];
  return near === undefined ? '' : `, did you mean ${near.candidate}?`;
}

/** Lower case, without `_`, `-` and the like: environment variables cannot say more. */
export function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

/** Levenshtein's. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (const [index, letter] of Array.from(a).entries()) {
    const next = [index + 1];
    for (let column = 1; column <= b.length; column++) {
      const changed = (row[column - 1] ?? 0) + (letter === b[column - 1] ? 0 : 1);
      next.push(Math.min(changed, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
