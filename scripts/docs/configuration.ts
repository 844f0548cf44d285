import type { SchemaNode } from '../../src/config/schema.ts';
import { code, either, escape, table } from './markdown.ts';
import { reloads, type Section, sections, type Setting, variableOf } from './settings.ts';

/** The reference: a heading, what a change takes, the variables and a table for each section. */
export function settings(): string {
  return sections().map(sectionText).join('\n\n');
}

function sectionText({ path, description, settings }: Section): string {
  const paths = settings.map((setting) => setting.path);
  const reload = paths.every(reloads)
    ? 'A reload (`SIGHUP`) puts changes in force.'
    : 'A change needs a restart.';
  return [
    `## ${code(path)}`,
    `${description} ${reload}`,
    table(['setting', 'value', 'default', 'meaning'], settings.map(cells)),
    `From the environment: ${paths.map((one) => code(variableOf(one))).join(',\n')}.`,
  ].join('\n\n');
}

function cells({ path, node, required, onlyWith, variants }: Setting): string[] {
  if (variants.length > 0) {
    const kinds = variants.map((variant) => code(String(variant.const)));
    const meanings = variants.map((variant, index) => `${kinds[index] ?? ''}: ${variant.description ?? ''}`);
    return [code(path), either(kinds), '**required**', meanings.join(' ')];
  }
  const value = node.writeOnly === true ? '**secret** text' : valueOf(node);
  const needed = `**required**${onlyWith === undefined ? '' : ` with ${code(onlyWith)}`}`;
  return [code(path), value, required ? needed : defaultOf(path, node), node.description ?? ''];
}

function valueOf(node: SchemaNode): string {
  if (node.enum !== undefined) return either(node.enum.map((value) => code(String(value))));
  if (node.says !== undefined) return escape(node.says.replace(/^must be /, ''));
  const types = [node.type ?? []].flat().map((type) => {
    if (type === 'array') return `list, each ${valueOf(node.items ?? {})}`;
    if (type === 'integer') return `whole number, ${range(node)}`;
    return type === 'boolean' ? '`true` or `false`' : 'text';
  });
  return types.join(', or ');
}

function range({ minimum = 0, maximum }: SchemaNode): string {
  return maximum === undefined ? `from ${minimum}` : `${minimum} to ${maximum}`;
}

function defaultOf(path: string, node: SchemaNode): string {
  if (node.default === undefined) return '–';
  const text = typeof node.default === 'string' ? node.default : JSON.stringify(node.default);
  const isTime = typeof node.default === 'number' && /seconds/i.test(path);
  return code(text) + (isTime ? inWords(node.default) : '');
}

/** ` (30 days)`, where that says more than the number. */
function inWords(seconds: number): string {
  const units = [['day', 86_400] as const, ['hour', 3600] as const, ['minute', 60] as const];
  const [unit, length] = units.find(([, length]) => seconds % length === 0) ?? ['second', 1];
  if (unit === 'second') return '';
  const count = seconds / length;
  return ` (${count} ${unit}${count === 1 ? '' : 's'})`;
}
