import { open, readFile, realpath } from 'node:fs/promises';
import { unusable } from '../../client/node/local-file.ts';
import { UsageError } from '../command.ts';

/** One file that is done. */
export interface JournalEntry {
  /** Absolute, symbolic links resolved. */
  readonly file: string;
  /** Bytes. */
  readonly size: number;
  /** RFC 3339: the file's modification time. */
  readonly modifiedAt: string;
  /** base64. */
  readonly sha256: string;
  /** Of the upload. */
  readonly id: string;
  readonly endpoint: string;
}

export interface Journal extends AsyncDisposable {
  /** Absolute: the journal itself is not uploaded. */
  readonly realPath: string;
  find(file: Pick<JournalEntry, 'file' | 'size' | 'modifiedAt' | 'endpoint'>): JournalEntry | undefined;
  /** Appends one line, in one write. */
  note(entry: JournalEntry): Promise<void>;
}

/** What every journal begins with; a file that does not is something else and is not touched. */
const BEGINNING = '{"file":';

/** @throws UsageError when it cannot be opened or is something else. */
export async function openJournal(path: string): Promise<Journal> {
  try {
    const text = await readFile(path, 'utf8').catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
      throw error;
    });
    if (!text.startsWith(BEGINNING.slice(0, text.length)))
      throw new UsageError(`--journal ${path}: is no journal`);
    const done = entriesIn(text);
    const file = await open(path, 'a', 0o600);
    // A line that a kill cut short stays alone on its line, and is ignored.
    if (text !== '' && !text.endsWith('\n')) await file.write('\n');
    return {
      realPath: await realpath(path),
      find({ file: name, size, modifiedAt, endpoint }) {
        const entry = done.get(keyOf(endpoint, name));
        return entry?.size === size && entry.modifiedAt === modifiedAt ? entry : undefined;
      },
      async note(entry) {
        await file.write(`${JSON.stringify(entry)}\n`);
      },
      [Symbol.asyncDispose]: () => file.close(),
    };
  } catch (error) {
    throw error instanceof UsageError
      ? error
      : new UsageError(`--journal ${path}: ${unusable(error).message}`);
  }
}

const keyOf = (endpoint: string, file: string): string => JSON.stringify([endpoint, file]);

function entriesIn(text: string): Map<string, JournalEntry> {
  const entries = new Map<string, JournalEntry>();
  for (const line of text.split('\n')) {
    try {
      const entry = JSON.parse(line) as JournalEntry;
      entries.set(keyOf(entry.endpoint, entry.file), entry);
    } catch {
      // Torn, or the end.
    }
  }
  return entries;
}
