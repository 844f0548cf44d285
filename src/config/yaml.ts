import { isAlias, LineCounter, parseDocument, visit } from 'yaml';
import { Mistakes } from './mistakes.ts';

/** The parser's own messages quote the source, which may be a secret: only its codes are used. */
const MEANINGS: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'this name is given twice; keep one',
  MULTIPLE_DOCS: 'must be one document; remove the "---" in between',
  TAG_RESOLVE_FAILED: 'tags ("!…") are not used here; remove it',
  TAB_AS_INDENT: 'is indented by tabs; use spaces',
  BAD_SCALAR_START: 'begins with a reserved character; put the value in quotes',
  BAD_INDENT: 'is indented wrongly',
  MULTILINE_IMPLICIT_KEY: 'a colon is missing, here or on the line before',
  MISSING_CHAR: 'a colon, quote or bracket is missing, here or on the line before',
  NON_STRING_KEY: 'names must be plain text',
};

/** @returns the document as plain values, or `undefined` when it is too broken to look at further. */
export function parseYaml(source: string, file: string, mistakes: Mistakes): unknown {
  const lines = new LineCounter();
  const document = parseDocument(source, {
    prettyErrors: false,
    lineCounter: lines,
    stringKeys: true,
    logLevel: 'error',
  });
  const at = (offset: number | undefined) => {
    const { line, col } = lines.linePos(offset ?? 0);
    return `${file}:${line}:${col}`;
  };
  let usable = true;
  for (const { code, pos } of [...document.errors, ...document.warnings]) {
    mistakes.addAt(at(pos[0]), MEANINGS[code] ?? `is not valid YAML (${code})`);
    usable &&= code === 'DUPLICATE_KEY' || code === 'TAG_RESOLVE_FAILED';
  }
  visit(document, {
    Node(_, node) {
      if (isAlias(node)) usable = false;
      if (isAlias(node) || node.anchor !== undefined)
        mistakes.addAt(
          at(node.range?.[0]),
          'anchors ("&") and aliases ("*") are not used here; write it out',
        );
    },
  });
  return usable ? (document.toJS() as unknown) : undefined;
}

/** One value, as an environment variable holds it. @throws when it is not valid YAML; the message holds no part of it. */
export function parseYamlValue(source: string): unknown {
  const mistakes = new Mistakes();
  const value = parseYaml(source, '', mistakes);
  if (mistakes.list.length > 0) throw new Error('not valid YAML');
  return value;
}
