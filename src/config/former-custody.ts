import type { Mistakes } from './mistakes.ts';

/** `custody: { kind: local, id: …, kekFile: … }`, as it was before there were several wrappers. */
export interface FormerCustody {
  readonly id?: unknown;
  readonly kekFile?: unknown;
}

const FORMER_NAME = 'local';
/** What is plainly a path may be repeated; anything else could be a KEK that was pasted there. */
const PLAIN_PATH = /^[\w./-]{1,100}\.[a-z]{1,8}$/i;
const PLAIN_NAME = /^[A-Za-z0-9][\w-]{0,63}$/;

export function isFormerCustody(custody: unknown): custody is FormerCustody {
  if (typeof custody !== 'object' || custody === null || Object.hasOwn(custody, 'wrappers')) return false;
  return ['kind', 'kekFile'].some((name) => Object.hasOwn(custody, name));
}

/** One mistake, with what to write in its place. */
export function sayFormerCustody({ id, kekFile }: FormerCustody, mistakes: Mistakes): void {
  const name = id === undefined ? FORMER_NAME : typeof id === 'string' && PLAIN_NAME.test(id) ? id : '<id>';
  const file = typeof kekFile === 'string' && PLAIN_PATH.test(kekFile) ? kekFile : '<the same file>';
  mistakes.add(
    ['custody'],
    `has its former form; write { current: ${name}, wrappers: { ${name}: { kind: local, kekFile: ${file} } } }. ` +
      `The name must stay "${name}": stored keys open under no other`,
  );
}
