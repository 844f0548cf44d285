import { Ajv, type ErrorObject } from 'ajv';
import { isFormerCustody, sayFormerCustody } from './former-custody.ts';
import { didYouMean, type Mistakes, type Path } from './mistakes.ts';
import { type Document, DocumentSchema, type SchemaNode } from './schema.ts';

/** What is left of a document when all that the schema refuses is taken out. */
export type Partially<T> = T extends readonly (infer E)[]
  ? readonly (Partially<E> | undefined)[]
  : T extends object
    ? { readonly [K in keyof T]?: Partially<T[K]> | undefined }
    : T;

// Not `verbose`: errors then carry no values. What is made for one document alone is not worth optimizing.
const ajv = new Ajv({
  allErrors: true,
  discriminator: true,
  allowUnionTypes: true,
  coerceTypes: false,
  code: { optimize: false },
});
ajv.addVocabulary(['says']);
const valid = ajv.compile(DocumentSchema);

/** Adds the schema's mistakes. The answer is a copy in which every value has the schema's type, so that the other checks can go on. */
export function validate(document: unknown, mistakes: Mistakes): Partially<Document> {
  const copy = structuredClone(document);
  if (valid(document)) return copy as Document;
  const former = valueAt(document, ['custody']);
  const isFormer = isFormerCustody(former);
  if (isFormer) {
    sayFormerCustody(former, mistakes);
    remove(copy, ['custody'], false);
  }
  for (const error of valid.errors ?? []) {
    if (isFormer && error.instancePath.split('/')[1] === 'custody') continue;
    // Said already: by `propertyNames` (this is its reason), and by `required`.
    if (error.propertyName !== undefined) continue;
    if (error.keyword === 'discriminator' && error.params.tagValue === undefined) continue;
    const found = explain(error, document);
    mistakes.add(found.path, found.message, found.value);
    if (found.remove) remove(copy, found.path, error.keyword === 'additionalProperties');
  }
  return typeof copy === 'object' && copy !== null && !Array.isArray(copy) ? copy : {};
}

interface Found {
  path: Path;
  message: string;
  value?: unknown;
  remove: boolean;
}

function explain(error: ErrorObject, document: unknown): Found {
  const schema = nodeAt(error.schemaPath);
  const path = decode(error.instancePath, document);
  const params: Record<string, unknown> = error.params;
  const member = (name: unknown) => [...path, String(name)];
  const wrong = (message: string) => ({ path, message, value: valueAt(document, path), remove: true });
  const count = (limit: unknown, what: string) => `must have at least ${String(limit)} ${what}`;

  switch (error.keyword) {
    case 'required':
      return { path: member(params.missingProperty), message: 'is missing', remove: false };
    case 'additionalProperties': {
      const name = String(params.additionalProperty);
      const names = Object.keys(schema.properties ?? {});
      const near = didYouMean(name, names);
      return {
        path: member(name),
        message: `is not known here${near === '' ? `; known are ${names.join(', ')}` : near}`,
        remove: true,
      };
    }
    case 'propertyNames': {
      const says = schema.propertyNames?.says ?? 'is not a name';
      return { path: member(params.propertyName), message: `its name ${says}`, remove: true };
    }
    case 'discriminator': {
      const kinds = (schema.oneOf ?? []).map((variant) => variant.properties?.kind?.const);
      return { path: member('kind'), message: oneOf(kinds), value: params.tagValue, remove: true };
    }
    case 'enum':
      return wrong(oneOf(schema.enum ?? []));
    case 'type': {
      const found = wrong(`must be ${typeNames(params.type)}`);
      // Where a map or a list belongs, a text may be a secret that slipped a level.
      return params.type === 'object' || params.type === 'array' ? { ...found, value: undefined } : found;
    }
    case 'pattern':
      return wrong(schema.says ?? 'has the wrong form');
    case 'minimum':
      return wrong(`must be at least ${String(params.limit)}`);
    case 'maximum':
      return wrong(`must be at most ${String(params.limit)}`);
    case 'minLength':
      return wrong('must not be empty');
    case 'minItems':
      return wrong(count(params.limit, 'item'));
    case 'minProperties':
      return wrong(count(params.limit, 'member'));
    case 'uniqueItems':
      return wrong('must not hold the same item twice');
    default:
      return wrong(error.message ?? 'is wrong');
  }
}

const oneOf = (values: readonly unknown[]) =>
  `must be ${values.length > 1 ? 'one of ' : ''}${values.join(', ')}`;

function typeNames(type: unknown): string {
  const NAMES: Readonly<Record<string, string>> = {
    object: 'a map',
    array: 'a list',
    string: 'text (put it in quotes)',
    integer: 'a whole number',
    boolean: 'true or false',
  };
  return String(type)
    .split(',')
    .map((name) => NAMES[name] ?? name)
    .join(' or ');
}

interface ErrorSchema extends SchemaNode {
  readonly propertyNames?: SchemaNode;
}

/** The schema that holds the keyword at `#/properties/listen/…/keyword`. */
function nodeAt(schemaPath: string): ErrorSchema {
  const segments = schemaPath.slice(2).split('/').slice(0, -1).map(unescape);
  return valueAt(DocumentSchema, segments) ?? {};
}

function decode(pointer: string, document: unknown): Path {
  const path: (string | number)[] = [];
  for (const segment of pointer.split('/').slice(1).map(unescape)) {
    path.push(Array.isArray(valueAt(document, path)) ? Number(segment) : segment);
  }
  return path;
}

const unescape = (segment: string) => segment.replaceAll('~1', '/').replaceAll('~0', '~');

function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const segment of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, segment)) return undefined;
    value = (value as Record<string | number, unknown>)[segment];
  }
  return value;
}

/** Unknown members go; known ones and list items become `undefined`: not usable, but not missing either. */
function remove(root: unknown, path: Path, unknownMember: boolean): void {
  const parent = valueAt(root, path.slice(0, -1));
  const last = path.at(-1);
  if (typeof parent !== 'object' || parent === null || last === undefined) return;
  if (unknownMember) Reflect.deleteProperty(parent, last);
  else Reflect.set(parent, last, undefined);
}
