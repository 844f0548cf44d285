import { DocumentSchema, type SchemaNode } from '../../src/config/schema.ts';

/** One line of the reference. */
export interface Setting {
  /** Dotted; `<name>` where the operator chooses, `[n]` in a list. */
  readonly path: string;
  readonly node: SchemaNode;
  /** A setting beside it that has to be `kind: …` for this one. */
  readonly onlyWith: string | undefined;
  readonly required: boolean;
  /** For `kind`: what each value means. */
  readonly variants: readonly SchemaNode[];
}

export interface Section {
  readonly path: string;
  readonly description: string;
  readonly settings: readonly Setting[];
}

/** What `SIGHUP` puts in force, as `ConfigSnapshot` decides it; a test reloads with each setting changed. */
export function reloads(path: string): boolean {
  return /^(cors|content|grants|auth|tenants)\.|^s3\.targets\.<name>\.(credentials|uploadCredentials)\./.test(
    path,
  );
}

/** `SEALSLOT_TENANTS__<NAME>__BUCKET`. */
export function variableOf(path: string): string {
  return `SEALSLOT_${path.replace('[n]', '.0').toUpperCase().replaceAll('.', '__')}`;
}

/** The schema as sections: one for each top-level name, each named or listed thing, each union by `kind`. */
export function sections(): Section[] {
  const document = DocumentSchema as SchemaNode;
  return Object.entries(document.properties ?? {}).flatMap(([name, node]) => section(name, node));
}

function section(path: string, node: SchemaNode): Section[] {
  const below: Section[] = [];
  const settings = node.oneOf ? settingsByKind(path, node.oneOf, below) : settingsOf(path, node, below);
  const own: Section[] =
    settings.length === 0 ? [] : [{ path, description: node.description ?? '', settings }];
  if (typeof node.additionalProperties === 'object') {
    own.push(...section(`${path}.<name>`, node.additionalProperties));
  }
  return [...own, ...below];
}

/** @param below gets what makes a section of its own. */
function settingsOf(path: string, node: SchemaNode, below: Section[]): Setting[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, child]) => {
    const at = `${path}.${name}`;
    if (child.items?.properties) {
      below.push(...section(`${at}[n]`, child.items));
      return [];
    }
    if (child.oneOf || typeof child.additionalProperties === 'object') {
      below.push(...section(at, child));
      return [];
    }
    if (child.properties) return settingsOf(at, child, below);
    return [setting(at, child, node.required?.includes(name) === true)];
  });
}

/** A setting of several kinds has a line for each: its words and its default may differ. */
function settingsByKind(path: string, variants: readonly SchemaNode[], below: Section[]): Setting[] {
  const kinds = variants.map((variant) => variant.properties?.kind ?? {});
  const kind = { ...setting(`${path}.kind`, {}, true), variants: kinds };
  const others = variants.flatMap((variant, index) =>
    settingsOf(path, variant, below)
      .filter((one) => one.path !== kind.path)
      .map((one) => (variants.length === 1 ? one : { ...one, onlyWith: String(kinds[index]?.const) })),
  );
  return [kind, ...others];
}

function setting(path: string, node: SchemaNode, required: boolean): Setting {
  return { path, node, required, onlyWith: undefined, variants: [] };
}
