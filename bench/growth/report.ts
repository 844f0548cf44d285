import type { Seen } from './plans.ts';
import { ratioOf, type Measured } from './rounds.ts';

/** How one use case did, by size. */
export interface Row {
  readonly name: string;
  readonly sizes: readonly Measured[];
}

const number = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toFixed(1);

/** A table in Markdown. @param sizes the first is what the others are compared with. */
export function tableOf(sizes: readonly number[], rows: readonly Row[]): string {
  const named = sizes.map((slots) => slots.toLocaleString('en-US'));
  const heads = [
    'use case',
    ...named.flatMap((slots) => [`${slots}: median`, 'p99', 'CPU', 'read']),
    ...named.slice(1).map((slots) => `× at ${slots} (range)`),
    ...named.slice(1).map((slots) => `CPU × at ${slots}`),
  ];
  const lines = rows.map(({ name, sizes: measured }) => {
    const [small, ...large] = measured;
    return [
      name,
      ...measured.flatMap(({ median, p99, cpu, bytesRead }) => [
        ...[median, p99, cpu].map(number),
        (bytesRead / 1024).toFixed(1),
      ]),
      ...large.map((other) => {
        if (small === undefined) return '';
        const { median, least, most } = ratioOf(other, small);
        return `${median.toFixed(2)} (${least.toFixed(2)}–${most.toFixed(2)})`;
      }),
      ...large.map((other) => (small === undefined ? '' : (other.cpu / small.cpu).toFixed(2))),
    ];
  });
  return markdown(heads, lines);
}

/** What the statements looked at, by size. */
export function plansTable(sizes: readonly number[], seen: readonly ReadonlyMap<string, Seen>[]): string {
  const heads = ['use case', ...sizes.flatMap((slots) => [`pages at ${slots}`, 'passed']), 'scans'];
  const names = [...(seen[0]?.keys() ?? [])];
  const lines = names.map((name) => {
    const all = seen.flatMap((one) => one.get(name) ?? []);
    return [
      name,
      ...all.flatMap(({ pages, passed }) => [String(pages), String(passed)]),
      all.at(-1)?.scans.join(', ') ?? '',
    ];
  });
  return markdown(heads, lines);
}

export function markdown(heads: readonly string[], lines: readonly (readonly string[])[]): string {
  const all = [heads, heads.map((_, index) => (index === 0 ? '---' : '---:')), ...lines];
  return all.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
