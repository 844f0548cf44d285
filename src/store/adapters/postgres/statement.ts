import { createHash } from 'node:crypto';

/** A text as PostgreSQL wants it, with `$1` for the first of `parameters`. */
export interface Statement {
  /** Each text has one name, under which a connection prepares it once. */
  readonly name: string;
  readonly text: string;
  readonly parameters: readonly string[];
}

const compiled = new Map<string, Statement>();

/** @param sql with named parameters, `:name`. A cast is written `::type`, as ever. Texts are few: none holds a value. */
export function compile(sql: string): Statement {
  const known = compiled.get(sql);
  if (known !== undefined) return known;
  const parameters: string[] = [];
  const text = sql.replaceAll(/(?<!:):([a-z][a-z0-9_]*)/g, (_, name: string) => {
    if (!parameters.includes(name)) parameters.push(name);
    return `$${parameters.indexOf(name) + 1}`;
  });
  const name = createHash('sha256').update(text).digest('base64url').slice(0, 20);
  const statement = { name, text, parameters };
  compiled.set(sql, statement);
  return statement;
}
