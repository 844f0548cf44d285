import type { PoolClient } from 'pg';
import type { Row, Value } from '../sql/rows.ts';
import { isOfStatement, unavailable } from './errors.ts';
import { compile } from './statement.ts';

type Scalar = Value | boolean;

/** By parameter name. A list is one array parameter. */
export type Values = Readonly<Record<string, Scalar | readonly Scalar[]>>;

/**
 * One connection, in hand of one call. Statements have named parameters, `:name`; they are prepared once for each connection. Name the
 * columns that are wanted (no `*`): a newer version may add a column while this one works.
 * @throws DependencyUnavailable with the server's SQLSTATE, for `sqlState`.
 */
export interface Session {
  all(sql: string, values?: Values): Promise<Row[]>;
  get(sql: string, values?: Values): Promise<Row | undefined>;
  /** @returns how many rows were changed. */
  run(sql: string, values?: Values): Promise<number>;
  /** One or more statements without parameters. @returns the last one's command tag. */
  script(sql: string): Promise<string>;
}

export class ClientSession implements Session {
  readonly #client: PoolClient;
  /** The connection can be used no more. */
  isLost = false;

  constructor(client: PoolClient) {
    this.#client = client;
  }

  async all(sql: string, values: Values = {}): Promise<Row[]> {
    return (await this.#query(sql, values)).rows;
  }

  async get(sql: string, values: Values = {}): Promise<Row | undefined> {
    return (await this.#query(sql, values)).rows[0];
  }

  async run(sql: string, values: Values = {}): Promise<number> {
    return (await this.#query(sql, values)).rowCount ?? 0;
  }

  async script(sql: string): Promise<string> {
    return this.#noting(async () => {
      const results = await this.#client.query(sql);
      // The types do not say that several statements have several results.
      const last = Array.isArray(results) ? (results.at(-1) as typeof results) : results;
      return last.command;
    });
  }

  #query(sql: string, values: Values) {
    const { name, text, parameters } = compile(sql);
    const list = parameters.map((parameter) => {
      const value = values[parameter];
      if (value === undefined) throw new TypeError(`the parameter ${parameter} has no value`);
      return value;
    });
    return this.#noting(() => this.#client.query<Row>({ name, text, values: list }));
  }

  async #noting<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      const failure = unavailable(error);
      if (!isOfStatement(failure)) this.isLost = true;
      throw failure;
    }
  }
}
