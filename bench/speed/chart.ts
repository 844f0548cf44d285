import type { Row } from './results.ts';
import { escapeXml } from './xml.ts';

const COUNTS = [16, 64] as const;
const WIDTH = 760;
const LEFT = 190;
const RIGHT = 60;
const TOP = 64;
const BAR = 13;
const ROW = 44;
const FOOT = 50;
/** Grey enough to be read on white and on black. */
const INK = '#808080';
const COLOURS: Readonly<Record<(typeof COUNTS)[number], string>> = { 16: '#4c8dd6', 64: '#d68a3c' };
const MOST_TICKS = 8;
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20];

/** Throughput over that of the naive endpoint, a bar each for 16 and 64 connections with its spread. The dashed line is the naive endpoint. */
export function chartOf(rows: readonly Row[]): string {
  const shown = rows.filter(
    ({ connections, variant }) =>
      // The empty POST is ten times the naive one, and would leave no room to tell the others apart.
      variant !== 'empty' && (COUNTS as readonly number[]).includes(connections),
  );
  const variants = [...new Set(shown.map(({ variant }) => variant))];
  const most = Math.max(1, ...shown.map(({ toNaive }) => toNaive?.max ?? 0));
  const step = STEPS.find((one) => most / one <= MOST_TICKS) ?? Math.ceil(most / MOST_TICKS);
  const end = Math.ceil(most / step) * step;
  const x = (ratio: number): number => LEFT + (ratio / end) * (WIDTH - LEFT - RIGHT);
  const bottom = TOP + ROW * variants.length;
  const ticks = Array.from({ length: Math.round(end / step) + 1 }, (_, index) => index * step);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${bottom + FOOT}" role="img" font-family="sans-serif" font-size="12" fill="${INK}">`,
    '<title>Throughput over that of the naive endpoint, at 16 and 64 connections</title>',
    `<text x="${LEFT}" y="20" font-size="14">Answers a second, as a multiple of the naive endpoint</text>`,
    ...COUNTS.map(
      (count, index) =>
        `<rect x="${LEFT + index * 140}" y="34" width="12" height="12" fill="${COLOURS[count]}"/>` +
        `<text x="${LEFT + 18 + index * 140}" y="44">${count} connections</text>`,
    ),
    ...ticks.map((tick) => grid(x(tick), bottom, Number(tick.toFixed(1)))),
    `<line x1="${at(x(1))}" y1="${TOP - 4}" x2="${at(x(1))}" y2="${bottom}" stroke="${INK}" stroke-dasharray="4 3"/>`,
    ...variants.flatMap((variant, index) => {
      const y = TOP + ROW * index;
      const own = shown.filter((row) => row.variant === variant);
      return [
        `<text x="${LEFT - 8}" y="${y + BAR + 8}" text-anchor="end">${escapeXml(variant)}</text>`,
        ...COUNTS.flatMap((count, place) =>
          bar(
            own.find(({ connections }) => connections === count),
            y + 4 + place * (BAR + 3),
            x,
          ),
        ),
      ];
    }),
    `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${bottom + 38}" text-anchor="middle">÷ naive, median of the rounds; the thin line is their spread</text>`,
    '</svg>\n',
  ].join('\n');
}

function grid(x: number, bottom: number, tick: number): string {
  return (
    `<line x1="${at(x)}" y1="${TOP - 4}" x2="${at(x)}" y2="${bottom}" stroke="${INK}" stroke-opacity="0.25"/>` +
    `<text x="${at(x)}" y="${bottom + 18}" text-anchor="middle">${tick}</text>`
  );
}

function bar(row: Row | undefined, y: number, x: (ratio: number) => number): string[] {
  if (row?.toNaive == null) return [];
  const { median, min, max } = row.toNaive;
  const colour = COLOURS[row.connections as (typeof COUNTS)[number]];
  const middle = y + BAR / 2;
  return [
    `<rect x="${at(x(0))}" y="${y}" width="${at(x(median) - x(0))}" height="${BAR}" fill="${colour}"/>`,
    `<line x1="${at(x(min))}" y1="${middle}" x2="${at(x(max))}" y2="${middle}" stroke="${INK}"/>`,
    `<text x="${at(x(Math.max(median, max)) + 5)}" y="${y + BAR - 2}">${median.toFixed(2)}</text>`,
  ];
}

const at = (x: number): string => x.toFixed(1);
