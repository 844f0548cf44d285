import type { CheckText } from '../../src/doctor/finding.ts';
import { code, table } from './markdown.ts';

/** What each line of `sealslot doctor` asks. */
export function checks(all: Readonly<Record<string, CheckText>>): string {
  const rows = Object.entries(all).map(([id, { title, means }]) => [title, code(id), means]);
  return table(['line', 'check', 'what it means'], rows);
}
