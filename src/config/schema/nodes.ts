import { type Static, type TProperties, type TSchema, Type } from 'typebox';

/** 2^31 − 1 seconds fit every timer and date that we use. */
export const SECONDS = { minimum: 1, maximum: 2_147_483_647 };
export const NAME = '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$';
export const NAME_SAYS = 'must be 1 to 63 letters, digits, ".", "_" or "-", beginning with a letter or digit';

/** For docs/configuration.md. Defaults take effect in `build.ts`, not by the schema. */
export type Words = Readonly<{ description: string; default?: unknown; says?: string }>;

export const text = (words: Words & { maxLength?: number }) => Type.String({ minLength: 1, ...words });
export const file = (words: Words) => text({ says: 'must be a path', ...words });
export const url = (words: Words) => text({ says: 'must be a URL', ...words });
export const optional = Type.Optional;
/** How long a dependency has for an answer: no longer than proxies and clients wait for one of ours. */
export const timeoutSeconds = (words: Words) => Type.Integer({ minimum: 1, maximum: 60, ...words });
export const map = <P extends TProperties>(properties: P, words?: Words) =>
  Type.Object(properties, { additionalProperties: false, ...words });

/** A map whose names the operator chooses. At least one, unless there is a default. */
export const named = <T extends TSchema>(schema: T, words?: Words) =>
  Type.Unsafe<Record<string, Static<T>>>({
    type: 'object',
    propertyNames: { type: 'string', pattern: NAME, says: NAME_SAYS },
    additionalProperties: schema,
    ...(words?.default === undefined && { minProperties: 1 }),
    ...words,
  });

/** A union told apart by `kind`, so that a mistake in one variant is not reported for all. */
export const byKind = <T extends TSchema[]>(words: Words, ...variants: T) =>
  Type.Unsafe<Static<T[number]>>({
    type: 'object',
    discriminator: { propertyName: 'kind' },
    required: ['kind'],
    oneOf: variants,
    ...words,
  });

/** JSON Schema as the generic walkers (overrides, messages, docs) see it. */
export interface SchemaNode {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[] | undefined;
  readonly additionalProperties?: boolean | SchemaNode;
  readonly items?: SchemaNode;
  readonly oneOf?: readonly SchemaNode[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  /** Our own: what to tell people when `pattern` does not match; "must be …". */
  readonly says?: string;
  /** What the setting does and why one would change it, in Markdown. */
  readonly description?: string;
  readonly default?: unknown;
  /** The value is a secret. */
  readonly writeOnly?: boolean;
}
